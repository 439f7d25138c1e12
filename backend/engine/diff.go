// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"encoding/json"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// diff collects the names of the attributes that a change makes different.
type diff struct{ changed []string }

// apply renames an object and sets those of its attributes that are plain
// assignments.
func (d *diff) apply(c backend.Change, name *string, a *attributes) {
	if c.Rename != nil && *c.Rename != *name {
		*name = *c.Rename
		d.changed = append(d.changed, "name")
	}
	for _, row := range backend.AttributeTable {
		if row.Set(&c, &a.Attributes) {
			d.changed = append(d.changed, row.Name)
		}
	}
}

// setJSON sets JSON text, which differs where its meaning does.
func (d *diff) setJSON(name string, to *json.RawMessage, from json.RawMessage) {
	if len(*to) > 0 && backend.EqualJSON(*to, from) {
		return
	}
	*to = backend.CompactJSON(from)
	d.changed = append(d.changed, name)
}
