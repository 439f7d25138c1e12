// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// An earlier program has stored schemas that refer to themselves without end. Nothing can be checked against them, but
// everything else works, and a new schema is the way out.
func TestAStoredSchemaWithoutEnd(t *testing.T) {
	for _, schema := range []string{
		`{"$ref":"#"}`,
		`{"not":{"$ref":"#"}}`,
		`{"anyOf":[{"type":"string"},{"$ref":"#"}]}`,
		`{"$dynamicAnchor":"x","not":{"$dynamicRef":"#x"}}`,
	} {
		parts := embedded(t, open.Config{})
		e := engine.New(parts.Store, parts.Keys, engine.Options{Authorizer: access.NewDirectory(), KMSKey: "file:kms.key"})
		ctx := as(backend.RoleAdmin, backend.Workload)
		typeKey, other, text, first := "t", "u", "text", "1"
		apply := func(c backend.Change) error {
			_, err := e.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}})
			return err
		}
		must := func(c backend.Change) {
			t.Helper()
			if err := apply(c); err != nil {
				t.Errorf("%s: %v", schema, err)
			}
		}
		refused := func(c backend.Change) {
			t.Helper()
			err := apply(c)
			if e := backend.AsError(err); !errors.Is(err, backend.ErrInvalid) || !strings.Contains(e.Message,
				`no value of secret type "t" can be checked`) || !strings.Contains(e.Hint, "pouncet type set t") {
				t.Errorf("%s: error %v", schema, err)
			}
		}
		secretType := func(name, schema string) backend.Change {
			return backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: backend.DefaultProject, Name: name,
				Schema: []byte(schema)}
		}
		typed := func(name, value string, key *string) backend.Change {
			c := secret("dev", name, value)
			c.Type = key
			return c
		}
		must(environment("dev"))
		must(secretType(typeKey, `{"type":"string"}`))
		must(secretType(other, `{"type":"string"}`))
		must(typed("a", "CANARY-1", &typeKey))
		must(typed("a", "CANARY-2", &typeKey))
		must(typed("b", "CANARY-3", &other))
		err := parts.Store.Update(t.Context(), func(tx store.Tx) error {
			rows, err := tx.Objects(t.Context(), store.Filter{Kind: backend.KindSecretType, Name: typeKey})
			if err != nil || len(rows) != 1 {
				t.Fatal(rows, err)
			}
			o := rows[0]
			o.Attributes = []byte(strings.Replace(string(o.Attributes), `{"type":"string"}`, schema, 1))
			o.Revision++
			return tx.UpdateObject(t.Context(), o)
		})
		if err != nil {
			t.Fatal(err)
		}

		refused(typed("a", "CANARY-4", nil))
		refused(typed("new", "CANARY-4", &typeKey))
		refused(typed("b", "CANARY-3", &typeKey))
		generated := backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject,
			Environment: "dev", Name: "a", Generate: &backend.Generate{}}
		refused(generated)
		generated.Generate, generated.FromVersion = nil, &first
		refused(generated)

		described := backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject,
			Environment: "dev", Name: "a", Description: &text}
		must(described)
		removed := described
		removed.Op, removed.Description = backend.OpDelete, nil
		got, err := e.Resolve(ctx, []backend.Ref{ref("dev", "a")})
		if err != nil || got[0].Err != nil || string(got[0].Value.Expose()) != "CANARY-2" {
			t.Errorf("%s: %v", schema, err)
		}
		only := secretType(typeKey, "")
		only.Schema, only.Description = nil, &text
		must(only)
		must(secretType(typeKey, `{"type":"string","minLength":1}`))
		must(typed("a", "CANARY-5", nil))
		must(removed)
		removed.Op = backend.OpRestore
		must(removed)
	}
}
