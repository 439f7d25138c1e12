// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// versionsOf lists the versions of a secret in the environment dev.
func (f *fixture) versionsOf(name string) []backend.Object {
	f.Helper()
	return f.list(backend.Query{Kind: backend.KindVersion, Project: project, Environment: "dev", Name: name})
}

// numbers returns the numbers of versions.
func numbers(versions []backend.Object) string {
	var out []string
	for _, v := range versions {
		out = append(out, fmt.Sprint(v.Version))
	}
	return strings.Join(out, " ")
}

func rollback(name, to string) backend.Change {
	return backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: project, Environment: "dev", Name: name,
		FromVersion: &to}
}

func tags(name string, tags map[string]int64) backend.Change {
	return backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: project, Environment: "dev", Name: name,
		Tags: tags}
}

func compared(name, one string, with backend.VersionOf) backend.Change {
	return backend.Change{Op: backend.OpCompare, Kind: backend.KindSecret, Project: project, Environment: "dev",
		Name: name, FromVersion: &one, With: &with}
}

var historyCases = []testCase{
	{"the versions of a secret are listed, newest first, page by page", func(f *fixture) {
		f.environments("dev")
		for i := range 5 {
			c := secret("dev", "s", fmt.Sprint("value ", i))
			c.Note = ptr(fmt.Sprint("note ", i+1))
			f.must(c)
		}
		f.must(secret("dev", "other", "v"))
		all := f.versionsOf("s")
		equal(f, "versions", numbers(all), "5 4 3 2 1")
		id := f.must(secret("dev", "s", ""))[0].Object.ID
		for _, v := range all {
			equal(f, "kind", v.Kind, backend.KindVersion)
			equal(f, "id", v.ID, id)
			equal(f, "place", v.Project+" "+v.Environment+" "+v.Scope+" "+v.Name, project+" dev project s")
			equal(f, "note", v.Note, fmt.Sprint("note ", v.Version))
			if v.CreatedAt.IsZero() {
				f.Errorf("version %d has no time", v.Version)
			}
		}
		q := backend.Query{Kind: backend.KindVersion, ID: id, Limit: 2}
		listed, err := backend.ListAll(context.Background(), f, q)
		if err != nil {
			f.Fatal(err)
		}
		equal(f, "pages of two", numbers(listed), "5 4 3 2 1")
	}},
	{"a list of versions is that of one existing secret", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "v"))
		for _, c := range []struct {
			q    backend.Query
			want *backend.Error
		}{
			{backend.Query{Kind: backend.KindVersion, Project: project}, backend.ErrInvalid},
			{backend.Query{Kind: backend.KindVersion, Project: project, Name: "s"}, backend.ErrInvalid},
			{backend.Query{Kind: backend.KindVersion, Project: project, Environment: "dev", Name: "t"}, backend.ErrNotFound},
			{backend.Query{Kind: backend.KindVersion, Project: project, Environment: "prod", Name: "s"}, backend.ErrNotFound},
			{backend.Query{Kind: backend.KindVersion, ID: "01a21b0a-0b14-7bdd-8564-f5070951cdb5"}, backend.ErrNotFound},
			{backend.Query{Kind: backend.KindVersion, Project: project, Environment: "dev", Name: "s", Cursor: "x"},
				backend.ErrInvalid},
		} {
			if _, err := f.Query(context.Background(), c.q); !errors.Is(err, c.want) {
				f.Errorf("%+v: %v, want code %s", c.q, err, c.want.Code)
			}
		}
	}},
	{"secrets of two environments are compared in one call", func(f *fixture) {
		f.environments("dev", "prod")
		restricted := secret("prod", "b", "one")
		restricted.Visibility = ptr(backend.Restricted)
		out := f.must(secret("dev", "a", "one"), secret("prod", "a", "one"), secret("dev", "b", "two"), restricted)
		pair := func(i, j int) backend.Change {
			return backend.Change{Op: backend.OpCompare, Kind: backend.KindSecret, ID: out[i].Object.ID,
				With: &backend.VersionOf{ID: out[j].Object.ID}}
		}
		for i, want := range []backend.Action{backend.ActionUnchanged, backend.ActionUpdate, backend.ActionUnchanged} {
			got := f.dry(pair(0, 1), pair(2, 3), pair(0, 3))[i]
			equal(f, fmt.Sprint("pair ", i), got.Action, want)
			equal(f, "unchecked", got.Unchecked, "")
		}
		missing := pair(0, 1)
		missing.With.ID = "01a21b0a-0b14-7bdd-8564-f5070951cdb5"
		got := f.dry(missing, pair(0, 1))
		equal(f, "a missing secret", got[0].Err.Code, backend.CodeNotFound)
		equal(f, "the other pair", got[1].Action, backend.ActionUnchanged)
	}},
	{"many comparisons in one call say what each says alone", func(f *fixture) {
		f.environments("dev", "prod")
		const many = 130 // more than are read at a time
		f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: project,
			Policy: &backend.PolicyChange{MaxSecrets: ptr(1000)}})
		var created []backend.Change
		for i := range many {
			prod := secret("prod", fmt.Sprintf("s%03d", i), fmt.Sprint("value ", i/2*2))
			if i%7 == 0 {
				prod.Visibility = ptr(backend.Restricted)
			}
			created = append(created, secret("dev", fmt.Sprintf("s%03d", i), fmt.Sprint("value ", i)), prod)
		}
		out := f.must(created...)
		f.must(secret("dev", "s001", "another value"))
		var pairs []backend.Change
		for i := range many {
			c := backend.Change{Op: backend.OpCompare, Kind: backend.KindSecret, ID: out[2*i].Object.ID,
				With: &backend.VersionOf{ID: out[2*i+1].Object.ID}}
			switch i {
			case 1:
				c.FromVersion = ptr("1")
			case 2:
				c.With.Version = "1"
			case 3:
				c.With.ID = "01a21b0a-0b14-7bdd-8564-f5070951cdb5"
			case 4:
				c.ID = c.With.ID
			case 5:
				c.FromVersion = ptr("7")
			case 6:
				c.With.ID = ""
			case 7:
				c = backend.Change{Op: backend.OpCompare, Kind: backend.KindSecret, Project: project, Environment: "dev",
					Name: "s007", With: c.With}
			}
			pairs = append(pairs, c)
		}
		together := f.dry(pairs...)
		for i, c := range pairs {
			alone, got := f.dry(c)[0], together[i]
			equal(f, fmt.Sprint("action of pair ", i), got.Action, alone.Action)
			equal(f, fmt.Sprint("object of pair ", i), got.Object.ID, alone.Object.ID)
			equal(f, fmt.Sprint("error of pair ", i), fmt.Sprint(got.Err), fmt.Sprint(alone.Err))
			if i > 7 {
				equal(f, fmt.Sprint("pair ", i, " is the same"), got.Action == backend.ActionUnchanged, i%2 == 0)
			}
		}
	}},
	{"a rollback writes the value of an earlier version again", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "one"))
		f.must(secret("dev", "s", "two"))
		f.must(secret("dev", "s", "three"))
		equal(f, "dry run", f.dry(rollback("s", "1"))[0].Action, backend.ActionUpdate)
		out := f.must(rollback("s", "1"))[0]
		equal(f, "changed", strings.Join(out.Changed, ","), "value")
		equal(f, "version", out.Object.Version, 4)
		equal(f, "value", f.value(secretRef("dev", "s")), "one")
		equal(f, "note", f.versionsOf("s")[0].Note, "the value of version 1")
		equal(f, "again", f.must(rollback("s", "1"))[0].Action, backend.ActionUnchanged)
		equal(f, "the current one", f.must(rollback("s", "4"))[0].Action, backend.ActionUnchanged)
		f.must(rollback("s", "previous"))
		equal(f, "previous", f.value(secretRef("dev", "s")), "three")
		equal(f, "note of previous", f.versionsOf("s")[0].Note, "the value of version 3")
		f.mentions(f.refused(backend.ErrNotFound, rollback("s", "9")), `secret "s" has no version 9`,
			"the current version is 5")
		for _, bad := range []string{"", "0", "latest", "a b"} {
			f.refused(backend.ErrInvalid, rollback("s", bad))
		}
		both := rollback("s", "1")
		both.Value = backend.PlaintextString("v")
		f.refused(backend.ErrInvalid, both)
		f.refused(backend.ErrNotFound, rollback("missing", "1"))
		created := rollback("missing", "1")
		created.Op = backend.OpSet
		f.mentions(f.refused(backend.ErrInvalid, created), "no earlier version")
		equal(f, "versions", len(f.versionsOf("s")), 5)
	}},
	{"a rollback checks the value against a changed type", func(f *fixture) {
		f.environments("dev")
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "t",
			Schema: []byte(`{"type":"string"}`)})
		f.must(typed("t", secret("dev", "s", "short")))
		f.must(secret("dev", "s", "long enough"))
		f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecretType, Project: project, Name: "t",
			Schema: []byte(`{"type":"string","minLength":8}`)})
		err := f.refused(backend.ErrInvalid, rollback("s", "1"))
		f.conceals(err, "short")
		equal(f, "value", f.value(secretRef("dev", "s")), "long enough")
	}},
	{"a tag names a version until it is moved or removed", func(f *fixture) {
		f.environments("dev")
		for _, v := range []string{"one", "two", "three"} {
			f.must(secret("dev", "s", v))
		}
		at := func(version string) backend.Ref { r := secretRef("dev", "s"); r.Version = version; return r }
		out := f.must(tags("s", map[string]int64{"stable": 2, "v1.0": 1}))[0]
		equal(f, "changed", strings.Join(out.Changed, ","), "tags")
		equal(f, "stable", f.value(at("stable")), "two")
		equal(f, "v1.0", f.value(at("v1.0")), "one")
		f.must(secret("dev", "s", "four"))
		equal(f, "stable after a new value", f.value(at("stable")), "two")
		equal(f, "the same tag", f.must(tags("s", map[string]int64{"stable": 2}))[0].Action, backend.ActionUnchanged)
		f.must(tags("s", map[string]int64{"stable": 3, "v1.0": 0}))
		equal(f, "moved", f.value(at("stable")), "three")
		f.mentions(f.unresolved(backend.ErrNotFound, at("v1.0")), `no version with the tag "v1.0"`)
		for _, v := range f.versionsOf("s") {
			equal(f, fmt.Sprint("tags of version ", v.Version), len(v.Tags) == 1, v.Version == 3)
		}
		f.must(rollback("s", "stable"))
		equal(f, "rolled back", f.value(secretRef("dev", "s")), "three")
		f.mentions(f.refused(backend.ErrNotFound, tags("s", map[string]int64{"x": 17})), "no version 17")
		for _, bad := range []string{"", "1", "1a", "previous", "latest", "current", "a b", strings.Repeat("a", 65)} {
			f.refused(backend.ErrInvalid, tags("s", map[string]int64{bad: 1}))
		}
		f.refused(backend.ErrInvalid, tags("s", map[string]int64{"x": -1}))
		many := map[string]int64{}
		for i := range backend.MaxTags {
			many[fmt.Sprint("t", i)] = 1
		}
		f.refused(backend.ErrTooLarge, tags("s", many)) // stable is there too
		equal(f, "stable is still there", f.value(at("stable")), "three")
		with := secret("dev", "s", "five")
		with.Tags = map[string]int64{"new": 6}
		f.must(with)
		equal(f, "a tag of the version that is written", f.value(at("new")), "five")
	}},
	{"two versions are compared without their values", func(f *fixture) {
		f.environments("dev", "prod")
		for _, v := range []string{`{"host":"a","port":1,"o":{"x.y":1,"z":2}}`, `{"host":"b","port":1,"o":{"x.y":2,"z":2}}`,
			`{"port":1,"o":{"z":2,"x.y":1},"host":"a"}`} {
			c := typed("json", secret("dev", "s", v))
			f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "json",
				Schema: []byte(`{"type":"object"}`)}, c)
		}
		out := f.dry(compared("s", "1", backend.VersionOf{Version: "2"}))[0]
		equal(f, "action", out.Action, backend.ActionUpdate)
		equal(f, "changed", strings.Join(out.Changed, ","), "value")
		equal(f, "fields", strings.Join(out.Fields, " "), `host o["x.y"]`)
		equal(f, "equal JSON", f.dry(compared("s", "1", backend.VersionOf{Version: "3"}))[0].Action, backend.ActionUnchanged)
		equal(f, "with the current one", f.dry(compared("s", "1", backend.VersionOf{}))[0].Action, backend.ActionUnchanged)
		equal(f, "itself", f.dry(compared("s", "2", backend.VersionOf{Version: "2"}))[0].Action, backend.ActionUnchanged)

		other := f.must(secret("prod", "s", "text"))[0].Object.ID
		f.must(secret("dev", "t", "text"))
		equal(f, "another secret", f.dry(compared("t", "", backend.VersionOf{ID: other}))[0].Action, backend.ActionUnchanged)
		equal(f, "another secret", f.dry(compared("s", "", backend.VersionOf{ID: other}))[0].Action, backend.ActionUpdate)

		f.mentions(f.refused(backend.ErrInvalid, compared("s", "1", backend.VersionOf{})), "needs a dry run")
		with := secret("dev", "s", "v")
		with.With = &backend.VersionOf{}
		f.refused(backend.ErrInvalid, with)
		valued := compared("s", "1", backend.VersionOf{})
		valued.Value = backend.PlaintextString("v")
		dry := func(c backend.Change) *backend.Error {
			out, err := f.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{c}, DryRun: true})
			if err != nil || out[0].Err == nil {
				f.Fatalf("a wrong comparison gives %+v, %v", out, err)
			}
			return out[0].Err
		}
		equal(f, "with a value", dry(valued).Code, backend.CodeInvalid)
		f.mentions(dry(compared("s", "1", backend.VersionOf{Version: "8"})), "no version 8")
		f.mentions(dry(compared("missing", "1", backend.VersionOf{})), "does not exist")
		f.mentions(dry(compared("s", "1", backend.VersionOf{ID: "01a21b0a-0b14-7bdd-8564-f5070951cdb5"})), "does not exist")
		equal(f, "versions", len(f.versionsOf("s")), 3)
	}},
	{"a policy says which versions are kept", func(f *fixture) {
		f.environments("dev")
		write := func(from, to int) {
			for i := from; i <= to; i++ {
				f.must(secret("dev", "s", fmt.Sprint("value ", i)))
			}
		}
		write(1, 5)
		f.must(tags("s", map[string]int64{"stable": 2}))
		f.must(policy(backend.PolicyChange{MaxVersions: ptr(3)}))
		write(6, 7)
		equal(f, "versions", numbers(f.versionsOf("s")), "7 6 5 2")
		at := func(version string) backend.Ref { r := secretRef("dev", "s"); r.Version = version; return r }
		f.mentions(f.unresolved(backend.ErrNotFound, at("4")), "it was removed")
		equal(f, "tagged", f.value(at("stable")), "value 2")
		f.must(policy(backend.PolicyChange{MaxVersions: ptr(1)}))
		write(8, 8)
		equal(f, "previous", f.value(at("previous")), "value 7")
		f.refused(backend.ErrInvalid, policy(backend.PolicyChange{MaxVersions: ptr(-1)}))
		f.refused(backend.ErrInvalid, policy(backend.PolicyChange{VersionDays: ptr(4000)}))
	}},
}
