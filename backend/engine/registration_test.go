// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// readUsages counts the usages that transactions for writing read and verify.
type readUsages struct {
	store.Store
	read   int
	before func() // runs once, before a transaction for writing
}

func (s *readUsages) Update(ctx context.Context, f func(store.Tx) error) error {
	if run := s.before; run != nil {
		s.before = nil
		run()
	}
	watched := watchedStore{Store: s.Store, inUpdate: func(kind backend.Kind, rows int) {
		if kind == backend.KindUsage {
			s.read += rows
		}
	}}
	return watched.Update(ctx, f)
}

func usagesIn(files ...string) backend.ChangeSet {
	c := backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: backend.DefaultProject, Name: "src"}
	for _, f := range files {
		c.Usages = append(c.Usages, backend.Usage{Kind: backend.KindSecret, Name: "a", Environment: "dev", File: f})
	}
	return backend.ChangeSet{Changes: []backend.Change{c}}
}

// A registration reads and verifies the usages of its source before the transaction for writing, because other
// changes wait for this transaction. In the transaction, it reads only the usages again that it removes. It notices
// if others have registered usages in between.
func TestARegistrationIsPreparedOutsideItsTransaction(t *testing.T) {
	parts := embedded(t, open.Config{})
	s := &readUsages{Store: parts.Store}
	e := engine.New(s, parts.Keys, engine.Options{Authorizer: access.NewDirectory(), KMSKey: "file:kms.key"})
	ctx := as(backend.RoleAdmin, backend.Workload)
	apply := func(set backend.ChangeSet) {
		t.Helper()
		if _, err := e.Apply(ctx, set); err != nil {
			t.Fatal(err)
		}
	}
	want := func(files ...string) {
		t.Helper()
		page, err := e.Query(ctx, backend.Query{Kind: backend.KindUsage, Project: backend.DefaultProject, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range page.Objects {
			got = append(got, o.Usage.File)
		}
		slices.Sort(got)
		if slices.Sort(files); !slices.Equal(got, files) {
			t.Errorf("the source has usages in %v, want %v", got, files)
		}
	}
	apply(backend.ChangeSet{Changes: []backend.Change{environment("dev")}})
	var files []string
	for i := range 500 {
		files = append(files, fmt.Sprint("file-", i))
	}
	apply(usagesIn(files...))
	for _, again := range [][]string{files, files[100:], append(files[200:], "new"), files[:1]} {
		dry := usagesIn(again...)
		dry.DryRun = true
		apply(dry)
		apply(usagesIn(again...))
		want(again...)
	}
	if removed := 100 + 100 + 301; s.read != 2*removed { // with the dry runs
		t.Errorf("transactions for writing have read %d usages, and removed %d", s.read, removed)
	}
	for name, other := range map[string]backend.ChangeSet{"as many": usagesIn("a", "d"), "more": usagesIn("a", "b", "d"),
		"none": usagesIn()} {
		apply(usagesIn("a", "b"))
		s.before = func() { apply(other) }
		apply(usagesIn("a", "b", "c"))
		if s.before != nil {
			t.Fatal(name, ": the other registration was not made")
		}
		want("a", "b", "c")
	}
	if s.read <= 2*(100+100+301) {
		t.Error("no registration has noticed the other one")
	}
}
