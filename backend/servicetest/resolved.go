// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// RunRecorded runs the cases that need the records of reads: when secrets were last resolved, and lists of the audit
// log. open is as for Run.
func RunRecorded(t *testing.T, open func(t *testing.T) backend.Service) {
	for _, c := range slices.Concat(resolvedCases, recordCases) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(&fixture{T: t, Service: open(t)})
		})
	}
}

// lastResolved returns the secrets of a query with LastResolved, as "NAME by NAME", or "NAME never".
func (f *fixture) lastResolved(q backend.Query) string {
	f.Helper()
	q.Kind, q.LastResolved = backend.KindSecret, true
	if q.Project == "" && q.ID == "" {
		q.Project = project
	}
	objects, err := backend.ListAll(context.Background(), f, q)
	if err != nil {
		f.Fatalf("querying: %v", err)
	}
	var out []string
	for _, o := range objects {
		if o.LastResolvedAt.IsZero() != (o.LastResolvedBy == "") {
			f.Errorf("secret %s was resolved at %v by %q", o.Name, o.LastResolvedAt, o.LastResolvedBy)
		}
		if age := time.Since(o.LastResolvedAt); !o.LastResolvedAt.IsZero() && (age < 0 || age > time.Hour) {
			f.Errorf("secret %s was resolved %v ago", o.Name, age)
		}
		when := "never"
		if !o.LastResolvedAt.IsZero() {
			when = "resolved"
		}
		out = append(out, o.Name+" "+when)
	}
	return strings.Join(out, ", ")
}

var resolvedCases = []testCase{
	{"a resolved secret says when and by whom, if it is asked", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "a", "v"), secret("dev", "b", "v"))
		equal(f, "before", f.lastResolved(backend.Query{}), "a never, b never")
		f.value(secretRef("dev", "a"))
		equal(f, "after", f.lastResolved(backend.Query{}), "a resolved, b never")
		f.value(secretRef("dev", "a"))
		f.value(secretRef("dev", "b"))
		equal(f, "both", f.lastResolved(backend.Query{}), "a resolved, b resolved")
		equal(f, "in an environment", f.lastResolved(backend.Query{Environment: "dev", Name: "b"}), "b resolved")
		for _, o := range f.list(backend.Query{Kind: backend.KindSecret, Project: project}) {
			if !o.LastResolvedAt.IsZero() || o.LastResolvedBy != "" {
				f.Errorf("secret %s says when it was resolved, which was not asked", o.Name)
			}
		}
		page, err := f.Query(context.Background(), backend.Query{Kind: backend.KindSecret, Project: project,
			LastResolved: true})
		if err != nil || page.ResolvedSince.IsZero() || time.Since(page.ResolvedSince) > time.Hour {
			f.Errorf("it is noted since %v, %v", page.ResolvedSince, err)
		}
	}},
	{"only a returned value counts, also by a link, a field or an earlier version", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("dev", "probed", "v"), secret("dev", "broken", "text"), secret("dev", "linked", `{"a":"b"}`),
			secret("dev", "revealed", "v"), secret("dev", "early", "v"), secret("prod", "early", "v"),
			secret("*", "shared", "v"), link("dev", "l", "linked", ""), plain("dev", "p", "1"))
		f.must(secret("dev", "early", "w"))
		probe, revealed, older := secretRef("dev", "probed"), secretRef("dev", "revealed"), secretRef("dev", "early")
		probe.Probe, revealed.Reveal, older.Version = true, true, "1"
		broken, field := secretRef("dev", "broken"), valueRef("dev", "l")
		broken.Field = "a"
		for i, r := range f.resolve(probe, broken, secretRef("dev", "missing"), valueRef("dev", "p")) {
			equal(f, fmt.Sprint("reference ", i, " fails"), r.Err != nil, i == 1 || i == 2)
		}
		equal(f, "nothing", f.lastResolved(backend.Query{}), "broken never, early never, early never, linked never, "+
			"probed never, revealed never, shared never")
		f.resolve(revealed, older, field, secretRef("dev", "shared"))
		equal(f, "in dev", f.lastResolved(backend.Query{Environment: "dev"}), "broken never, early resolved, "+
			"linked resolved, probed never, revealed resolved")
		equal(f, "in prod", f.lastResolved(backend.Query{Environment: "prod"}), "early never")
		equal(f, "of all", f.lastResolved(backend.Query{Environment: "*"}), "shared resolved")
	}},
	{"secrets that nobody has resolved since a time are selected", func(f *fixture) {
		f.environments("dev")
		before := time.Now()
		f.must(secret("dev", "a", "v"), secret("dev", "b", "v"), secret("dev", "c", "v"), secret("dev", "d", "v"))
		since := time.Now()
		unused := func(since time.Time, limit int) string {
			return f.lastResolved(backend.Query{UnusedSince: since, Limit: limit})
		}
		equal(f, "none resolved", unused(since, 0), "a never, b never, c never, d never")
		f.resolve(secretRef("dev", "a"), secretRef("dev", "c"))
		equal(f, "two resolved", unused(since, 0), "b never, d never")
		equal(f, "pages of one", unused(since, 1), "b never, d never")
		equal(f, "younger secrets", unused(before, 0), "")
		equal(f, "before the notes begin", unused(time.Now().Add(-1000*time.Hour), 0), "")
		plain := f.list(backend.Query{Kind: backend.KindSecret, Project: project, UnusedSince: since, Name: "b"})
		equal(f, "without last_resolved", len(plain), 1)
	}},
	{"a note belongs to a secret until it is deleted for good", func(f *fixture) {
		f.environments("dev")
		id := f.must(secret("dev", "a", "v"))[0].Object.ID
		f.value(secretRef("dev", "a"))
		rename := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: id, Rename: ptr("b")}
		f.must(rename)
		equal(f, "renamed", f.lastResolved(backend.Query{}), "b resolved")
		f.must(remove(backend.KindSecret, "dev", "b"))
		f.must(backend.Change{Op: backend.OpRestore, Kind: backend.KindSecret, ID: id})
		equal(f, "restored", f.lastResolved(backend.Query{ID: id}), "b resolved")
		f.must(secret("dev", "a", "v"))
		equal(f, "another one of its first name", f.lastResolved(backend.Query{Name: "a"}), "a never")
		purge := remove(backend.KindSecret, "dev", "b")
		purge.Purge = true
		f.must(purge, secret("dev", "b", "v"))
		equal(f, "another one of its name", f.lastResolved(backend.Query{}), "a never, b never")
	}},
	{"other objects have no note", func(f *fixture) {
		f.environments("dev")
		for _, q := range []backend.Query{
			{Kind: backend.KindScopedValue, Project: project, LastResolved: true},
			{Kind: backend.KindProject, LastResolved: true},
			{Kind: backend.KindEnvironment, Project: project, UnusedSince: time.Now()},
			{Kind: backend.KindSecret, Project: project, Deleted: true, LastResolved: true},
			{Kind: backend.KindSecret, Project: project, UnusedSince: time.Now().Add(time.Hour)},
			{Kind: backend.KindToken, Self: true, LastResolved: true},
		} {
			_, err := f.Query(context.Background(), q)
			if e := backend.AsError(err); err == nil || e.Code != backend.CodeInvalid || e.Hint == "" {
				f.Errorf("%+v: %v", q, err)
			}
		}
	}},
}
