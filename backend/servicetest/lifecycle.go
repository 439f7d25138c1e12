// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"encoding/json"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

var lifecycleCases = []testCase{
	{"a deleted secret can be restored, with all its versions", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "one"))
		o := f.must(typed("", secret("dev", "s", "two")), typed("password", secret("dev", "s", "")))[1].Object
		f.must(remove(backend.KindSecret, "dev", "s"))
		f.unresolved(backend.ErrNotFound, secretRef("dev", "s"))
		equal(f, "listed", len(f.list(backend.Query{Kind: backend.KindSecret, Project: project})), 0)
		deleted := f.list(backend.Query{Kind: backend.KindSecret, Project: project, Deleted: true, Environment: "dev"})
		equal(f, "deleted", len(deleted), 1)
		equal(f, "name", deleted[0].Name, "s")
		equal(f, "kind", deleted[0].Kind, backend.KindSecret)
		equal(f, "id", deleted[0].ID, o.ID)
		equal(f, "has no time of deletion", deleted[0].DeletedAt.IsZero(), false)
		out := f.must(restore(backend.KindSecret, "dev", "s"))[0]
		equal(f, "action", out.Action, backend.ActionRestore)
		equal(f, "id", out.Object.ID, o.ID)
		equal(f, "type", out.Object.Type, "password")
		equal(f, "has no time of deletion", out.Object.DeletedAt.IsZero(), true)
		equal(f, "value", f.value(secretRef("dev", "s")), "two")
		old := secretRef("dev", "s")
		old.Version = "1"
		equal(f, "value of version 1", f.value(old), "one")
		f.refused(backend.ErrNotFound, restore(backend.KindSecret, "dev", "s"))
	}},
	{"a deleted secret does not block its name and quota", func(f *fixture) {
		f.environments("dev")
		f.must(policy(backend.PolicyChange{MaxSecrets: ptr(1)}))
		old := f.must(secret("dev", "s", "old"))[0].Object
		f.must(remove(backend.KindSecret, "dev", "s"), secret("dev", "s", "new"))
		equal(f, "value", f.value(secretRef("dev", "s")), "new")
		f.mentions(f.refused(backend.ErrExists, backend.Change{Op: backend.OpRestore, Kind: backend.KindSecret, ID: old.ID}),
			"exists again")
		as := backend.Change{Op: backend.OpRestore, Kind: backend.KindSecret, ID: old.ID, Rename: ptr("s_old")}
		f.refused(backend.ErrQuota, as)
		f.must(policy(backend.PolicyChange{MaxSecrets: ptr(2)}))
		bad := as
		bad.Rename = ptr("not a name")
		f.refused(backend.ErrInvalid, bad)
		f.must(as)
		equal(f, "value", f.value(secretRef("dev", "s_old")), "old")
		// Two secrets of the same name are deleted. The restore takes the last one.
		f.must(remove(backend.KindSecret, "dev", "s"))
		f.must(secret("dev", "s", "newer"))
		f.must(remove(backend.KindSecret, "dev", "s"), restore(backend.KindSecret, "dev", "s"))
		equal(f, "value", f.value(secretRef("dev", "s")), "newer")
	}},
	{"a purged entry cannot be restored", func(f *fixture) {
		f.environments("dev")
		o := f.must(secret("dev", "a", "v"), secret("dev", "b", "v"), plain("dev", "v", "1"))
		now := remove(backend.KindSecret, "dev", "a")
		now.Purge = true
		f.must(now)
		f.refused(backend.ErrNotFound, restore(backend.KindSecret, "dev", "a"))
		f.must(remove(backend.KindSecret, "dev", "b"))
		later := backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: o[1].Object.ID}
		f.refused(backend.ErrNotFound, later)
		later.Purge = true
		f.must(later)
		f.refused(backend.ErrNotFound, restore(backend.KindSecret, "dev", "b"))
		f.must(remove(backend.KindScopedValue, "dev", "v"), restore(backend.KindScopedValue, "dev", "v"))
		equal(f, "value", f.value(valueRef("dev", "v")), "1")
		f.must(policy(backend.PolicyChange{RecoveryDays: ptr(0)}), remove(backend.KindScopedValue, "dev", "v"))
		equal(f, "deleted", len(f.list(backend.Query{Kind: backend.KindScopedValue, Project: project, Deleted: true})), 0)
		f.refused(backend.ErrInvalid, policy(backend.PolicyChange{RecoveryDays: ptr(91)}))
		f.refused(backend.ErrInvalid, policy(backend.PolicyChange{RecoveryDays: ptr(-1)}))
	}},
	{"a deleted entry does not block the deletion of its type and environment", func(f *fixture) {
		f.environments("dev")
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "word",
			Schema: json.RawMessage(`{"type":"string"}`)},
			typed("word", secret("dev", "s", "v")))
		f.must(remove(backend.KindSecret, "dev", "s"), remove(backend.KindSecretType, "", "word"))
		f.must(restore(backend.KindSecret, "dev", "s"))
		equal(f, "value", f.value(secretRef("dev", "s")), "v")
		f.must(remove(backend.KindSecret, "dev", "s"), remove(backend.KindEnvironment, "", "dev"))
		f.environments("dev")
		f.refused(backend.ErrNotFound, restore(backend.KindSecret, "dev", "s"))
	}},
	{"a protected secret cannot be deleted, even with force", func(f *fixture) {
		f.environments("dev")
		c := secret("dev", "s", "v")
		c.Protected = ptr(true)
		equal(f, "protected", f.must(c)[0].Object.Protected, true)
		forced := remove(backend.KindSecret, "dev", "s")
		forced.Force, forced.Purge = true, true
		equal(f, "attribute", f.refused(backend.ErrDenied, forced).Attribute, "protected")
		whole := remove(backend.KindEnvironment, "", "dev")
		whole.Force = true
		f.refused(backend.ErrDenied, whole)
		c.Protected = ptr(false)
		f.must(c, forced)
	}},
	{"an expired secret is refused, and the error says when it expired", func(f *fixture) {
		f.environments("dev")
		c := secret("dev", "s", "CANARY")
		past, future := time.Now().Add(-time.Hour).UTC().Truncate(time.Second), time.Now().Add(time.Hour)
		c.ExpiresAt = &future
		f.must(c, link("dev", "v", "s", ""))
		equal(f, "value", f.value(secretRef("dev", "s")), "CANARY")
		c.ExpiresAt = &past
		out := f.must(c)[0]
		equal(f, "changed", len(out.Changed), 1)
		equal(f, "expiry is returned", out.Object.ExpiresAt.Equal(past), true)
		err := f.unresolved(backend.ErrDenied, secretRef("dev", "s"))
		f.mentions(err, "expired", past.Format(time.RFC3339))
		f.conceals(err, "CANARY")
		f.unresolved(backend.ErrDenied, valueRef("dev", "v"))
		c.ExpiresAt = &time.Time{}
		f.must(c)
		equal(f, "value", f.value(secretRef("dev", "s")), "CANARY")
	}},
	{"a resolution says whether its value is secret", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", `{"a":"b"}`), plain("dev", "v", "1"), link("dev", "l", "s", "a"))
		for name, want := range map[string]bool{"v": false, "l": true} {
			equal(f, name, f.resolve(valueRef("dev", name))[0].Secret, want)
		}
		equal(f, "s", f.resolve(secretRef("dev", "s"))[0].Secret, true)
	}},
	{"rotation is due the given number of days after the value was written", func(f *fixture) {
		f.environments("dev")
		c := secret("dev", "s", "v")
		c.RotationDays = ptr(30)
		o := f.must(c)[0].Object
		equal(f, "due", o.RotationDueAt.Equal(o.ValueAt.AddDate(0, 0, 30)), true)
		c.RotationDays = ptr(0)
		equal(f, "due time is unset", f.must(c)[0].Object.RotationDueAt.IsZero(), true)
		for _, bad := range []int{-1, 3_651} {
			c.RotationDays = ptr(bad)
			equal(f, "attribute", f.refused(backend.ErrInvalid, c).Attribute, "rotation_days")
		}
	}},
	{"a generated value fits its type", func(f *fixture) {
		f.environments("dev")
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "pin",
			Schema: json.RawMessage(`{"type":"string","maxLength":12}`)})
		c := typed("pin", secret("dev", "s", ""))
		c.Generate = &backend.Generate{Alphabet: "0123456789"}
		f.must(c)
		equal(f, "characters", len(f.value(secretRef("dev", "s"))), 12)
		c.Generate.Length = 13
		f.mentions(f.refused(backend.ErrInvalid, c), "choose a length from 8 to 12")
		for schema, want := range map[string]int{
			`{"type":"string","allOf":[{"minLength":64}]}`:                        64,
			`{"$ref":"#/$defs/long","$defs":{"long":{"minLength":41}}}`:           41,
			`{"type":"string","minLength":4,"maxLength":50,"pattern":"^[0-9]*$"}`: 32,
		} {
			f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "sized",
				Schema: json.RawMessage(schema)})
			c := typed("sized", secret("dev", "sized", ""))
			c.Generate = &backend.Generate{Alphabet: "0123456789"}
			f.must(c)
			equal(f, "characters for "+schema, len(f.value(secretRef("dev", "sized"))), want)
			f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, Project: project, Environment: "dev",
				Name: "sized"})
		}
		c = typed("sized", secret("dev", "sized", ""))
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "sized",
			Schema: json.RawMessage(`{"type":"string","pattern":"^[0-9]+$"}`)})
		c.Generate = &backend.Generate{}
		f.mentions(f.refused(backend.ErrInvalid, c), "choose an alphabet that the schema allows, or give a value")
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "sized",
			Schema: json.RawMessage(`{"type":"string","maxLength":7}`)})
		f.mentions(f.refused(backend.ErrInvalid, c), "allows no length from 8 to 1024", "give a value")
	}},
	{"a fingerprint depends on the value and on the key of the call", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("dev", "a", "same"), secret("prod", "a", "same"),
			typed("smtp", secret("dev", "j", `{"host":"h","port":25}`)), plain("dev", "v", "1"))
		key := make([]byte, backend.FingerprintKeySize)
		ask := func(changes ...backend.Change) []backend.Outcome {
			return f.apply(backend.ChangeSet{Changes: changes, DryRun: true, FingerprintKey: key})
		}
		out := ask(secret("dev", "a", ""), secret("prod", "a", "other"), secret("dev", "j", ""), secret("dev", "new", "v"),
			plain("dev", "v", "1"))
		equal(f, "the value", backend.HasFingerprint(key, []byte("same"), out[0].Fingerprint), true)
		equal(f, "another value", backend.HasFingerprint(key, []byte("other"), out[0].Fingerprint), false)
		equal(f, "fingerprint of the value before the change", string(out[1].Fingerprint), string(out[0].Fingerprint))
		equal(f, "JSON", backend.HasFingerprint(key, []byte(`{ "port": 25, "host": "h" }`), out[2].Fingerprint), true)
		equal(f, "fingerprints of a missing secret and of a scoped value", len(out[3].Fingerprint)+len(out[4].Fingerprint), 0)
		key[0]++
		equal(f, "another key", string(ask(secret("dev", "a", ""))[0].Fingerprint) == string(out[0].Fingerprint), false)
		f.rejects(backend.ErrInvalid, backend.ChangeSet{Changes: []backend.Change{secret("dev", "a", "x")},
			FingerprintKey: key})
		f.rejects(backend.ErrInvalid, backend.ChangeSet{Changes: []backend.Change{secret("dev", "a", "x")}, DryRun: true,
			FingerprintKey: key[:16]})
		f.must(policy(backend.PolicyChange{ForbidFingerprints: ptr(true)}))
		equal(f, "forbidden", len(ask(secret("dev", "a", ""))[0].Fingerprint), 0)
	}},
	{"an entry that a registered file uses cannot be deleted", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("dev", "a", "v"), secret("*", "a", "shared"), secret("prod", "b", "v"), plain("dev", "v", "1"))
		at := func(kind backend.Kind, env, name string, line int) backend.Usage {
			return backend.Usage{Kind: kind, Name: name, Environment: env, File: "io_config.yaml", Line: line, Column: 3}
		}
		register := func(source string, usages ...backend.Usage) backend.Change {
			return backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: source, Usages: usages}
		}
		usages := []backend.Usage{at(backend.KindSecret, "dev", "a", 1), at(backend.KindSecret, "dev", "a", 1),
			at(backend.KindSecret, "prod", "missing", 2), at(backend.KindScopedValue, "dev", "v", 4)}
		out := f.must(register("github.com/acme/pipelines", usages...))[0]
		equal(f, "action", out.Action, backend.ActionCreate)
		equal(f, "usages without duplicates", *out.Object.Usages, 3)
		equal(f, "again", f.must(register("github.com/acme/pipelines", usages...))[0].Action, backend.ActionUnchanged)
		f.mentions(f.refused(backend.ErrInUse, remove(backend.KindSecret, "dev", "a")),
			"io_config.yaml:1 of github.com/acme/pipelines in dev")
		f.mentions(f.refused(backend.ErrInUse, remove(backend.KindScopedValue, "dev", "v")), "io_config.yaml:4")
		f.must(remove(backend.KindSecret, "*", "a")) // dev uses its own secret
		listed := f.list(backend.Query{Kind: backend.KindUsage, Project: project})
		equal(f, "listed", len(listed), 3)
		equal(f, "usages of a name", len(f.list(backend.Query{Kind: backend.KindUsage, Project: project, Name: "a"})), 1)
		equal(f, "usages of another source",
			len(f.list(backend.Query{Kind: backend.KindUsage, Project: project, Type: "another"})), 0)
		equal(f, "place", *listed[0].Usage, backend.Usage{Kind: backend.KindSecret, Name: "a", Environment: "dev",
			Scope: "project", File: "io_config.yaml", Line: 1, Column: 3})
		equal(f, "source", listed[0].Source, "github.com/acme/pipelines")
		f.must(register("another", at(backend.KindSecret, "prod", "b", 9)))
		equal(f, "changed", f.must(register("github.com/acme/pipelines", usages[2]))[0].Action, backend.ActionUpdate)
		f.must(remove(backend.KindSecret, "dev", "a"))
		forced := remove(backend.KindSecret, "prod", "b")
		f.refused(backend.ErrInUse, forced)
		forced.Force = true
		f.must(forced)
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindUsage, Project: project, Name: "another"})
		for _, bad := range []backend.Change{register(""), register("a\nb"),
			register("x", backend.Usage{Kind: backend.KindSecretType, Name: "t", Environment: "dev"}),
			register("x", at(backend.KindSecret, "*", "a", 1)), register("x", at(backend.KindSecret, "dev", "a b", 1))} {
			f.refused(backend.ErrInvalid, bad)
		}
		f.refused(backend.ErrNotFound, register("x", at(backend.KindSecret, "nowhere", "a", 1)))
		f.rejects(backend.ErrInvalid, backend.ChangeSet{Changes: []backend.Change{register("x"), register("x")}})
	}},
}

func restore(kind backend.Kind, env, name string) backend.Change {
	return backend.Change{Op: backend.OpRestore, Kind: kind, Project: project, Environment: env, Name: name}
}
