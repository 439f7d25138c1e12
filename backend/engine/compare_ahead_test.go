// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// readSecrets has the number of secrets in the longest list that a transaction for writing has read.
type readSecrets struct {
	store.Store
	longest int
}

func (s *readSecrets) Update(ctx context.Context, f func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error { return f(secretTx{tx, s}) })
}

type secretTx struct {
	store.Tx
	of *readSecrets
}

func (t secretTx) Objects(ctx context.Context, f store.Filter) ([]store.Object, error) {
	out, err := t.Tx.Objects(ctx, f)
	if f.Kind == backend.KindSecret {
		t.of.longest = max(t.of.longest, len(out))
	}
	return out, err
}

// Secrets are read for many comparisons at once only if the caller sees the first one. Otherwise the time of a call
// would say that a hidden secret exists.
func TestNothingIsReadAheadForAHiddenSecret(t *testing.T) {
	parts := embedded(t, open.Config{})
	s := &readSecrets{Store: parts.Store}
	e := engine.New(s, parts.Keys, engine.Options{Authorizer: access.NewDirectory(), KMSKey: "file:kms.key"})
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
		s.longest = 0
		out, err := e.Apply(as(role, backend.Workload), compare)
		if err != nil || (out[0].Err != nil) != (role == backend.RoleNone) {
			t.Errorf("%s: %v, %v", role, out, err)
		}
		if s.longest != want {
			t.Errorf("%s: a list of %d secrets was read, want %d", role, s.longest, want)
		}
	}
}
