// SPDX-License-Identifier: MPL-2.0

package report

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The results of the comparison of a value with the first one of its row.
const (
	Same      = "same"
	Different = "different"
)

// Cell is one name in one environment.
type Cell struct {
	Environment string
	Own         *backend.Object // of the environment itself
	Shared      *backend.Object // of all environments, if there is no own one
	Draft       bool            // a draft changes it
	Compared    string          // Same or Different, compared with the first own one of the row; "" for neither
}

// Missing reports whether a reference finds nothing.
func (c Cell) Missing() bool { return c.Own == nil && c.Shared == nil }

// Row is the secrets of one name and scope in all environments.
type Row struct {
	Name, Scope string
	Cells       []Cell
}

// HasHole reports whether an environment lacks the secret.
func (r Row) HasHole() bool { return slices.ContainsFunc(r.Cells, Cell.Missing) }

// Differs reports whether a value differs from the first one. It is false without a comparison.
func (r Row) Differs() bool {
	return slices.ContainsFunc(r.Cells, func(c Cell) bool { return c.Compared == Different })
}

// What a matrix can be restricted to.
const (
	OnlyHoles     = "holes"
	OnlyDifferent = "different"
)

// MatrixOptions say what a matrix has.
type MatrixOptions struct {
	Project      string
	Environments []string // the columns
	Only         string   // OnlyHoles, OnlyDifferent, or "" for all rows
	Compare      bool     // the values of the rows; OnlyDifferent compares all rows of the project
	// Offset and Limit select rows. Those after the last are the last ones.
	Offset, Limit int
}

// Matrix is the secrets of a project by environments.
type Matrix struct {
	Rows          []Row
	Total, Offset int
	NotCompared   bool // the caller may not compare values
}

// MakeMatrix lists the secrets of a project, and compares their values if that is asked for. No value leaves the
// backend.
func MakeMatrix(ctx context.Context, s backend.Service, o MatrixOptions) (Matrix, error) {
	rows, err := matrixRows(ctx, s, o)
	if err != nil {
		return Matrix{}, err
	}
	m := Matrix{}
	switch o.Only {
	case OnlyHoles:
		rows = slices.DeleteFunc(rows, func(r Row) bool { return !r.HasHole() })
	case OnlyDifferent:
		if m.NotCompared, err = compareRows(ctx, s, rows); err != nil {
			return Matrix{}, err
		}
		rows = slices.DeleteFunc(rows, func(r Row) bool { return !r.Differs() })
	}
	m.Total = len(rows)
	m.Offset = o.Offset
	if o.Limit > 0 && m.Offset >= m.Total {
		m.Offset = max(m.Total-1, 0) / o.Limit * o.Limit
	}
	rows = rows[min(m.Offset, len(rows)):]
	if o.Limit > 0 {
		rows = rows[:min(o.Limit, len(rows))]
	}
	m.Rows = rows
	if o.Compare && o.Only != OnlyDifferent {
		m.NotCompared, err = compareRows(ctx, s, m.Rows)
	}
	return m, err
}

// rowKey is what makes a row.
type rowKey struct{ name, scope string }

func matrixRows(ctx context.Context, s backend.Service, o MatrixOptions) ([]Row, error) {
	secrets, err := backend.ListAll(ctx, s, backend.Query{Kind: backend.KindSecret, Project: o.Project})
	if err != nil {
		return nil, err
	}
	found := map[rowKey]map[string]*backend.Object{}
	at := func(k rowKey) map[string]*backend.Object {
		if found[k] == nil {
			found[k] = map[string]*backend.Object{}
		}
		return found[k]
	}
	for i, x := range secrets {
		at(rowKey{x.Name, x.Scope})[x.Environment] = &secrets[i]
	}
	changes, err := backend.ListAll(ctx, s, backend.Query{Kind: backend.KindDraftChange, Project: o.Project})
	if err != nil {
		return nil, err
	}
	drafted := map[rowKey]map[string]bool{}
	for _, c := range changes {
		if c.Staged == nil || c.Staged.Kind != backend.KindSecret {
			continue
		}
		k := rowKey{c.Name, c.Scope}
		at(k)
		if drafted[k] == nil {
			drafted[k] = map[string]bool{}
		}
		drafted[k][c.Environment] = true
	}
	rows := make([]Row, 0, len(found))
	for k, places := range found {
		r := Row{Name: k.name, Scope: k.scope, Cells: make([]Cell, 0, len(o.Environments))}
		for _, e := range o.Environments {
			c := Cell{Environment: e, Own: places[e], Draft: drafted[k][e]}
			if c.Own == nil {
				c.Shared = places[backend.AnyEnvironment]
			}
			r.Cells = append(r.Cells, c)
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Scope, b.Scope))
	})
	return rows, nil
}

// comparedAtOnce is how many values one call compares.
const comparedAtOnce = 2000

// compareRows compares the values of each row with its first one.
func compareRows(ctx context.Context, s backend.Service, rows []Row) (notAllowed bool, err error) {
	var changes []backend.Change
	var places []*Cell
	for i := range rows {
		var first *backend.Object
		for j := range rows[i].Cells {
			c := &rows[i].Cells[j]
			switch {
			case c.Own == nil:
			case first == nil:
				first = c.Own
			default:
				changes = append(changes, backend.Change{Op: backend.OpCompare, Kind: backend.KindSecret, ID: first.ID,
					With: &backend.VersionOf{ID: c.Own.ID}})
				places = append(places, c)
			}
		}
	}
	for n := 0; n < len(changes); n += comparedAtOnce {
		end := min(n+comparedAtOnce, len(changes))
		out, err := s.Apply(ctx, backend.ChangeSet{DryRun: true, Changes: changes[n:end]})
		if errors.Is(err, backend.ErrDenied) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		for i, o := range out {
			switch {
			case o.Err != nil || o.Unchecked != "":
			case o.Action == backend.ActionUnchanged:
				places[n+i].Compared = Same
			default:
				places[n+i].Compared = Different
			}
		}
	}
	return false, nil
}
