// SPDX-License-Identifier: MPL-2.0

package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// uncreated is a backend that counts calls.
type uncreated struct{ queries, resolves, dryRuns, changes, creations int }

func (u *uncreated) Query(context.Context, backend.Query) (backend.Page, error) {
	u.queries++
	return backend.Page{}, nil
}

func (u *uncreated) Resolve(context.Context, []backend.Ref) ([]backend.Resolution, error) {
	u.resolves++
	return nil, nil
}

func (u *uncreated) Apply(_ context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if set.DryRun {
		u.dryRuns++
	} else {
		u.changes++
	}
	return make([]backend.Outcome, len(set.Changes)), nil
}

func (u *uncreated) Location() string { return "" }
func (u *uncreated) Exists() bool     { return false }

func (u *uncreated) Create(context.Context) error {
	u.creations++
	return nil
}

func TestSessionWithoutValuesOnlyPlans(t *testing.T) {
	ctx := context.Background()
	b := &uncreated{}
	s := session.New(b, "default", "")
	var diags diag.Diagnostics
	s.LeaveValuesUnknown(&diags)
	if diags.HasError() || diags.WarningsCount() != 1 {
		t.Errorf("the diagnostics are %v", diags)
	}
	changes := []backend.Change{{Op: backend.OpCreate, Kind: backend.KindProject, Name: "p"}}
	_, resolveErr := s.Service.Resolve(ctx, []backend.Ref{{}})
	_, applyErr := s.Service.Apply(ctx, backend.ChangeSet{Changes: changes})
	for call, err := range map[string]error{
		"resolve": resolveErr, "apply": applyErr, "creation of the backend": s.CreateBackend(ctx),
	} {
		if !errors.Is(err, backend.ErrDenied) || !strings.Contains(err.Error(), `ephemeral_values = "unknown"`) {
			t.Errorf("%s: %v", call, err)
		}
	}
	if _, err := s.Service.Query(ctx, backend.Query{Kind: backend.KindProject}); err != nil {
		t.Error(err)
	}
	if _, err := s.Service.Apply(ctx, backend.ChangeSet{Changes: changes, DryRun: true}); err != nil {
		t.Error(err)
	}
	if *b != (uncreated{queries: 1, dryRuns: 1}) {
		t.Errorf("the backend got %+v", *b)
	}
}
