// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// countedStore counts the rows of access and the tokens that transactions read.
type countedStore struct {
	store.Store
	rows, tokens int
}

func (s *countedStore) Update(ctx context.Context, f func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error { return f(countedTx{tx, s}) })
}

type countedTx struct {
	store.Tx
	s *countedStore
}

func (t countedTx) Objects(ctx context.Context, f store.Filter) ([]store.Object, error) {
	out, err := t.Tx.Objects(ctx, f)
	if f.Kind == backend.KindBinding || f.Kind == backend.KindGroup || f.Kind == backend.KindRole {
		t.s.rows += len(out)
	}
	return out, err
}

func (t countedTx) Tokens(ctx context.Context) ([]store.Token, error) {
	out, err := t.Tx.Tokens(ctx)
	t.s.tokens += len(out)
	return out, err
}

// bindingChanges are changes of bindings of the group g: b000, b001 and so on.
func bindingChanges(op backend.Op, n int, change func(i int, c *backend.Change)) []backend.Change {
	changes := make([]backend.Change, n)
	for i := range changes {
		changes[i] = backend.Change{Op: op, Kind: backend.KindBinding, Name: fmt.Sprintf("b%03d", i)}
		change(i, &changes[i])
	}
	return changes
}

// Each binding is compared with all others, and a set reads them once, whatever its number of changes.
func TestASetReadsTheBindingsOnce(t *testing.T) {
	const many = 250
	parts := embedded(t, open.Config{})
	counted := &countedStore{Store: parts.Store}
	service := engine.New(counted, parts.Keys, engine.Options{Authorizer: access.NewDirectory(), KMSKey: "file:kms.key"})
	apply := func(changes ...backend.Change) (rows, tokens int, err error) {
		counted.rows, counted.tokens = 0, 0
		out, err := service.Apply(as(backend.RoleAdmin, backend.Workload), backend.ChangeSet{Changes: changes})
		for _, o := range out {
			if err == nil && o.Err != nil {
				err = o.Err
			}
		}
		return counted.rows, counted.tokens, err
	}
	grant := func(i int, c *backend.Change) {
		c.Grant = &backend.Grant{Role: "viewer", To: "token:ci", Where: backend.Where{Names: fmt.Sprint("n", i)}}
	}
	hash := fmt.Appendf(nil, "%-32s", "ci")
	role := backend.RoleNone
	token := backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: "ci", Role: &role, TokenHash: hash}
	if _, _, err := apply(token); err != nil {
		t.Fatal(err)
	}
	description := "changed"
	describe := func(_ int, c *backend.Change) { c.Description = &description }
	nothing := func(int, *backend.Change) {}
	for _, c := range []struct {
		name    string
		changes []backend.Change
	}{
		{"creating", bindingChanges(backend.OpCreate, many, grant)},
		{"updating", bindingChanges(backend.OpSet, many, describe)},
		{"deleting", bindingChanges(backend.OpDelete, many, nothing)},
	} {
		rows, tokens, err := apply(c.changes...)
		if err != nil || rows > 8*many || tokens > 2*many {
			t.Errorf("%s %d bindings reads %d rows and %d tokens, %v", c.name, many, rows, tokens, err)
		}
	}
}

// What a set has written is among the rows that its later changes are compared with, as if each were a call.
func TestASetSeesTheBindingsThatItWrites(t *testing.T) {
	grant := func(names string) *backend.Grant {
		return &backend.Grant{Role: "viewer", To: "group:g", Where: backend.Where{Names: names}}
	}
	create := func(name, names string) backend.Change {
		return backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: name, Grant: grant(names)}
	}
	remove := backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, Name: "b"}
	renamed := "c"
	rename := backend.Change{Op: backend.OpUpdate, Kind: backend.KindBinding, Name: "b", Rename: &renamed}
	for _, c := range []struct {
		name    string
		changes []backend.Change
		want    *backend.Error // of the last change
		left    []string
	}{
		{"the same twice", []backend.Change{create("b", "x"), create("c", "x")}, backend.ErrExists, nil},
		{"the same name twice", []backend.Change{create("b", "x"), create("b", "y")}, backend.ErrExists, nil},
		{"the same after a deletion", []backend.Change{create("b", "x"), remove, create("c", "x")}, nil, []string{"c"}},
		{"the name after a rename", []backend.Change{create("b", "x"), rename, create("b", "y")}, nil, []string{"b", "c"}},
		{"the old name after a rename", []backend.Change{create("b", "x"), rename, remove}, backend.ErrNotFound, nil},
		{"a new name that is taken", []backend.Change{create("c", "y"), create("b", "x"), rename}, backend.ErrExists, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			parts := embedded(t, open.Config{})
			admin := as(backend.RoleAdmin, backend.Workload)
			group := backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "g", Members: []string{}}
			set := backend.ChangeSet{Changes: append([]backend.Change{group}, c.changes...)}
			_, err := parts.Engine.Apply(admin, set)
			if (err == nil) != (c.want == nil) || err != nil && !errors.Is(err, c.want) {
				t.Errorf("the last change gives %v, want %v", err, c.want)
			}
			all, err := backend.ListAll(admin, parts.Engine, backend.Query{Kind: backend.KindBinding})
			if err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, o := range all {
				left = append(left, o.Name)
			}
			if !slices.Equal(left, c.left) {
				t.Errorf("the bindings are %v, want %v", left, c.left)
			}
		})
	}
}
