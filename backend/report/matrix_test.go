// SPDX-License-Identifier: MPL-2.0

package report_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/report"
)

// grid is a Service with secrets whose values are known, and with one staged secret.
type grid struct {
	project
	values map[string]string // by id
	denied bool
	sets   []int // how many values each call has compared
}

func (g *grid) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	if q.Kind == backend.KindDraftChange {
		return backend.Page{Objects: []backend.Object{{Name: "staged", Environment: "prod", Scope: "project",
			Staged: &backend.Staged{Kind: backend.KindSecret}}, {Name: "other", Staged: nil}}}, nil
	}
	return g.project.Query(ctx, q)
}

func (g *grid) Apply(_ context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if g.denied || !set.DryRun {
		return nil, backend.Errorf(backend.CodeDenied, "permission denied")
	}
	g.sets = append(g.sets, len(set.Changes))
	out := make([]backend.Outcome, len(set.Changes))
	for i, c := range set.Changes {
		if g.values[c.ID] == g.values[c.With.ID] {
			out[i].Action = backend.ActionUnchanged
		}
	}
	return out, nil
}

func (g *grid) add(name, environment, value string) {
	id := name + "@" + environment
	g.secrets = append(g.secrets, backend.Object{Kind: backend.KindSecret, ID: id, Name: name, Scope: "project",
		Environment: environment})
	if g.values == nil {
		g.values = map[string]string{}
	}
	g.values[id] = value
}

// drawn returns a matrix as one line for each row: "o" for set, "*" for shared, "-" for missing, "d" for a draft, "="
// and "!" for the comparison.
func drawn(t *testing.T, g *grid, o report.MatrixOptions) string {
	t.Helper()
	o.Project, o.Environments = "p", []string{"dev", "prod", "test"}
	m, err := report.MakeMatrix(t.Context(), g, o)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range m.Rows {
		line := r.Name + " "
		for _, c := range r.Cells {
			switch {
			case c.Own != nil:
				line += "o"
			case c.Shared != nil:
				line += "*"
			default:
				line += "-"
			}
			line += map[string]string{report.Same: "=", report.Different: "!"}[c.Compared]
			if c.Draft {
				line += "d"
			}
		}
		out = append(out, line)
	}
	text := strings.Join(out, ", ")
	if m.NotCompared {
		text += " (not compared)"
	}
	return text
}

func TestMatrixShowsWhatIsSetWhere(t *testing.T) {
	g := &grid{}
	g.add("both", "dev", "1")
	g.add("both", "prod", "2")
	g.add("both", "test", "1")
	g.add("equal", "dev", "1")
	g.add("equal", "prod", "1")
	g.add("shared", backend.AnyEnvironment, "1")
	for _, c := range []struct {
		o    report.MatrixOptions
		want string
	}{
		{report.MatrixOptions{}, "both ooo, equal oo-, shared ***, staged --d-"},
		{report.MatrixOptions{Compare: true}, "both oo!o=, equal oo=-, shared ***, staged --d-"},
		{report.MatrixOptions{Only: report.OnlyHoles}, "equal oo-, staged --d-"},
		{report.MatrixOptions{Only: report.OnlyDifferent}, "both oo!o="},
		{report.MatrixOptions{Offset: 1, Limit: 2}, "equal oo-, shared ***"},
		{report.MatrixOptions{Offset: 40, Limit: 3}, "staged --d-"},
	} {
		if got := drawn(t, g, c.o); got != c.want {
			t.Errorf("%+v: %q, want %q", c.o, got, c.want)
		}
	}
	g.denied = true
	if got := drawn(t, g, report.MatrixOptions{Compare: true, Limit: 1}); got != "both ooo (not compared)" {
		t.Error(got)
	}
	if got := drawn(t, g, report.MatrixOptions{Only: report.OnlyDifferent}); got != " (not compared)" {
		t.Error(got)
	}
}

// TestMatrixComparesAllRowsForDifferences has a difference after the first page, and more values than one call
// compares.
func TestMatrixComparesAllRowsForDifferences(t *testing.T) {
	g := &grid{}
	for n := range 1100 {
		name := fmt.Sprintf("k%04d", n)
		g.add(name, "dev", "1")
		g.add(name, "prod", "1")
		g.add(name, "test", fmt.Sprint(1+n/1098))
	}
	different := report.MatrixOptions{Only: report.OnlyDifferent, Limit: 100}
	if got := drawn(t, g, different); got != "k1098 oo=o!, k1099 oo=o!" {
		t.Error(got)
	}
	if fmt.Sprint(g.sets) != "[2000 200]" {
		t.Errorf("the calls compare %v", g.sets)
	}
}
