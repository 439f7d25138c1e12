// SPDX-License-Identifier: MPL-2.0

package snapshot

import "github.com/pouncet/terraform-provider-pouncet/backend"

// isUpToDate reports whether an object is known to have all attributes that a change gives, except for the value. False
// can also mean that only the engine can decide it.
func isUpToDate(c backend.Change, o backend.Object) bool {
	// Only the engine can decide about a change that is not a simple update of an existing object.
	if c.Op != backend.OpUpdate || c.Name != "" || c.Expect != nil || c.Force || c.ValueFollows || c.With != nil ||
		c.StagedChange != nil {
		return false
	}
	if c.Edition != nil && *c.Edition != o.Edition || c.Incarnation != nil && *c.Incarnation != o.Incarnation {
		return false
	}
	if c.Project != "" && c.Project != o.Project || c.Rename != nil && *c.Rename != o.Name {
		return false
	}
	for _, a := range backend.AttributeTable {
		if a.Name != "value" && a.Given(&c) && !a.Same(&c, &o) {
			return false
		}
	}
	return true
}
