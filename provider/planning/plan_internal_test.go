// SPDX-License-Identifier: MPL-2.0

package planning

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// linkedPairs is a Service with secrets s1, s2 … and scoped values v1, v2 …, in which each value links to the secret of
// the same number. It refuses to delete a secret before its value.
type linkedPairs struct {
	backend.Service
	managedBy string // of the values
}

func (s linkedPairs) Apply(_ context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	deleted := map[string]bool{}
	out := make([]backend.Outcome, len(set.Changes))
	for i, c := range set.Changes {
		out[i].Action = backend.ActionDelete
		if c.Op == backend.OpUpdate {
			out[i].Action = backend.ActionUnchanged
		}
		if c.Environment != "" {
			out[i].Err = backend.Errorf(backend.CodeImmutable, "the environment cannot change")
		}
		if value := "v" + strings.TrimPrefix(c.ID, "s"); c.Kind == backend.KindSecret && !deleted[value] {
			out[i].Err = backend.Errorf(backend.CodeInUse, "%s is used by %s", c.ID, value)
			out[i].Err.Dependents = []backend.Dependent{{Label: value, ID: value, ManagedBy: s.managedBy}}
		}
		deleted[c.ID] = deleted[c.ID] || c.Op == backend.OpDelete
	}
	return out, nil
}

// refusing is a Service that compares no value.
type refusing struct{ backend.Service }

func (refusing) Apply(context.Context, backend.ChangeSet) ([]backend.Outcome, error) {
	return []backend.Outcome{{Action: backend.ActionUpdate, Changed: []string{"value"}, Unchecked: "value"}}, nil
}

func TestPlanWarnsOfAValueThatWasNotCompared(t *testing.T) {
	p := New(refusing{}, "", false)
	r, err := p.Check(context.Background(), Check{Change: backend.Change{
		Op: backend.OpUpdate, Kind: backend.KindSecret, ID: "1", Value: backend.PlaintextString("CANARY"),
	}})
	if err != nil || len(r.Errors) > 0 || len(r.Warnings) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	w := r.Warnings[0]
	if w.Attribute != "value" || !strings.Contains(w.Message, "the value was not compared") ||
		!strings.Contains(w.Hint, "plan again tomorrow") || strings.Contains(w.Error(), "CANARY") {
		t.Errorf("the warning is %+v", w)
	}
}

func TestDeletionOfASecretInUse(t *testing.T) {
	deleteSecret := backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: "s1"}
	deleteValue := backend.Change{Op: backend.OpDelete, Kind: backend.KindScopedValue, ID: "v1"}
	keepValue := backend.Change{Op: backend.OpUpdate, Kind: backend.KindScopedValue, ID: "v1"}
	replaceValue := backend.Change{Op: backend.OpUpdate, Kind: backend.KindScopedValue, ID: "v1", Environment: "other"}
	for _, test := range []struct {
		name      string
		managedBy string
		changes   []backend.Change
		errors    []int // number of errors that each change reports
	}{
		{"accepted if the dependent is deleted later", backend.ManagedByTerraform,
			[]backend.Change{deleteSecret, deleteValue}, []int{0, 0}},
		{"accepted if the dependent was deleted before", backend.ManagedByTerraform,
			[]backend.Change{deleteValue, deleteSecret}, []int{0, 0}},
		{"refused when the dependent is planned to stay", backend.ManagedByTerraform,
			[]backend.Change{deleteSecret, keepValue}, []int{0, 1}},
		{"refused if the dependent was planned to stay", backend.ManagedByTerraform,
			[]backend.Change{keepValue, deleteSecret}, []int{0, 1}},
		{"accepted if the dependent is replaced", backend.ManagedByTerraform,
			[]backend.Change{deleteSecret, replaceValue, deleteValue, deleteSecret}, []int{0, 1, 0, 0}},
		{"refused if nothing manages the dependent", "",
			[]backend.Change{deleteSecret, deleteValue}, []int{1, 0}},
		{"refused if another configuration manages the dependent", "terraform:other",
			[]backend.Change{deleteSecret, deleteValue}, []int{1, 0}},
		{"accepted if an unmanaged dependent was deleted before", "",
			[]backend.Change{deleteValue, deleteSecret}, []int{0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := New(linkedPairs{managedBy: test.managedBy}, backend.ManagedByTerraform, false)
			for i, c := range test.changes {
				result, err := p.Check(context.Background(), Check{Change: c})
				if err != nil {
					t.Fatal(err)
				}
				if len(result.Errors) != test.errors[i] {
					t.Errorf("change %d: %v, want %d errors", i, result.Errors, test.errors[i])
				}
				for _, e := range result.Errors {
					if e.Code != backend.CodeImmutable && !strings.Contains(e.Message, "s1 is used by v1") {
						t.Errorf("change %d: error %q does not name the dependent", i, e.Message)
					}
				}
			}
		})
	}
}

// outage is a Service that can create objects but not query them.
type outage struct {
	backend.Service
	err error // of each query
}

func (outage) Apply(context.Context, backend.ChangeSet) ([]backend.Outcome, error) {
	o := backend.Object{ID: "new", Name: "dev", Project: "p"}
	return []backend.Outcome{{Action: backend.ActionCreate, Object: o}}, nil
}

func (s outage) Query(context.Context, backend.Query) (backend.Page, error) {
	return backend.Page{}, s.err
}

func TestOutageIsNotAMissingEntry(t *testing.T) {
	unavailable := backend.Errorf(backend.CodeUnavailable, "the server does not answer")
	missing := backend.Errorf(backend.CodeNotFound, "the environment does not exist")
	for _, c := range []struct{ query, want error }{{unavailable, unavailable}, {missing, nil}, {nil, nil}} {
		p := New(outage{err: c.query}, backend.ManagedByTerraform, false)
		create := backend.Change{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: "p", Name: "dev"}
		if _, err := p.Check(t.Context(), Check{Change: create}); err != nil {
			t.Fatal(err)
		}
		planned, err := p.WillProvide(t.Context(),
			backend.Ref{Kind: backend.KindSecret, Project: "p", Environment: "dev", Scope: "project", Name: "s"})
		if planned || !errors.Is(err, c.want) {
			t.Errorf("WillProvide with the error %v of Query: %t, %v", c.query, planned, err)
		}
	}
}
