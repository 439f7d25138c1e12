// SPDX-License-Identifier: MPL-2.0

// Package session is what a configured provider hands to its resources, data
// sources and ephemeral resources: a Service, and the few things about this
// run that they share. It is a package of its own because they must not
// import the provider, which registers them.
package session

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/snapshot"
)

// Session is one configured provider.
type Session struct {
	Service backend.Service
	// Project is the provider's project, for resources that name none.
	Project string
	// ManagedBy is the mark of what this configuration makes.
	ManagedBy string
	Plan      *Plan
}

// New is the session of a provider configured for a backend and a project, in a
// configuration that has a name if there are several.
func New(s backend.Service, project, configuration string) *Session {
	managedBy := backend.ManagedByTerraform
	if configuration != "" {
		managedBy += ":" + configuration
	}
	a := newOperationTracker()
	seen := snapshot.New(&dryRunBatcher{Service: s, operations: a})
	return &Session{Service: seen, Project: project, ManagedBy: managedBy, Plan: newPlan(seen, a, managedBy)}
}

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
