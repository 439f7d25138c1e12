// SPDX-License-Identifier: MPL-2.0

package snapshot

import (
	"bytes"
	"encoding/json"
	"maps"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// isAs reports whether everything but the value that a change asks for is so
// already. It need not be sure: false only means that the engine is asked.
func isAs(c backend.Change, o backend.Object) bool {
	// What is not a plain update of what is there is the engine's to judge.
	if c.Op != backend.OpUpdate || c.Name != "" || c.Expect != nil || c.Force || c.Purge || c.Generate != nil || c.Role != nil || c.TokenHash != nil || c.Usages != nil {
		return false
	}
	return isHere(c, o) && (c.Rename == nil || *c.Rename == o.Name) &&
		same(c.Description, o.Description) && same(c.ManagedBy, o.ManagedBy) && (c.Labels == nil || maps.Equal(c.Labels, o.Labels)) &&
		isPolicy(c.Policy, o.Policy) && same(c.KMSKey, o.KMSKey) && same(c.Protected, o.Protected) &&
		same(c.DisplayName, o.DisplayName) && isJSON(c.Schema, o.Schema) &&
		same(c.Type, o.Type) && same(c.Visibility, o.Visibility) && same(c.RotationDays, o.RotationDays) &&
		(c.ExpiresAt == nil || c.ExpiresAt.Equal(o.ExpiresAt)) &&
		isJSON(c.JSON, o.JSON) && (c.Link == nil || o.Link != nil && *c.Link == *o.Link)
}

// isHere reports whether an object is in the place that a change names, by names.
func isHere(c backend.Change, o backend.Object) bool {
	is := func(named, at string) bool { return named == "" || named == at }
	return is(c.Project, o.Project) && is(c.Environment, o.Environment) && is(c.Scope, o.Scope)
}

func isPolicy(c *backend.PolicyChange, p *backend.Policy) bool {
	if c == nil {
		return true
	}
	return p != nil && same(c.MaxSecrets, p.MaxSecrets) && same(c.MaxValueBytes, p.MaxValueBytes) && same(c.MaxNameLength, p.MaxNameLength) &&
		same(c.NamePattern, p.NamePattern) && same(c.ImmutableNames, p.ImmutableNames) && same(c.DefaultVisibility, p.DefaultVisibility) &&
		same(c.RecoveryDays, p.RecoveryDays) && same(c.ForbidFingerprints, p.ForbidFingerprints)
}

// same reports whether an attribute, if it is to be set at all, is so already.
func same[T comparable](to *T, is T) bool { return to == nil || *to == is }

func isJSON(to, is json.RawMessage) bool {
	if to == nil {
		return true
	}
	a, okA := backend.CanonicalJSON(to)
	b, okB := backend.CanonicalJSON(is)
	return okA && okB && bytes.Equal(a, b)
}
