// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	e := engine.New(c, parts.Keys, engine.Options{Authorizer: access.NewDirectory(), KMSKey: "file:kms.key"})
	ctx := as(backend.RoleAdmin, backend.Workload)
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

// The checks of values take long only outside a transaction, because it holds the lock for writing: the call begins
// again with their results. The outcomes are the same.
func TestLongChecksAreMadeOutsideTransactions(t *testing.T) {
	parts := embedded(t, open.Config{})
	c := &counted{Store: parts.Store}
	e := engine.New(c, parts.Keys, engine.Options{Authorizer: access.NewDirectory(), KMSKey: "file:kms.key"})
	ctx := as(backend.RoleAdmin, backend.Workload)
	schema := `{"type": "string", "allOf": [` + strings.Repeat(`{"pattern": "^[a-z0-9]*$"},`, 2000) + `{}]}`
	typeKey, max := "slow", 1000
	slow := func(name, value string) backend.Change {
		s := secret("dev", name, value)
		s.Type = &typeKey
		return s
	}
	const n = 200
	set := backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpSet, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxSecrets: &max}},
		environment("dev"),
		{Op: backend.OpSet, Kind: backend.KindSecretType, Project: backend.DefaultProject, Name: typeKey,
			Schema: []byte(schema)},
	}}
	if _, err := e.Apply(ctx, set); err != nil {
		t.Fatal(err)
	}
	set = backend.ChangeSet{}
	for i := range n {
		set.Changes = append(set.Changes, slow(fmt.Sprint("s", i), fmt.Sprint("value", i)))
	}
	generated := slow("generated", "")
	generated.Generate = &backend.Generate{Alphabet: "abcdefghijklmnopqrstuvwxyz"}
	set.Changes = append(set.Changes, generated)
	broken := set
	broken.Changes = append(slices.Clone(set.Changes), slow("broken", "NOT LOWER CASE"))
	for _, call := range []struct {
		name string
		set  backend.ChangeSet
		bad  int // the index of the change that is refused, or -1
	}{
		{"a dry run", backend.ChangeSet{Changes: set.Changes, DryRun: true}, -1},
		{"a set with a value that does not match", broken, n + 1},
		{"a set", set, -1},
	} {
		updates := c.updates.Load()
		out, err := e.Apply(ctx, call.set)
		if (err != nil) != (call.bad >= 0) {
			t.Fatalf("%s: %v", call.name, err)
		}
		for i, o := range out {
			if (o.Err != nil) != (i == call.bad) || i != call.bad && o.Action != backend.ActionCreate {
				t.Errorf("%s: change %d is %s, %v", call.name, i, o.Action, o.Err)
			}
		}
		if got := c.updates.Load() - updates; got != 2 {
			t.Errorf("%s takes %d write transactions, want 2", call.name, got)
		}
	}
	schema = strings.Replace(schema, "a-z0-9", "a-z0-8", 1)
	set = backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpSet, Kind: backend.KindSecretType,
		Project: backend.DefaultProject, Name: typeKey, Schema: []byte(schema)}}}
	if _, err := e.Apply(ctx, set); !errors.Is(err, backend.ErrInUse) || !strings.Contains(err.Error(), "secret s9 ") {
		t.Errorf("a schema that does not allow the existing values: %v", err)
	}
}
