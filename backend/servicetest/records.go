// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// records returns all records that a query selects, page by page.
func (f *fixture) records(q backend.Query) []backend.Object {
	f.Helper()
	q.Kind = backend.KindRecord
	all, err := backend.ListAll(context.Background(), f, q)
	if err != nil {
		f.Fatalf("listing records: %v", err)
	}
	return all
}

// calls describes records, as "VERB OUTCOME OBJECTS; …".
func calls(records []backend.Object) string {
	var out []string
	for _, o := range records {
		l := o.Record.Parse()
		out = append(out, strings.TrimSpace(l.Verb+" "+l.Outcome()+" "+l.Objects()))
	}
	return strings.Join(out, "; ")
}

// audited makes the calls whose records the cases list.
func (f *fixture) audited() {
	f.Helper()
	f.environments("dev", "prod")
	f.must(secret("dev", "db", "v"))
	f.must(in("app/x", secret("prod", "smtp", "v")))
	f.value(secretRef("dev", "db"))
	f.resolve(secretRef("dev", "missing"))
	f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: project, Environment: "dev", Name: "db",
		Rename: ptr("main")})
	f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "other"})
}

var recordCases = []testCase{
	{"records say who did what with which outcome, newest first", func(f *fixture) {
		f.audited()
		records := f.records(backend.Query{Project: project})
		equal(f, "records", calls(records), "apply ok secret main; resolve not_found secret missing; resolve ok secret db; "+
			"apply ok secret smtp; apply ok secret db; apply ok environment prod; apply ok environment dev; "+
			"apply ok project default")
		seen := map[string]bool{}
		for _, o := range records {
			hash := sha256.Sum256([]byte("\x00" + o.Record.Line))
			l := o.Record.Parse()
			if seen[o.ID] || o.Kind != backend.KindRecord || string(hash[:]) != string(o.Record.Hash) {
				f.Errorf("record %s: %s, hash %x", o.ID, o.Record.Line, o.Record.Hash)
			}
			if seen[o.ID] = true; o.Name != l.Verb || o.CreatedBy != l.Principal || o.CreatedBy == "" ||
				!o.CreatedAt.Equal(l.At) || string(o.Role) != l.Role || o.Project != project {
				f.Errorf("object %+v with the line %s", o, o.Record.Line)
			}
		}
		oldest := f.records(backend.Query{Project: project, OldestFirst: true})
		slices.Reverse(oldest)
		equal(f, "oldest first", calls(oldest), calls(records))
		other := f.records(backend.Query{Project: "other"})
		equal(f, "of another project", calls(other), "apply ok project other")
		all := f.records(backend.Query{})
		equal(f, "of all logs", slices.IndexFunc(all, func(o backend.Object) bool { return o.ID == other[0].ID }), 0)
		equal(f, "of the deployment too", len(all) > len(records)+1, true)
	}},
	{"records are selected by who, what, when, where and outcome", func(f *fixture) {
		f.audited()
		id := f.list(backend.Query{Kind: backend.KindSecret, Project: project, Name: "main"})[0].ID
		all := f.records(backend.Query{Project: project})
		by := all[0].CreatedBy
		for _, c := range []struct {
			q    backend.Query
			want string
		}{
			{backend.Query{Verb: "resolve"}, "resolve not_found secret missing; resolve ok secret db"},
			{backend.Query{Verb: "reveal"}, ""},
			{backend.Query{Verb: "resolve", By: by}, "resolve not_found secret missing; resolve ok secret db"},
			{backend.Query{By: "nobody"}, ""},
			{backend.Query{Code: "not_found"}, "resolve not_found secret missing"},
			{backend.Query{Code: "denied"}, ""},
			{backend.Query{Code: backend.CodeOK, Verb: "resolve"}, "resolve ok secret db"},
			{backend.Query{Name: "db"}, "apply ok secret main; resolve ok secret db; apply ok secret db"},
			{backend.Query{ID: id}, "apply ok secret main; resolve ok secret db; apply ok secret db"},
			{backend.Query{Environment: "prod"}, "apply ok secret smtp; apply ok environment prod"},
			{backend.Query{Scope: "app/x"}, "apply ok secret smtp"},
			{backend.Query{Environment: "prod", Name: "db"}, ""},
			{backend.Query{Since: all[1].CreatedAt}, calls(all[:2])},
			{backend.Query{Until: all[5].CreatedAt}, calls(all[6:])},
			{backend.Query{Since: all[3].CreatedAt, Until: all[1].CreatedAt}, calls(all[2:4])},
		} {
			c.q.Project = project
			equal(f, show(c.q), calls(f.records(c.q)), c.want)
			for limit := 1; limit <= 3; limit++ {
				c.q.Limit = limit
				equal(f, show(c.q), calls(f.records(c.q)), c.want)
			}
			c.q.OldestFirst = true
			oldest := f.records(c.q)
			slices.Reverse(oldest)
			equal(f, show(c.q), calls(oldest), c.want)
		}
	}},
	{"a list of records that follows goes on with later ones", func(f *fixture) {
		f.environments("dev")
		q := backend.Query{Kind: backend.KindRecord, Follow: true, Limit: 2}
		next := func() (got string) {
			for range 100 {
				page, err := f.Query(context.Background(), q)
				if err != nil || page.Next == "" {
					f.Fatalf("following: a page with the cursor %q, and %v", page.Next, err)
				}
				if q.Cursor = page.Next; len(page.Objects) == 0 {
					return strings.TrimPrefix(got, "; ")
				}
				got += "; " + calls(page.Objects)
			}
			f.Fatal("the list does not end")
			return ""
		}
		equal(f, "before", strings.HasSuffix(next(), "apply ok environment dev"), true)
		equal(f, "nothing new", next(), "")
		f.must(secret("dev", "a", "v"))
		f.value(secretRef("dev", "a"))
		equal(f, "new", next(), "apply ok secret a; resolve ok secret a")
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "later"})
		equal(f, "of a new project", next(), "apply ok project later")
		equal(f, "nothing new", next(), "")
	}},
	{"the records of a deleted project stay", func(f *fixture) {
		id := f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "gone"})[0].Object.ID
		for _, purge := range []bool{false, true} {
			f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindProject, ID: id, Purge: purge})
			want := "apply ok project gone"
			for _, o := range f.records(backend.Query{Project: id, Verb: "apply"}) {
				equal(f, "a record", calls([]backend.Object{o}), want)
			}
			equal(f, "records", len(f.records(backend.Query{Project: id, Verb: "apply"})) > 1, true)
			_, err := f.Query(context.Background(), backend.Query{Kind: backend.KindRecord, Project: "gone"})
			equal(f, "by name", backend.AsError(err).Code, backend.CodeNotFound)
		}
	}},
	{"wrong queries of records are refused", func(f *fixture) {
		f.environments("dev")
		now := time.Now()
		for _, c := range []struct {
			q    backend.Query
			says string
		}{
			{backend.Query{Type: "x"}, "no selector type"},
			{backend.Query{Draft: "x"}, "no selector draft"},
			{backend.Query{Deleted: true}, "no selector deleted"},
			{backend.Query{Held: true}, "no selector held"},
			{backend.Query{Search: "x"}, "for a list of entries only"},
			{backend.Query{Since: now, Until: now}, "is not after since"},
			{backend.Query{Cursor: "x"}, "the cursor is not valid"},
			{backend.Query{Cursor: "MSBjaGFuZ2Vz"}, "the cursor is not valid"},
			{backend.Query{Project: "none"}, `project "none" does not exist`},
			{backend.Query{Verb: "reveals"}, `has the verb "reveals"`},
			{backend.Query{Code: "refused"}, `has the outcome "refused"`},
			{backend.Query{Limit: -1}, "a page of -1 objects"},
		} {
			c.q.Kind = backend.KindRecord
			_, err := f.Query(context.Background(), c.q)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				f.Errorf("%s: %v, want an error that says %q", show(c.q), err, c.says)
			}
		}
		for _, q := range []backend.Query{{By: "x"}, {Verb: "x"}, {Code: "x"}, {Since: now}, {Until: now},
			{OldestFirst: true}, {Follow: true}} {
			q.Kind, q.Project = backend.KindSecret, project
			_, err := f.Query(context.Background(), q)
			equal(f, show(q), backend.AsError(err).Code, backend.CodeInvalid)
		}
	}},
}

