// Package session is what a configured provider hands to its resources, data
// sources and ephemeral resources: a Service, and the few things about this
// run that they share. It is a package of its own because they must not
// import the provider, which registers them.
package session

import (
	"cmp"
	"fmt"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Session is one configured provider.
type Session struct {
	Service backend.Service
	// Project is the provider's project, for resources that name none.
	Project string

	mu      sync.Mutex
	loosens map[string]bool
	planned map[place]bool
}

// place is where an entry is, by names.
type place struct{ project, environment, scope, name string }

// From is the session in what the framework passes to Configure; nil before
// the provider is configured, as during validation.
func From(data any, diags *diag.Diagnostics) *Session {
	if data == nil {
		return nil
	}
	s, ok := data.(*Session)
	if !ok {
		diags.AddError("Defect in the provider", fmt.Sprintf("It was handed a %T instead of its session. Please report this.", data))
	}
	return s
}

// ProjectOr is the project that a resource names, or else the provider's.
func (s *Session) ProjectOr(own string) string {
	if own != "" {
		return own
	}
	return s.Project
}

// PlanSecret notes that this plan creates a secret.
func (s *Session) PlanSecret(project, environment, scope, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.planned == nil {
		s.planned = map[place]bool{}
	}
	s.planned[place{project, environment, scope, name}] = true
}

// SecretIsPlanned reports whether a reference would find a secret that this
// plan creates. Terraform opens an ephemeral resource while it plans, if its
// arguments are known, also when the secret is only about to be made.
func (s *Session) SecretIsPlanned(r backend.Ref) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, scope := range []string{cmp.Or(r.Scope, backend.ProjectScope), backend.ProjectScope} {
		for _, environment := range []string{r.Environment, backend.AnyEnvironment} {
			if s.planned[place{r.Project, environment, scope, r.Name}] {
				return true
			}
		}
	}
	return false
}

// PolicyChanges notes that this plan changes the policy of a project: what
// breaks the present one may then be allowed when it is applied.
func (s *Session) PolicyChanges(project string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loosens == nil {
		s.loosens = map[string]bool{}
	}
	s.loosens[project] = true
}

// PolicyMayChange reports whether PolicyChanges was called for a project.
func (s *Session) PolicyMayChange(project string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loosens[project]
}
