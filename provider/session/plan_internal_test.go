// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// linked refuses to delete a secret unless the value of the same number is
// deleted before it in the same set.
type dependentService struct {
	backend.Service
	managedBy string // who manages the values
}

func (s dependentService) Apply(_ context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	gone := map[string]bool{}
	out := make([]backend.Outcome, len(set.Changes))
	for i, c := range set.Changes {
		out[i].Action = backend.ActionDelete
		if c.Op == backend.OpUpdate {
			out[i].Action = backend.ActionUnchanged
		}
		if c.Environment != "" {
			out[i].Err = backend.Errorf(backend.CodeImmutable, "it cannot move")
		}
		if user := "v" + strings.TrimPrefix(c.ID, "s"); c.Kind == backend.KindSecret && !gone[user] {
			out[i].Err = backend.Errorf(backend.CodeInUse, "%s is in use by %s", c.ID, user)
			out[i].Err.Dependents = []backend.Dependent{{Label: user, ID: user, ManagedBy: s.managedBy}}
		}
		gone[c.ID] = gone[c.ID] || c.Op == backend.OpDelete
	}
	return out, nil
}

// TestRemovalOfWhatIsUsed plans the deletion of a secret and what becomes of its
// user, in both orders, and expects the errors of each.
func TestRemovalOfWhatIsUsed(t *testing.T) {
	secret := backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: "s1"}
	goes := backend.Change{Op: backend.OpDelete, Kind: backend.KindScopedValue, ID: "v1"}
	replaced := backend.Change{Op: backend.OpUpdate, Kind: backend.KindScopedValue, ID: "v1", Environment: "elsewhere"}
	other := secret
	stays := backend.Change{Op: backend.OpUpdate, Kind: backend.KindScopedValue, ID: "v1"}
	for _, test := range []struct {
		name      string
		managedBy string
		asked     []backend.Change
		broken    []int // how many rules each question is told to break
	}{
		{"the user goes later", backend.ManagedByTerraform, []backend.Change{secret, goes}, []int{0, 0}},
		{"the user went before", backend.ManagedByTerraform, []backend.Change{goes, secret}, []int{0, 0}},
		{"the user stays, seen later", backend.ManagedByTerraform, []backend.Change{secret, stays}, []int{0, 1}},
		{"the user stays, seen before", backend.ManagedByTerraform, []backend.Change{stays, secret}, []int{0, 1}},
		{"the user is replaced", backend.ManagedByTerraform, []backend.Change{secret, replaced, goes, other}, []int{0, 1, 0, 0}},
		{"the user is nobody's", "", []backend.Change{secret, goes}, []int{1, 0}},
		{"the user is another configuration's", "terraform:other", []backend.Change{secret, goes}, []int{1, 0}},
		{"the user was nobody's and went before", "", []backend.Change{goes, secret}, []int{0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlan(dependentService{managedBy: test.managedBy}, newOperationTracker(), backend.ManagedByTerraform)
			for i, c := range test.asked {
				v, err := p.Check(context.Background(), c)
				if err != nil {
					t.Fatal(err)
				}
				if len(v.Errors) != test.broken[i] {
					t.Errorf("question %d: %v, want %d", i, v.Errors, test.broken[i])
				}
				for _, e := range v.Errors {
					if e.Code != backend.CodeImmutable && !strings.Contains(e.Message, "s1 is in use by v1") {
						t.Errorf("told: %s", e.Message)
					}
				}
			}
		})
	}
}
