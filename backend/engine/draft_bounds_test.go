// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// watched notes which rows of changes of drafts its transactions read.
type watched struct {
	store.Store
	reads *[]store.Filter
}

func (w watched) View(ctx context.Context, f func(store.Tx) error) error {
	return w.Store.View(ctx, func(tx store.Tx) error { return f(watchedTx{tx, w.reads}) })
}

func (w watched) Update(ctx context.Context, f func(store.Tx) error) error {
	return w.Store.Update(ctx, func(tx store.Tx) error { return f(watchedTx{tx, w.reads}) })
}

type watchedTx struct {
	store.Tx
	reads *[]store.Filter
}

func (t watchedTx) Objects(ctx context.Context, f store.Filter) ([]store.Object, error) {
	if f.Kind == backend.KindDraftChange {
		*t.reads = append(*t.reads, f)
	}
	return t.Tx.Objects(ctx, f)
}

// A list of drafts reads none of their changes, a list of all changes reads a page of them, and the removal of an
// environment reads the drafts that change it. The changes of all drafts can have 800 MB.
func TestListsOfDraftsReadFewChanges(t *testing.T) {
	parts := embedded(t, open.Config{})
	var reads []store.Filter
	e := engine.New(watched{parts.Store, &reads}, parts.Keys, engine.Options{Authorizer: access.NewDirectory(),
		KMSKey: "file:kms.key"})
	ctx := as(backend.RoleAdmin, backend.Workload)
	apply := func(draft string, changes ...backend.Change) {
		t.Helper()
		if _, err := e.Apply(ctx, backend.ChangeSet{Draft: draft, Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	query := func(q backend.Query) []backend.Object {
		t.Helper()
		q.Project, reads = backend.DefaultProject, nil
		page, err := e.Query(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		return page.Objects
	}
	apply("", environment("dev"), environment("prod"), environment("gone"))
	apply("one", secret("dev", "a", "1"), secret("dev", "b", "2"))
	apply("two", secret("prod", "a", "1"), secret("gone", "x", "1"))
	ids := map[string]string{}
	for _, o := range query(backend.Query{Kind: backend.KindDraft}) {
		ids[o.Name] = o.ID
		if *o.Changes != 2 || len(reads) > 0 {
			t.Errorf("draft %s has %d changes, and the list reads %+v", o.Name, *o.Changes, reads)
		}
	}
	all := query(backend.Query{Kind: backend.KindDraftChange, Limit: 3})
	if len(all) != 3 || len(reads) != 1 || reads[0].Limit != 4 {
		t.Errorf("a list of %d changes reads %+v", len(all), reads)
	}
	if one := query(backend.Query{Kind: backend.KindDraftChange, ID: all[0].ID}); len(one) != 1 || len(reads) != 1 {
		t.Errorf("a list of one change: %+v, %+v", one, reads)
	}
	reads = nil
	purge := backend.Change{Op: backend.OpDelete, Kind: backend.KindEnvironment, Project: backend.DefaultProject,
		Name: "gone", Purge: true, Force: true}
	apply("", purge)
	for _, f := range reads {
		if f.Link == ids["one"] {
			t.Errorf("removing an environment reads the changes of a draft that does not change it")
		}
	}
	if left := query(backend.Query{Kind: backend.KindDraftChange, Draft: "two"}); len(left) != 1 {
		t.Errorf("%d changes are left", len(left))
	}
}

// A draft whose deployment would have an outcome that is too large is refused when it is staged.
func TestADraftIsRefusedIfItsOutcomeIsTooLarge(t *testing.T) {
	g := newGuesser(t)
	changes := make([]backend.Change, 1990)
	for i := range changes {
		changes[i] = backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: backend.DefaultProject,
			Environment: "dev", Name: fmt.Sprintf("v%d", i), JSON: json.RawMessage(`"` + strings.Repeat("x", 7590) + `"`)}
	}
	ctx := as(backend.RoleAdmin, backend.Workload)
	_, err := g.service.Apply(ctx, backend.ChangeSet{Draft: "d", Changes: changes})
	if !errors.Is(err, backend.ErrTooLarge) {
		t.Errorf("staging: %v", err)
	}
	if _, err := g.service.Apply(ctx, backend.ChangeSet{DryRun: true, Changes: changes}); err != nil {
		t.Errorf("the same changes without a draft: %v", err)
	}
}