// audits gives the role auditor at some places.
func audits(where backend.Where) backend.Grant { return backend.Grant{Role: "auditor", Where: where} }

// projectsOf lists the projects of the records that a query selects, each once.
func (f *fixture) projectsOf(q backend.Query) string {
	f.Helper()
	var projects []string
	for _, o := range f.records(q) {
		projects = append(projects, o.Project)
	}
	slices.Sort(projects)
	return strings.Join(slices.Compact(projects), " ")
}

var accessRecordCases = []accessCase{
	{"records are listed to who has the right to audit for the whole project", func(f *accessFixture) {
		f.filled()
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "hidden"})
		one := f.bound("one", audits(backend.Where{Project: project}))
		everywhere := f.bound("everywhere", audits(backend.Where{}))
		blind := f.bound("blind", backend.Grant{Role: "viewer", Where: backend.Where{Project: project}})
		nobody := f.bound("nobody")
		equal(one, "projects of one", one.projectsOf(backend.Query{}), project)
		equal(one, "its project", len(one.records(backend.Query{Project: project})) > 0, true)
		equal(one, "each record once", len(one.records(backend.Query{Limit: 1})), len(one.records(backend.Query{})))
		equal(one, "projects everywhere", everywhere.projectsOf(backend.Query{}), f.projectsOf(backend.Query{}))
		hidden := f.list(backend.Query{Kind: backend.KindProject, Name: "hidden"})[0].ID
		for name, c := range map[string]struct {
			of   *fixture
			q    backend.Query
			want *backend.Error
		}{
			"another project":          {one, backend.Query{Project: "hidden"}, backend.ErrNotFound},
			"another project by id":    {one, backend.Query{Project: hidden}, backend.ErrNotFound},
			"without the right":        {blind, backend.Query{Project: project}, backend.ErrDenied},
			"all without the right":    {blind, backend.Query{}, backend.ErrDenied},
			"without a binding":        {nobody, backend.Query{Project: project}, backend.ErrNotFound},
			"all without a binding":    {nobody, backend.Query{}, backend.ErrDenied},
			"an unknown id everywhere": {nobody, backend.Query{Project: hidden}, backend.ErrNotFound},
		} {
			c.q.Kind = backend.KindRecord
			if _, err := c.of.Query(context.Background(), c.q); backend.AsError(err).Code != c.want.Code {
				f.Errorf("%s: %v, want %s", name, err, c.want.Code)
			}
		}
	}},
	{"a binding to a part of a project does not list its records", func(f *accessFixture) {
		f.filled()
		for i, where := range []backend.Where{{Environment: "dev"}, {Scope: "app/x"}, {Names: "db_*"}} {
			where.Project = project
			part := f.bound(fmt.Sprint("part-", i), audits(where))
			_, err := part.Query(context.Background(), backend.Query{Kind: backend.KindRecord, Project: project})
			equal(part, "the code", backend.AsError(err).Code, backend.CodeDenied)
			part.mentions(backend.AsError(err), `no binding with the right "audit"`, project)
		}
	}},
	{"a cursor of another caller lists nothing that one may not read", func(f *accessFixture) {
		f.filled()
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "hidden"})
		one := f.bound("one", audits(backend.Where{Project: project}))
		for _, q := range []backend.Query{{}, {OldestFirst: true}, {Follow: true}} {
			q.Kind, q.Limit = backend.KindRecord, 1
			page, err := f.Query(context.Background(), q)
			if err != nil || page.Next == "" {
				f.Fatalf("the first page of an admin: %v, %q", err, page.Next)
			}
			q.Cursor, q.Limit = page.Next, 0
			page, err = one.Query(context.Background(), q)
			if err != nil || len(page.Objects) == 0 {
				f.Errorf("the cursor of an admin gives %d records, %v", len(page.Objects), err)
			}
			for _, o := range page.Objects {
				equal(f.fixture, "the project of "+o.ID, o.Project, project)
			}
		}
	}},
	{"a right that was taken away lists no more records", func(f *accessFixture) {
		f.filled()
		one := f.bound("one", audits(backend.Where{Project: project}))
		q := backend.Query{Kind: backend.KindRecord, Limit: 1}
		page, err := one.Query(context.Background(), q)
		if err != nil || page.Next == "" {
			f.Fatalf("the first page: %v, %q", err, page.Next)
		}
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, Name: "one-0"})
		q.Cursor = page.Next
		_, err = one.Query(context.Background(), q)
		equal(f.fixture, "the code", backend.AsError(err).Code, backend.CodeDenied)
	}},
}
