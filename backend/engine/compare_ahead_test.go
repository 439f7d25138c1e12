// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"fmt"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// Secrets are read for many comparisons at once only if the caller sees the first one. Otherwise the time of a call
// would say that a hidden secret exists.
func TestNothingIsReadAheadForAHiddenSecret(t *testing.T) {
	parts := embedded(t, open.Config{})
	longest := 0 // list of secrets
	watched := watchedStore{Store: parts.Store, inUpdate: func(kind backend.Kind, rows int) {
		if kind == backend.KindSecret {
			longest = max(longest, rows)
		}
	}}
	e := engine.New(watched, parts.Keys, engine.Options{Authorizer: access.NewDirectory(), KMSKey: "file:kms.key"})
	const secrets = 100
	create := backend.ChangeSet{Changes: []backend.Change{environment("dev")}}
	for i := range secrets {
		create.Changes = append(create.Changes, secret("dev", fmt.Sprintf("s%03d", i), "CANARY"))
	}
	out, err := e.Apply(as(backend.RoleAdmin, backend.Workload), create)
	if err != nil {
		t.Fatal(err)
	}
	compare := backend.ChangeSet{DryRun: true}
	for range secrets {
		compare.Changes = append(compare.Changes, backend.Change{Op: backend.OpCompare, Kind: backend.KindSecret,
			ID: out[secrets].Object.ID})
	}
	for role, want := range map[backend.Role]int{backend.RoleNone: 1, backend.RoleAdmin: secrets} {
		longest = 0
		out, err := e.Apply(as(role, backend.Workload), compare)
		if err != nil || (out[0].Err != nil) != (role == backend.RoleNone) {
			t.Errorf("%s: %v, %v", role, out, err)
		}
		if longest != want {
			t.Errorf("%s: a list of %d secrets was read, want %d", role, longest, want)
		}
	}
}
