// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

var entryCases = []testCase{
	{"versions: numbers, previous, rollback is not lost", func(f *fixture) {
		f.environments("dev")
		at := func(version string) backend.Ref { r := secretRef("dev", "s"); r.Version = version; return r }
		f.must(secret("dev", "s", "one"))
		f.unresolved(backend.ErrNotFound, at("previous"))
		f.must(secret("dev", "s", "two"))
		out := f.must(secret("dev", "s", "three"))
		equal(f, "version", out[0].Object.Version, 3)
		for version, want := range map[string]string{"": "three", "previous": "two", "1": "one", "2": "two", "3": "three"} {
			equal(f, "version "+version, f.value(at(version)), want)
		}
		f.unresolved(backend.ErrNotFound, at("4"))
		for _, bad := range []string{"0", "-1", "x", "1.5"} {
			f.unresolved(backend.ErrInvalid, at(bad))
		}
		equal(f, "version told", f.resolve(at("1"))[0].Version, 1)
	}},
	{"an expected version is held to", func(f *fixture) {
		f.environments("dev")
		expect := func(n int64, value string) backend.Change {
			c := secret("dev", "s", value)
			c.Expect = ptr(n)
			return c
		}
		f.must(expect(0, "one"))
		f.mentions(f.refused(backend.ErrConflict, expect(0, "again")), "already exists")
		f.must(expect(1, "two"))
		f.mentions(f.refused(backend.ErrConflict, expect(1, "lost update")), "version 2")
		equal(f, "value", f.value(secretRef("dev", "s")), "two")
	}},
	{"the same value again is no change; equal JSON is the same", func(f *fixture) {
		f.environments("dev")
		c := typed("smtp", secret("dev", "s", `{"host":"h","port":25}`))
		f.must(c)
		equal(f, "again", f.must(c)[0].Action, backend.ActionUnchanged)
		c.Value = backend.PlaintextString("{ \"port\": 25,\n \"host\": \"h\" }")
		equal(f, "equal JSON", f.must(c)[0].Action, backend.ActionUnchanged)
		c.Value = backend.PlaintextString(`{"host":"h","port":26}`)
		out := f.must(c)[0]
		equal(f, "other JSON", out.Action, backend.ActionUpdate)
		equal(f, "changed", strings.Join(out.Changed, ","), "value")
		f.must(secret("dev", "t", `{"a":1}`))
		equal(f, "untyped is text", f.must(secret("dev", "t", `{ "a": 1 }`))[0].Action, backend.ActionUpdate)
	}},
	{"an update of only the description keeps the value, and so does an empty value", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "kept"))
		c := secret("dev", "s", "")
		c.Description, c.Labels = ptr("what it is for"), map[string]string{"team": "data"}
		out := f.must(c)[0]
		equal(f, "changed", strings.Join(out.Changed, ","), "description,labels")
		equal(f, "version", out.Object.Version, 1)
		equal(f, "value", f.value(secretRef("dev", "s")), "kept")
		equal(f, "neither", f.must(secret("dev", "s", ""))[0].Action, backend.ActionUnchanged)
		f.mentions(f.refused(backend.ErrInvalid, secret("dev", "new", "")), "Secret value is required")
		f.mentions(f.refused(backend.ErrInvalid, secret("dev", "", "v")), "Secret key is required")
	}},
	{"a rename keeps the id, and a new object under the old name has another", func(f *fixture) {
		f.environments("dev")
		first := f.must(secret("dev", "old", "v"))[0].Object
		c := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: first.ID, Rename: ptr("new")}
		out := f.must(c)[0]
		equal(f, "id", out.Object.ID, first.ID)
		equal(f, "value", f.value(secretRef("dev", "new")), "v")
		f.unresolved(backend.ErrNotFound, secretRef("dev", "old"))
		second := f.must(secret("dev", "old", "another"))[0].Object
		if second.ID == first.ID {
			f.Error("a new object has an old one's id")
		}
		c.Rename = ptr("old")
		f.mentions(f.refused(backend.ErrExists, c), "old")
		f.must(policy(backend.PolicyChange{ImmutableNames: ptr(true)}))
		c.Rename = ptr("third")
		f.mentions(f.refused(backend.ErrInvalid, c), "immutable_names")
	}},
	{"environments and projects can be renamed, with all that is in them", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "v"))
		f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindEnvironment, Project: project, Name: "dev",
			Rename: ptr("development")})
		equal(f, "value", f.value(secretRef("development", "s")), "v")
		f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: project, Rename: ptr("main")})
		ref := secretRef("development", "s")
		ref.Project = "main"
		equal(f, "value", f.value(ref), "v")
		f.unresolved(backend.ErrNotFound, secretRef("development", "s"))
	}},
	{"links follow the last secret of a name when it is renamed", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("dev", "db", "dev's"), secret("prod", "db", "prod's"), link("*", "dsn", "db", ""))
		rename := func(env string) backend.Change {
			return backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: project, Environment: env, Name: "db",
				Rename: ptr("database")}
		}
		f.must(rename("dev"))
		equal(f, "prod while only dev's is renamed", f.value(valueRef("prod", "dsn")), "prod's")
		f.must(rename("prod"))
		equal(f, "dev", f.value(valueRef("dev", "dsn")), "dev's")
		equal(f, "prod", f.value(valueRef("prod", "dsn")), "prod's")
	}},
	{"restricted secrets are used, never revealed, also through a link", func(f *fixture) {
		f.environments("dev")
		c := secret("dev", "s", "CANARY")
		c.Visibility = ptr(backend.Restricted)
		f.must(c, link("dev", "l", "s", ""), secret("dev", "m", "shown"))
		reveal := func(r backend.Ref) backend.Ref { r.Reveal = true; return r }
		equal(f, "use", f.value(secretRef("dev", "s")), "CANARY")
		f.conceals(f.unresolved(backend.ErrDenied, reveal(secretRef("dev", "s"))), "CANARY")
		f.conceals(f.unresolved(backend.ErrDenied, reveal(valueRef("dev", "l"))), "CANARY")
		equal(f, "masked", f.value(reveal(secretRef("dev", "m"))), "shown")
		f.must(policy(backend.PolicyChange{DefaultVisibility: ptr(backend.Restricted)}))
		equal(f, "by default", f.must(secret("dev", "n", "v"))[0].Object.Visibility, backend.Restricted)
	}},
	{"values are made in the backend", func(f *fixture) {
		f.environments("dev")
		c := secret("dev", "s", "")
		c.Generate = &backend.Generate{Length: 40, Alphabet: "0123456789abcdef"}
		f.must(c)
		first := f.value(secretRef("dev", "s"))
		if len(first) != 40 || strings.Trim(first, "0123456789abcdef") != "" {
			f.Errorf("generated %d characters, or some outside the alphabet", len(first))
		}
		f.must(c)
		if f.value(secretRef("dev", "s")) == first {
			f.Error("generated the same value twice")
		}
		c.Value = backend.PlaintextString("v")
		f.refused(backend.ErrInvalid, c)
		c.Value, c.Generate = backend.Plaintext{}, &backend.Generate{Length: 7}
		f.mentions(f.refused(backend.ErrInvalid, c), "8 to 1024")
		c.Generate = &backend.Generate{Alphabet: "aaaaaaaaaaaaaaa"}
		f.refused(backend.ErrInvalid, c)
	}},
	{"bytes of every kind come back as they were", func(f *fixture) {
		f.environments("dev")
		for i, v := range []string{"\x00\xff\xfe", "line\r\nline\n", " ", "\u2028\ufeff😀",
			strings.Repeat("x", backend.DefaultMaxValueBytes)} {
			f.must(secret("dev", "s", v))
			if f.value(secretRef("dev", "s")) != v {
				f.Errorf("value %d came back changed", i)
			}
		}
	}},
	{"a plain value and a link replace one another", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "secret"), plain("dev", "v", "5"))
		equal(f, "plain", f.value(valueRef("dev", "v")), "5")
		equal(f, "same number", f.must(plain("dev", "v", " 5 "))[0].Action, backend.ActionUnchanged)
		o := f.must(link("dev", "v", "s", ""))[0].Object
		equal(f, "no JSON left", len(o.JSON), 0)
		equal(f, "linked", f.value(valueRef("dev", "v")), "secret")
		o = f.must(plain("dev", "v", "null"))[0].Object
		if o.Link != nil {
			f.Error("a link left over")
		}
		equal(f, "null", f.value(valueRef("dev", "v")), "null")
		both := link("dev", "v", "s", "")
		both.JSON = []byte("1")
		f.refused(backend.ErrInvalid, both)
	}},
	{"a cancelled call is cancelled", func(f *fixture) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := f.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{environment("dev")}}); err == nil {
			f.Error("a cancelled Apply succeeded")
		}
		if got := f.list(backend.Query{Kind: backend.KindEnvironment, Project: project}); len(got) != 0 {
			f.Errorf("a cancelled Apply left %d environments", len(got))
		}
	}},
}
