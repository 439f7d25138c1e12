// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"fmt"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

var entryCases = []testCase{
	{"a reference can name a version by its number or as previous", func(f *fixture) {
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
		for _, bad := range []string{"0", "-1", "x y", "1.5", "latest", "+1", "01"} {
			f.unresolved(backend.ErrInvalid, at(bad))
		}
		equal(f, "version of the resolution", f.resolve(at("1"))[0].Version, 1)
		f.unresolved(backend.ErrNotFound, at("stable"))
	}},
	{"a write that expects another version is refused", func(f *fixture) {
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
	{"writing the same value or equal JSON changes nothing", func(f *fixture) {
		f.environments("dev")
		c := typed("smtp", secret("dev", "s", `{"host":"h","port":25}`))
		f.must(c)
		equal(f, "same value", f.must(c)[0].Action, backend.ActionUnchanged)
		c.Value = backend.PlaintextString("{ \"port\": 25,\n \"host\": \"h\" }")
		equal(f, "equal JSON", f.must(c)[0].Action, backend.ActionUnchanged)
		c.Value = backend.PlaintextString(`{"host":"h","port":26}`)
		out := f.must(c)[0]
		equal(f, "other JSON", out.Action, backend.ActionUpdate)
		equal(f, "changed", strings.Join(out.Changed, ","), "value")
		f.must(secret("dev", "t", `{"a":1}`))
		equal(f, "JSON without a type", f.must(secret("dev", "t", `{ "a": 1 }`))[0].Action, backend.ActionUpdate)
	}},
	{"an update of the description or with an empty value keeps the value", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "kept"))
		c := secret("dev", "s", "")
		c.Description, c.Labels = ptr("what it is for"), map[string]string{"team": "data"}
		out := f.must(c)[0]
		equal(f, "changed", strings.Join(out.Changed, ","), "description,labels")
		equal(f, "version", out.Object.Version, 1)
		equal(f, "value", f.value(secretRef("dev", "s")), "kept")
		equal(f, "no description and no value", f.must(secret("dev", "s", ""))[0].Action, backend.ActionUnchanged)
		f.mentions(f.refused(backend.ErrInvalid, secret("dev", "new", "")), "Secret value is required",
			"let the backend generate one")
		f.mentions(f.refused(backend.ErrInvalid, secret("dev", "", "v")), "Secret key is required")
	}},
	{"a rename keeps the id, and a new object with the old name has another id", func(f *fixture) {
		f.environments("dev")
		first := f.must(secret("dev", "old", "v"))[0].Object
		c := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: first.ID, Rename: ptr("new")}
		out := f.must(c)[0]
		equal(f, "id", out.Object.ID, first.ID)
		equal(f, "value", f.value(secretRef("dev", "new")), "v")
		f.unresolved(backend.ErrNotFound, secretRef("dev", "old"))
		second := f.must(secret("dev", "old", "another"))[0].Object
		if second.ID == first.ID {
			f.Error("the new object has the id of the renamed one")
		}
		c.Rename = ptr("old")
		f.mentions(f.refused(backend.ErrExists, c), "old")
		f.must(policy(backend.PolicyChange{ImmutableNames: ptr(true)}))
		c.Rename = ptr("third")
		f.mentions(f.refused(backend.ErrInvalid, c), "immutable_names")
	}},
	{"a renamed environment or project keeps its entries", func(f *fixture) {
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
	{"a link follows a rename when no secret with the old name is left", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("dev", "db", "dev's"), secret("prod", "db", "prod's"), link("*", "dsn", "db", ""))
		rename := func(env string) backend.Change {
			return backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: project, Environment: env, Name: "db",
				Rename: ptr("database")}
		}
		f.must(rename("dev"))
		equal(f, "prod, before its secret is renamed", f.value(valueRef("prod", "dsn")), "prod's")
		f.must(rename("prod"))
		equal(f, "dev", f.value(valueRef("dev", "dsn")), "dev's")
		equal(f, "prod", f.value(valueRef("prod", "dsn")), "prod's")
	}},
	{"a restricted secret can be used but not revealed, even through a link", func(f *fixture) {
		f.environments("dev")
		c := secret("dev", "s", "CANARY")
		c.Visibility = ptr(backend.Restricted)
		f.must(c, link("dev", "l", "s", ""), secret("dev", "m", "shown"))
		reveal := func(r backend.Ref) backend.Ref { r.Reveal = true; return r }
		equal(f, "without reveal", f.value(secretRef("dev", "s")), "CANARY")
		f.conceals(f.unresolved(backend.ErrDenied, reveal(secretRef("dev", "s"))), "CANARY")
		f.conceals(f.unresolved(backend.ErrDenied, reveal(valueRef("dev", "l"))), "CANARY")
		equal(f, "masked", f.value(reveal(secretRef("dev", "m"))), "shown")
		f.must(policy(backend.PolicyChange{DefaultVisibility: ptr(backend.Restricted)}))
		equal(f, "default visibility", f.must(secret("dev", "n", "v"))[0].Object.Visibility, backend.Restricted)
	}},
	{"a probe says whether a reference can be resolved, without its value", func(f *fixture) {
		f.environments("dev", "prod")
		c := secret("dev", "s", "CANARY")
		c.Visibility = ptr(backend.Restricted)
		f.must(c, link("dev", "l", "s", ""), link("prod", "l", "s", ""))
		probe := func(r backend.Ref) backend.Ref { r.Probe = true; return r }
		revealed := probe(secretRef("dev", "s"))
		revealed.Reveal = true
		out := f.resolve(probe(secretRef("dev", "s")), probe(valueRef("dev", "l")), secretRef("dev", "s"),
			probe(secretRef("prod", "s")), probe(valueRef("prod", "l")), revealed)
		for i, r := range out[:2] {
			equal(f, fmt.Sprint("error ", i), r.Err, nil)
			equal(f, "value", string(r.Value.Expose()), "")
			equal(f, "environment", r.Environment, "dev")
			equal(f, "version", r.Version, 1)
			equal(f, "secret", r.Secret, true)
		}
		equal(f, "beside a probe", string(out[2].Value.Expose()), "CANARY")
		for i, want := range []backend.Code{backend.CodeNotFound, backend.CodeNotFound, backend.CodeDenied} {
			equal(f, fmt.Sprint("refusal ", i), out[3+i].Err.Code, want)
		}
	}},
	{"the backend generates values", func(f *fixture) {
		f.environments("dev")
		c := secret("dev", "s", "")
		c.Generate = &backend.Generate{Length: 40, Alphabet: "0123456789abcdef"}
		f.must(c)
		first := f.value(secretRef("dev", "s"))
		if len(first) != 40 || strings.Trim(first, "0123456789abcdef") != "" {
			f.Errorf("generated %d characters, want 40 from the alphabet", len(first))
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
	{"a value is returned unchanged, whatever its bytes", func(f *fixture) {
		f.environments("dev")
		for i, v := range []string{"\x00\xff\xfe", "line\r\nline\n", " ", "\u2028\ufeff😀",
			strings.Repeat("x", backend.DefaultMaxValueBytes)} {
			f.must(secret("dev", "s", v))
			if f.value(secretRef("dev", "s")) != v {
				f.Errorf("value %d was changed", i)
			}
		}
	}},
	{"a scoped value can change from plain JSON to a link and back", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "secret"), plain("dev", "v", "5"))
		equal(f, "plain", f.value(valueRef("dev", "v")), "5")
		equal(f, "same number", f.must(plain("dev", "v", " 5 "))[0].Action, backend.ActionUnchanged)
		o := f.must(link("dev", "v", "s", ""))[0].Object
		equal(f, "JSON after the change to a link", len(o.JSON), 0)
		equal(f, "linked", f.value(valueRef("dev", "v")), "secret")
		o = f.must(plain("dev", "v", "null"))[0].Object
		if o.Link != nil {
			f.Error("the object still has a link")
		}
		equal(f, "null", f.value(valueRef("dev", "v")), "null")
		both := link("dev", "v", "s", "")
		both.JSON = []byte("1")
		f.refused(backend.ErrInvalid, both)
	}},
	{"a cancelled call changes nothing", func(f *fixture) {
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
