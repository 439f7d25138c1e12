// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

// The values of the provider's argument ephemeral_values.
const (
	ResolvedValues = "resolve" // the default
	UnknownValues  = "unknown"
)

// LeaveValuesUnknown makes this a session for a plan that is never applied: ephemeral resources have no values, and
// every change is refused. It warns, because the provider does not know on every system whether Terraform applies, and
// Terraform's own error about a configuration with an unknown value does not name the reason.
func (s *Session) LeaveValuesUnknown(diags *diag.Diagnostics) {
	s.ValuesUnknown, s.Service = true, planOnly{s.Service}
	diags.AddWarning("Plan without ephemeral values", fmt.Sprintf(
		"The provider block has ephemeral_values = %q, so the ephemeral resources return no values. What depends on them "+
			"is planned as known after apply, even if it does not change.\n\n"+
			"This plan cannot be applied: every change is refused. To apply, remove ephemeral_values or set it to %q, and "+
			"plan again.", UnknownValues, ResolvedValues))
}

// planOnly is a Service that resolves and changes nothing.
type planOnly struct{ backend.Service }

func (planOnly) Resolve(context.Context, []backend.Ref) ([]backend.Resolution, error) {
	return nil, refusal("no value is read")
}

func (s planOnly) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if !set.DryRun {
		return nil, refusal("nothing is changed")
	}
	return s.Service.Apply(ctx, set)
}

// refusal is the error of a call that ephemeral_values = "unknown" excludes.
func refusal(consequence string) error {
	return backend.Errorf(backend.CodeDenied,
		"the provider block has ephemeral_values = %q, which is for plans that are never applied: %s", UnknownValues,
		consequence).
		WithHint("remove ephemeral_values, or set it to %q, then plan and apply again", ResolvedValues)
}

// catalogs holds the names in each project that LookUp has been asked for. They stay valid, because a session without
// values changes nothing.
type catalogs struct {
	mu        sync.Mutex // a Catalog is not safe for concurrent use
	byProject map[string]*review.Catalog
}

// LookUp returns the entry that a reference resolves to, from metadata alone. It reports a missing entry as Resolve
// does.
func (s *Session) LookUp(ctx context.Context, ref backend.Ref) (review.Entry, error) {
	if err := backend.CheckName(ref.Kind, ref.Name); err != nil {
		return review.Entry{}, err
	}
	if ref.Scope != "" {
		if err := backend.CheckScope(ref.Scope); err != nil {
			return review.Entry{}, err
		}
	}
	s.catalogs.mu.Lock()
	defer s.catalogs.mu.Unlock()
	catalog, err := s.catalogs.of(ctx, s.Service, ref.Project)
	if err != nil {
		return review.Entry{}, err
	}
	target := expr.Target{
		Kind: ref.Kind, Project: ref.Project, Environment: ref.Environment, Scope: ref.Scope, Name: ref.Name,
		Field: ref.Field, Version: ref.Version,
	}
	found := catalog.Lookup(expr.Reference{Target: target}, review.Defaults{}, ref.Environment)
	if found.Entry == nil || found.Rule == review.Missing || found.Rule == review.MissingField {
		return review.Entry{}, missing(found)
	}
	return *found.Entry, nil
}

func missing(found review.LookupResult) error {
	e := backend.Errorf(backend.CodeNotFound, "%s", found.Reason)
	if found.NoDefault {
		e.Attribute = "environment"
	}
	if found.Rule == review.Missing {
		e.Hint = suggest.MissingHint(found.ExistsIn, found.Suggestion, "check the name, or create it")
	}
	return e
}

// of returns the catalog of a project, and fetches it once.
func (c *catalogs) of(ctx context.Context, s backend.Querier, project string) (*review.Catalog, error) {
	if catalog := c.byProject[project]; catalog != nil {
		return catalog, nil
	}
	catalog, err := review.Fetch(ctx, s, []string{project})
	if err == nil {
		err = catalog.Err(project)
	}
	if err != nil {
		return nil, err
	}
	if c.byProject == nil {
		c.byProject = map[string]*review.Catalog{}
	}
	c.byProject[project] = catalog
	return catalog, nil
}
