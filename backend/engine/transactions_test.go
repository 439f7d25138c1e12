// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// counted counts the transactions of a store.
type counted struct {
	store.Store
	views, updates atomic.Int64
}

func (c *counted) View(ctx context.Context, f func(store.Tx) error) error {
	c.views.Add(1)
	return c.Store.View(ctx, f)
}

func (c *counted) Update(ctx context.Context, f func(store.Tx) error) error {
	c.updates.Add(1)
	return c.Store.Update(ctx, f)
}

// A call runs its transaction once when its keys are in memory. A second run happens only to fetch a key from the KMS.
func TestNumberOfTransactions(t *testing.T) {
	parts := embedded(t, open.Config{})
	c := &counted{Store: parts.Store}
	e := engine.New(c, parts.Keys, engine.Options{Authorizer: access.Rights{}, KMSKey: "file:kms.key"})
	ctx := context.Background()
	apply := func(set backend.ChangeSet) {
		t.Helper()
		if _, err := e.Apply(ctx, set); err != nil {
			t.Fatal(err)
		}
	}
	first := backend.ChangeSet{Changes: []backend.Change{environment("dev"), secret("dev", "a", "1")}}
	another := backend.ChangeSet{Changes: []backend.Change{secret("dev", "a", "2"), secret("dev", "b", "3")}}
	dry := backend.ChangeSet{Changes: []backend.Change{secret("dev", "a", "4"), secret("dev", "c", "5")}, DryRun: true}
	apply(first) // sweeps too, once in an hour
	for _, call := range []struct {
		name           string
		run            func()
		views, updates int64
	}{
		{"a change", func() { apply(another) }, 0, 1},
		{"a dry run", func() { apply(dry) }, 0, 1},
		{"a new environment, whose key the KMS makes", func() {
			apply(backend.ChangeSet{Changes: []backend.Change{environment("prod")}})
		}, 0, 2},
		{"a reference", func() {
			if _, err := e.Resolve(ctx, []backend.Ref{ref("dev", "a"), ref("dev", "b")}); err != nil {
				t.Fatal(err)
			}
		}, 1, 0},
		{"a list", func() {
			if _, err := e.Query(ctx, backend.Query{Kind: backend.KindSecret, Project: backend.DefaultProject}); err != nil {
				t.Fatal(err)
			}
		}, 1, 0},
	} {
		views, updates := c.views.Load(), c.updates.Load()
		call.run()
		if v, u := c.views.Load()-views, c.updates.Load()-updates; v != call.views || u != call.updates {
			t.Errorf("%s takes %d read and %d write transactions, want %d and %d", call.name, v, u, call.views, call.updates)
		}
	}
}
