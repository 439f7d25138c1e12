// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The rows that an earlier program has registered have other names. They count as the same usages.
func TestUsagesOfAnEarlierProgramStay(t *testing.T) {
	folder := unsigned(t, 1)
	s := embeddedIn(t, folder).Engine
	type source struct{ project, name string }
	registered, n := map[source][]backend.Usage{}, 0
	for p, err := range backend.List(t.Context(), s, backend.Query{Kind: backend.KindProject}) {
		if err != nil {
			t.Fatal(err)
		}
		usages, err := backend.ListAll(t.Context(), s, backend.Query{Kind: backend.KindUsage, Project: p.Name})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range usages {
			at := source{p.Name, u.Source}
			registered[at] = append(registered[at], *u.Usage)
			n++
		}
	}
	if n < 20 {
		t.Fatalf("the fixture has %d usages", n)
	}
	register := func(at source, usages []backend.Usage) backend.Action {
		t.Helper()
		out, err := s.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpSet,
			Kind: backend.KindUsage, Project: at.project, Name: at.name, Usages: usages}}})
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Action
	}
	for at, usages := range registered {
		if got := register(at, usages); got != backend.ActionUnchanged {
			t.Errorf("to register the usages of %s again is %s", at.name, got)
		}
		moved := usages[0]
		moved.File, moved.Line = strings.Repeat("f", backend.MaxFileBytes), 7
		register(at, append([]backend.Usage{moved}, usages[1:]...))
		of := backend.Query{Kind: backend.KindUsage, Project: at.project, Type: at.name}
		now, err := backend.ListAll(t.Context(), s, of)
		if err != nil || len(now) != len(usages) {
			t.Errorf("source %s has %d usages, want %d: %v", at.name, len(now), len(usages), err)
		}
	}
	// The name of a new row is as short with a long name of a file. It is a part of the largest index.
	db, err := sql.Open("sqlite", filepath.Join(folder, "pouncet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var longest int
	err = db.QueryRowContext(t.Context(), `SELECT max(length(name) - length(link)) FROM object
		WHERE kind = 'usage' AND length(attributes) > 1024`).Scan(&longest)
	if err != nil || longest != len(" ")+32 {
		t.Errorf("the name of a usage has %d bytes beside that of its secret: %v", longest, err)
	}
}
