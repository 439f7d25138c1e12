// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

var lookupCases = []testCase{
	{"every row of the example resolves to its documented value", func(f *fixture) {
		f.environments("dev", "prod", "random")
		f.must(
			secret("dev", "secret1", "sooper dooper secret string"),
			secret("dev", "secret2", "xXxSecreTxXx"),
			secret("dev", "secret3", "dev only secret"),
			secret("prod", "secret1", "real production secret"),
			secret("prod", "secret2", "m4g3r0x!"),
			secret("random", "secret1", "random secret"),
		)
		for _, row := range []struct{ name, dev, prod string }{
			{"secret1", "sooper dooper secret string", "real production secret"},
			{"secret2", "xXxSecreTxXx", "m4g3r0x!"},
		} {
			equal(f, row.name+" in dev", f.value(secretRef("dev", row.name)), row.dev)
			equal(f, row.name+" in prod", f.value(secretRef("prod", row.name)), row.prod)
		}
		equal(f, "secret3 in dev", f.value(secretRef("dev", "secret3")), "dev only secret")
		err := f.unresolved(backend.ErrNotFound, secretRef("prod", "secret3"))
		if !slices.Equal(err.Environments, []string{"dev"}) {
			f.Errorf("the error names the environments %v, want dev", err.Environments)
		}
	}},
	{"the nearest scope has priority, then the exact environment", func(f *fixture) {
		f.environments("dev", "prod")
		// Each step adds a secret that has priority over the one of the step before.
		ref := backend.Ref{Kind: backend.KindSecret, Project: project, Environment: "dev", Scope: "pipeline/etl", Name: "s"}
		other := ref
		other.Scope = "app/web"
		f.must(secret("prod", "s", "another environment's"))
		f.unresolved(backend.ErrNotFound, ref)
		f.must(in("app/web", secret("dev", "s", "another scope's")))
		f.unresolved(backend.ErrNotFound, ref)
		for _, step := range []struct{ scope, env, value string }{
			{"project", "*", "project, any"},
			{"project", "dev", "project, dev"},
			{"pipeline/etl", "*", "pipeline, any"},
			{"pipeline/etl", "dev", "pipeline, dev"},
		} {
			f.must(in(step.scope, secret(step.env, "s", step.value)))
			r := f.resolve(ref)[0]
			if r.Err != nil {
				f.Fatal(r.Err)
			}
			equal(f, "value", string(r.Value.Expose()), step.value)
			equal(f, "scope of the secret", r.Scope, step.scope)
			equal(f, "environment of the secret", r.Environment, step.env)
		}
		equal(f, "value in another scope", f.value(other), "another scope's")
	}},
	{"resolutions have the order of the references, each with its own error", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "a", "1"), secret("*", "b", "2"), plain("dev", "a", `{"x":[10,20]}`))
		refs := []backend.Ref{
			secretRef("dev", "b"), secretRef("dev", "nope"), valueRef("dev", "a"), secretRef("dev", "a"),
			secretRef("staging", "a"), secretRef("*", "a"),
			{Kind: backend.KindProject, Project: project, Environment: "dev", Name: "a"},
			{Kind: backend.KindSecret, Project: "nowhere", Environment: "dev", Name: "a"},
		}
		out := f.resolve(refs...)
		equal(f, "first", string(out[0].Value.Expose()), "2")
		equal(f, "third", string(out[2].Value.Expose()), `{"x":[10,20]}`)
		equal(f, "third is JSON", out[2].JSON, true)
		equal(f, "fourth", string(out[3].Value.Expose()), "1")
		for i, code := range map[int]backend.Code{1: backend.CodeNotFound, 4: backend.CodeNotFound, 5: backend.CodeInvalid,
			6: backend.CodeInvalid, 7: backend.CodeNotFound} {
			if out[i].Err == nil || out[i].Err.Code != code {
				f.Errorf("reference %d: error %v, want %s", i, out[i].Err, code)
			}
		}
	}},
	{"the error of a missing reference names other environments or a similar name", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("prod", "db_password", "x"), secret("dev", "db_pasword", "y"))
		err := f.unresolved(backend.ErrNotFound, secretRef("dev", "db_password"))
		if !slices.Equal(err.Environments, []string{"prod"}) || err.Suggestion != "" {
			f.Errorf("environments %v, suggestion %q; want prod and no suggestion, because the name exists",
				err.Environments, err.Suggestion)
		}
		err = f.unresolved(backend.ErrNotFound, secretRef("dev", "db_passwort"))
		if len(err.Environments) != 0 || err.Suggestion != "db_pasword" {
			f.Errorf("environments %v, suggestion %q", err.Environments, err.Suggestion)
		}
		f.mentions(f.unresolved(backend.ErrNotFound, secretRef("prd", "db_password")), "prd", "dev, prod")
	}},
	{"a reference or a link can name a field of a JSON value", func(f *fixture) {
		f.environments("dev")
		f.must(typed("database_connection", secret("dev", "db", `{"host":"h","username":"u","password":"p\"w","port":5432}`)))
		f.must(secret("dev", "loose", `{"a":{"b":["zero","one"]},"n":12345678901234567890}`))
		f.must(link("*", "pw", "db", "password"), link("*", "whole", "loose", ""))
		pick := func(ref backend.Ref, field string) backend.Ref { ref.Field = field; return ref }
		equal(f, "typed", f.value(pick(secretRef("dev", "db"), "password")), `p"w`)
		equal(f, "number", f.value(pick(secretRef("dev", "db"), "port")), "5432")
		equal(f, "nested", f.value(pick(secretRef("dev", "loose"), "a.b[1]")), "one")
		equal(f, "digits kept", f.value(pick(secretRef("dev", "loose"), "n")), "12345678901234567890")
		equal(f, "link", f.value(valueRef("dev", "pw")), `p"w`)
		equal(f, "link then field", f.value(pick(valueRef("dev", "whole"), "a.b[0]")), "zero")
		f.unresolved(backend.ErrNotFound, pick(secretRef("dev", "db"), "nope"))
		f.unresolved(backend.ErrInvalid, pick(secretRef("dev", "db"), "a..b"))
		f.must(secret("dev", "text", "CANARY not json"))
		f.conceals(f.unresolved(backend.ErrInvalid, pick(secretRef("dev", "text"), "a")), "CANARY")
	}},
	{"a shared link is looked up in the environment and scope of the request", func(f *fixture) {
		f.environments("dev", "prod", "test")
		f.must(secret("dev", "db", "dev's"), secret("prod", "db", "prod's"),
			in("app/web", secret("prod", "db", "web's in prod")))
		f.must(link("*", "dsn", "db", ""))
		equal(f, "dev", f.value(valueRef("dev", "dsn")), "dev's")
		equal(f, "prod", f.value(valueRef("prod", "dsn")), "prod's")
		ref := valueRef("prod", "dsn")
		ref.Scope = "app/web"
		equal(f, "scope", f.value(ref), "web's in prod")
		f.mentions(f.unresolved(backend.ErrNotFound, valueRef("test", "dsn")), "dsn", "db", "test")
	}},
	{"a secret and a scoped value can have the same name", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "x", "secret"), plain("dev", "x", `"value"`))
		equal(f, "secret", f.value(secretRef("dev", "x")), "secret")
		equal(f, "value", f.value(valueRef("dev", "x")), "value")
	}},
}
