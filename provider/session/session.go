// SPDX-License-Identifier: MPL-2.0

// Package session is what a configured provider hands to its resources, data sources and ephemeral resources: a Service
// with a snapshot for planning, the provider's settings, and the changes that this run has planned so far. It is
// separate from package provider, which imports everything that uses a session.
package session

import (
	"fmt"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/gather"
	"github.com/pouncet/terraform-provider-pouncet/backend/snapshot"
	"github.com/pouncet/terraform-provider-pouncet/provider/planning"
)

// Session is one configured provider.
type Session struct {
	Service backend.Service
	// Project is the provider's project, for resources that do not name their project.
	Project string
	// ProjectInBlock says that the provider block names the project. It can do so by a reference to a project that another
	// provider block of the configuration creates.
	ProjectInBlock bool
	// ManagedBy is recorded with every object that this configuration creates or updates.
	ManagedBy string
	// Named means that ManagedBy contains the name of this configuration, so that no other configuration has it.
	Named bool
	Plan  *planning.Plan
	// ValuesUnknown means that no ephemeral resource has a value: see LeaveValuesUnknown.
	ValuesUnknown bool
	// Destroys means that Terraform destroys everything, as far as its command line tells.
	Destroys bool
	// OpenTofu means that OpenTofu runs the provider, as far as its command line tells.
	OpenTofu bool
	catalogs catalogs

	ownWrites   ownWrites
	ownBindings ownBindings

	blockProject     blockProject
	blockedRenames   blockedRenames
	waitingDeletions waitingDeletions
	uncreated        Uncreated // nil if the backend existed when the provider was configured

	mu         sync.Mutex
	deployment string // the id of the backend, once it has answered
	expected   string // a deployment that the state records, if the backend does not exist
}

// New returns the session of a provider that uses a backend and a project. The backend may be an Uncreated. The
// configuration is the provider's argument of that name, or "".
func New(s backend.Service, project, configuration string) *Session {
	managedBy := backend.ManagedByTerraform
	if configuration != "" {
		managedBy += ":" + configuration
	}
	named := configuration != ""
	service := snapshot.New(gather.New(s))
	uncreated, _ := s.(Uncreated)
	return &Session{
		Service: service, Project: project, ManagedBy: managedBy, Named: named,
		Plan: planning.New(service, managedBy, named), uncreated: uncreated,
	}
}

// From returns the session from the provider data that the framework passes to Configure. It returns nil if the
// provider is not configured yet, as during validation.
func From(data any, diags *diag.Diagnostics) *Session {
	if data == nil {
		return nil
	}
	s, ok := data.(*Session)
	if !ok {
		diags.AddError("Defect in the provider",
			fmt.Sprintf("The provider passed a %T instead of its session. Please report this defect.", data))
	}
	return s
}

// ProjectOr returns the project that a resource names, or else the provider's.
func (s *Session) ProjectOr(named string) string {
	if named != "" {
		return named
	}
	return s.Project
}
