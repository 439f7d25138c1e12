// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

var ruleCases = []testCase{
	{"a dry run of a secret whose value follows checks no rule of the value", func(f *fixture) {
		f.environments("dev")
		number := word("number")
		number.Schema = json.RawMessage(`{"type":"integer"}`)
		s := f.must(number, secret("dev", "s", "text"))[1].Object
		follows := func(c backend.Change) backend.Change {
			c.Value, c.ValueFollows = backend.Plaintext{}, true
			return c
		}
		update := typed("number", backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: s.ID})
		equal(f, "without it", f.dry(update)[0].Err.Code, backend.CodeInvalid)
		out := f.dry(follows(update), follows(typed("number", secret("dev", "new", ""))),
			follows(typed("absent", secret("dev", "other", ""))))
		equal(f, "action", out[0].Action, backend.ActionUpdate)
		equal(f, "changed", strings.Join(out[0].Changed, " "), "value type")
		equal(f, "version", out[0].Object.Version, s.Version+1)
		equal(f, "action of a creation", out[1].Action, backend.ActionCreate)
		equal(f, "another rule", out[2].Err.Code, backend.CodeNotFound)
		equal(f, "without a dry run", f.refused(backend.ErrInvalid, follows(update)).Attribute, "value")
		withValue := secret("dev", "s", "v")
		withValue.ValueFollows = true
		equal(f, "with a value", f.dry(withValue)[0].Err.Code, backend.CodeInvalid)
		equal(f, "of a type", f.dry(follows(word("t")))[0].Err.Code, backend.CodeInvalid)
		f.rejects(backend.ErrInvalid, backend.ChangeSet{Draft: "d", Changes: []backend.Change{follows(update)}})
	}},
	{"a note requires a new value", func(f *fixture) {
		f.environments("dev")
		note := func(text, value string) backend.Change {
			c := secret("dev", "s", value)
			c.Note = ptr(text)
			return c
		}
		f.must(note("first value", "v"))
		equal(f, "attribute", f.refused(backend.ErrInvalid, note("no value", "")).Attribute, "note")
		equal(f, "attribute", f.refused(backend.ErrTooLarge, note(strings.Repeat("x", 1025), "w")).Attribute, "note")
		equal(f, "same value", f.must(note("again", "v"))[0].Action, backend.ActionUnchanged)
		c := plain("dev", "p", "text")
		c.Note = ptr("a scoped value has no versions")
		f.refused(backend.ErrInvalid, c)
	}},
	{"invalid names and scopes are refused", func(f *fixture) {
		f.environments("dev")
		for _, bad := range []string{"-a", "a b", "a.b", "ä", "a/b", "*", "a\n", strings.Repeat("x", 257),
			"01890a5d-ac96-774b-bcce-b302099a8057"} {
			err := f.refused(backend.ErrInvalid, secret("dev", bad, "v"))
			equal(f, "attribute", err.Attribute, "name")
			f.refused(backend.ErrInvalid, environment(bad))
		}
		for _, good := range []string{"a", "_", "0", "A-b_c", strings.Repeat("x", 256)} {
			f.must(secret("dev", good, "v"))
		}
		equal(f, "case-sensitive", f.must(secret("dev", "A", "v"))[0].Action, backend.ActionCreate)
		for _, bad := range []string{"app", "app/", "team/x", "app/a/b", "project/x"} {
			f.refused(backend.ErrInvalid, in(bad, secret("dev", "s", "v")))
		}
	}},
	{"a policy can restrict names and the size of values", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "lower_existing", "v"))
		f.must(policy(backend.PolicyChange{NamePattern: ptr("[A-Z][A-Z0-9_]*"), MaxNameLength: ptr(8),
			MaxValueBytes: ptr(10)}))
		f.must(secret("dev", "GOOD", "0123456789"))
		f.mentions(f.refused(backend.ErrInvalid, secret("dev", "bad", "v")), "name_pattern")
		f.mentions(f.refused(backend.ErrInvalid, secret("dev", "TOO_LONG_", "v")), "8")
		f.mentions(f.refused(backend.ErrInvalid, secret("dev", "xGOOD", "v")), "name_pattern")
		err := f.refused(backend.ErrTooLarge, secret("dev", "LARGE", "CANARY CANARY"))
		f.mentions(err, "13 bytes", "10", "max_value_bytes")
		f.conceals(err, "CANARY")
		f.refused(backend.ErrTooLarge, plain("dev", "LARGE", `"0123456789"`))
		f.must(secret("dev", "lower_existing", "new"))
		for _, bad := range []backend.PolicyChange{
			{NamePattern: ptr("(")}, {MaxSecrets: ptr(0)}, {MaxSecrets: ptr(1_000_001)}, {MaxValueBytes: ptr(65_537)},
			{MaxNameLength: ptr(-1)},
			{DefaultVisibility: ptr(backend.Visibility("open"))},
		} {
			f.refused(backend.ErrInvalid, policy(bad))
		}
	}},
	{"a value that is too large is refused, and the error names the limit", func(f *fixture) {
		f.environments("dev")
		f.mentions(f.refused(backend.ErrTooLarge, secret("dev", "s", strings.Repeat("x", 65_537))), "65537", "65536",
			"max_value_bytes")
	}},
	{"a secret over the quota is refused", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(policy(backend.PolicyChange{MaxSecrets: ptr(3)}))
		f.must(secret("dev", "a", "v"), secret("prod", "a", "v"), secret("*", "b", "v"))
		err := f.refused(backend.ErrQuota, secret("dev", "c", "v"))
		f.mentions(err, "3 secrets", "max_secrets", "--max-secrets")
		f.must(secret("dev", "a", "another value"))
		f.must(remove(backend.KindSecret, "dev", "a"), secret("dev", "c", "v"))
		f.refused(backend.ErrQuota, secret("dev", "d", "v"), secret("dev", "e", "v"))
		f.must(policy(backend.PolicyChange{MaxSecrets: ptr(4)}), secret("dev", "d", "v"))
	}},
	{"the default quota is 100 secrets", func(f *fixture) {
		f.environments("dev")
		changes := make([]backend.Change, 101)
		for i := range changes {
			changes[i] = secret("dev", fmt.Sprintf("s%d", i), "v")
		}
		f.mentions(f.refused(backend.ErrQuota, changes...), "100 secrets")
		equal(f, "secrets after the refusal", len(f.list(backend.Query{Kind: backend.KindSecret, Project: project})), 0)
		f.must(changes[:100]...)
	}},
	{"a value must satisfy the schema of its type, and errors never show the value", func(f *fixture) {
		f.environments("dev")
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "pin",
			DisplayName: ptr("PIN"),
			Schema: json.RawMessage(`{"type":"object","required":["code"],"properties":{` +
				`"code":{"type":"string","pattern":"^[0-9]{4}$"},"tries":{"type":"integer","maximum":3}},` +
				`"additionalProperties":false}`)})
		f.must(typed("pin", secret("dev", "ok", `{"code":"1234","tries":3}`)))
		for value, says := range map[string]string{
			`{"code":"CANARY"}`:                "/code must match the pattern",
			`{"tries":1}`:                      "required fields: code",
			`{"code":"1234","tries":99}`:       "/tries must be at most 3",
			`{"code":"1234","CANARY":1}`:       "has properties",
			`{"code":"1234","tries":"CANARY"}`: "/tries must be of type integer",
			`CANARY`:                           "invalid JSON",
			`["CANARY"]`:                       "must be of type object",
		} {
			err := f.refused(backend.ErrInvalid, typed("pin", secret("dev", "s", value)))
			f.mentions(err, says)
			f.conceals(err, "CANARY")
			equal(f, "attribute", err.Attribute, "value")
		}
		// The schema also applies to an update that does not set the type.
		f.refused(backend.ErrInvalid, secret("dev", "ok", "CANARY"))
		f.mentions(f.refused(backend.ErrNotFound, typed("pni", secret("dev", "s", "v"))), "pni", "pin")
	}},
	{"a schema that refers to itself without end is refused", func(f *fixture) {
		f.environments("dev")
		set := func(schema string) backend.Change {
			return backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "t",
				Schema: json.RawMessage(schema)}
		}
		for _, schema := range []string{
			`{"$ref":"#"}`,
			`{"not":{"$ref":"#"}}`,
			`{"$ref":"#/$defs/a","$defs":{"a":{"not":{"$ref":"#/$defs/a"}}}}`,
			`{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"type":"string"},{"$ref":"#/$defs/b"}]},"b":{"$ref":"#/$defs/a"}}}`,
			`{"properties":{"p":{"$ref":"#/properties/p"}}}`,
		} {
			err := f.refused(backend.ErrInvalid, set(schema))
			f.mentions(err, "refers to itself without end")
			equal(f, "attribute", err.Attribute, "schema")
		}
		// Parts of the value end the recursion.
		f.must(set(`{"type":"object","properties":{"next":{"$ref":"#"}},"additionalProperties":false}`),
			typed("t", secret("dev", "s", `{"next":{"next":{}}}`)))
	}},
	{"a type in use cannot be deleted, and its new schema must accept all existing values", func(f *fixture) {
		f.environments("dev", "prod")
		schema := func(text string) backend.Change {
			return backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "word",
				Schema: json.RawMessage(text)}
		}
		f.must(schema(`{"type":"string"}`), typed("word", secret("dev", "long", "CANARY-long")),
			typed("word", secret("prod", "short", "x")))
		err := f.refused(backend.ErrInUse, schema(`{"type":"string","maxLength":5}`))
		f.mentions(err, "secret long in dev")
		f.conceals(err, "CANARY")
		if len(err.Dependents) != 1 {
			f.Errorf("dependents: %v", err.Dependents)
		}
		f.must(schema(`{"type":"string","maxLength":50}`))
		f.refused(backend.ErrInUse, schema(`{"type":"object"}`))
		f.mentions(f.refused(backend.ErrInUse, remove(backend.KindSecretType, "", "word")), "secret long in dev",
			"secret short in prod")
		f.must(typed("", secret("dev", "long", "")), remove(backend.KindSecret, "prod", "short"),
			remove(backend.KindSecretType, "", "word"))
		equal(f, "value after losing its type", f.value(secretRef("dev", "long")), "CANARY-long")
	}},
	{"a new type of a secret checks the existing value", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "not an object"))
		f.refused(backend.ErrInvalid, typed("smtp", secret("dev", "s", "")))
		f.must(secret("dev", "s", `{"host":"h","port":25}`))
		out := f.must(typed("smtp", secret("dev", "s", "")))[0]
		equal(f, "version", out.Object.Version, 3)
		equal(f, "value is JSON", f.resolve(secretRef("dev", "s"))[0].JSON, true)
	}},
	{"built-in types exist and cannot be changed", func(f *fixture) {
		types := f.list(backend.Query{Kind: backend.KindSecretType, Project: project})
		if len(types) < 8 {
			f.Errorf("%d built-in types", len(types))
		}
		for _, t := range types {
			if !t.BuiltIn || t.DisplayName == "" || t.Description == "" || !json.Valid(t.Schema) {
				f.Errorf("type %q is incomplete", t.Name)
			}
			f.refused(backend.ErrDenied, backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project,
				Name: t.Name, Description: ptr("mine")})
			f.refused(backend.ErrDenied, remove(backend.KindSecretType, "", t.Name))
		}
	}},
	{"invalid schemas are refused", func(f *fixture) {
		for bad, problem := range map[string]string{
			`[]`:                   "is not a JSON object",
			`{"type":"strange"}`:   "at '/type': value must be one of 'array', ",
			`{"pattern":"("}`:      "at '/pattern': '(' is not valid regex",
			`{"$id":"::"}`:         `error in parsing id at "#"`,
			`{"$schema":"x"}`:      `at '/$schema': "x" is another document`,
			`{"$ref":"a.json"}`:    `at '/$ref': "a.json" is another document`,
			`{"$ref":"../a#/b"}`:   `at '/$ref': "../a#/b" is another document`,
			`{"$ref":"#/$defs/a"}`: `at '/$ref': "#/$defs/a" does not exist in the schema`,
			`{"$ref":"#a"}`:        `at '/$ref': "#a" does not exist in the schema`,

			`{"allOf":[{}, {"$ref":"file:///etc/passwd"}]}`:        `at '/allOf/1/$ref': "file:///etc/passwd" is`,
			`{"properties":{"a/b":{"$ref":"https://a.org/b#/c"}}}`: `at '/properties/a~1b/$ref': "https://a.org/b#/c" is`,
			`{"properties":{"a":{"$id":"b","$ref":"c"}}}`:          `at '/properties/a/$ref': "c" is another document`,
			`{"properties":{"a":{"type":"strange"}}}`:              "at '/properties/a/type': value must be one of ",
			`{"properties":{"a":{"patternProperties":{"(":{}}}}}`:  "at '/properties/a/patternProperties': '(' is not",
			`{"properties":{"a":{"$id":"c"},"b":{"$id":"c"}}}`:     "'/properties/a' and '/properties/b' have the same $id",
			`{"$defs":{"a":{"$anchor":"c"},"b":{"$anchor":"c"}}}`:  "'/$defs/a' and '/$defs/b' have the same $anchor",
		} {
			err := f.refused(backend.ErrInvalid, backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType,
				Project: project, Name: "t", Schema: json.RawMessage(bad)})
			equal(f, "attribute", err.Attribute, "schema")
			f.mentions(err, `the schema of secret type "t" `, problem)
			for _, private := range []string{"\n", "schema:", "schema.json", "file:///"} { // of this machine and the code
				if strings.Contains(strings.ReplaceAll(err.Message, "file:///etc/passwd", ""), private) {
					f.Errorf("the error for %s contains %q: %q", bad, private, err.Message)
				}
			}
		}
		f.mentions(f.refused(backend.ErrInvalid, backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType,
			Project: project, Name: "t", Schema: json.RawMessage(`{"type":"string",`)}), "schema is invalid JSON")
		f.mentions(f.refused(backend.ErrInvalid,
			backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "t"}), "schema is required")
	}},
	{"a secret that a scoped value links to can be deleted only with force", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("dev", "db", "v"), secret("prod", "db", "v"), link("dev", "dsn", "db", ""))
		err := f.refused(backend.ErrInUse, remove(backend.KindSecret, "dev", "db"))
		f.mentions(err, "scoped value dsn in dev")
		equal(f, "managed by", err.Dependents[0].ManagedBy, "")
		f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindScopedValue, ID: err.Dependents[0].ID,
			ManagedBy: ptr(backend.ManagedByTerraform)})
		err = f.refused(backend.ErrInUse, remove(backend.KindSecret, "dev", "db"))
		equal(f, "managed by", err.Dependents[0].ManagedBy, backend.ManagedByTerraform)
		equal(f, "managed by",
			f.list(backend.Query{Kind: backend.KindScopedValue, Project: project, Name: "dsn"})[0].ManagedBy,
			backend.ManagedByTerraform)
		long := strings.Repeat("x", 65)
		f.refused(backend.ErrTooLarge, backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: project,
			Environment: "dev", Name: "db", ManagedBy: &long})
		f.must(remove(backend.KindSecret, "prod", "db"))
		f.refused(backend.ErrInUse, backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret,
			ID: f.list(backend.Query{Kind: backend.KindSecret, Project: project, Name: "db"})[0].ID})
		forced := remove(backend.KindSecret, "dev", "db")
		forced.Force = true
		f.must(forced)
		f.unresolved(backend.ErrNotFound, valueRef("dev", "dsn"))
		f.refused(backend.ErrNotFound, link("dev", "dsn2", "db", ""))
	}},
	{"a secret and the scoped value that links to it can be deleted in one set", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "db", "v"), link("dev", "dsn", "db", ""))
		f.must(remove(backend.KindScopedValue, "dev", "dsn"), remove(backend.KindSecret, "dev", "db"))
	}},
	{"an environment with entries can be deleted only with force, and not if it is protected", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "v"), plain("dev", "v", "1"))
		f.mentions(f.refused(backend.ErrInUse, remove(backend.KindEnvironment, "", "dev")), "secret s in dev",
			"scoped value v in dev")
		c := environment("dev")
		c.Protected = ptr(true)
		f.must(c)
		forced := remove(backend.KindEnvironment, "", "dev")
		forced.Force = true
		f.mentions(f.refused(backend.ErrDenied, forced), "protected")
		c.Protected = ptr(false)
		f.must(c)
		f.must(forced)
		f.must(environment("dev"))
		f.unresolved(backend.ErrNotFound, secretRef("dev", "s"))
		f.refused(backend.ErrInUse, remove(backend.KindProject, "", project))
	}},
	{"invalid fields, kinds and operations are refused", func(f *fixture) {
		f.environments("dev")
		c := environment("dev")
		c.Value = backend.PlaintextString("CANARY")
		err := f.refused(backend.ErrInvalid, c)
		equal(f, "attribute", err.Attribute, "value")
		f.conceals(err, "CANARY")
		c = plain("dev", "v", "{")
		f.refused(backend.ErrInvalid, c)
		c = secret("dev", "s", "v")
		c.Description = ptr(strings.Repeat("x", 4097))
		f.refused(backend.ErrTooLarge, c)
		c = secret("dev", "s", "v")
		c.Labels = map[string]string{"": "x"}
		f.refused(backend.ErrTooLarge, c)
		c = secret("dev", "s", "v")
		c.Op = "upsert"
		f.refused(backend.ErrInvalid, c)
		f.refused(backend.ErrInvalid, backend.Change{Op: backend.OpSet, Kind: "gizmo", Name: "x"})
	}},
	{"the KMS key of an environment cannot change to an invalid one", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "v"))
		c := environment("dev")
		c.KMSKey = ptr("not a URI")
		f.refused(backend.ErrInvalid, c)
		equal(f, "value", f.value(secretRef("dev", "s")), "v")
		equal(f, "KMS key", f.list(backend.Query{Kind: backend.KindEnvironment, Project: project})[0].KMSKey, "")
	}},
}
