// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Limits of what describes an object.
const (
	maxDescription = 4096 // bytes
	maxLabels      = 64
	maxLabelBytes  = 256 // of a label's key, and of its value
	maxManagedBy   = 64  // bytes
)

// checkFields refuses fields that the change's kind does not have, raw JSON
// that is none, and descriptions and labels over their limits.
func checkFields(c backend.Change) error {
	for _, f := range []struct {
		name  string
		given bool
		kinds []backend.Kind
	}{
		{"environment", c.Environment != "", []backend.Kind{backend.KindSecret, backend.KindScopedValue}},
		{"scope", c.Scope != "", []backend.Kind{backend.KindSecret, backend.KindScopedValue}},
		{"policy", c.Policy != nil, []backend.Kind{backend.KindProject}},
		{"kms_key", c.KMSKey != nil, []backend.Kind{backend.KindEnvironment}},
		{"protected", c.Protected != nil, []backend.Kind{backend.KindEnvironment, backend.KindSecret}},
		{"purge", c.Purge, []backend.Kind{backend.KindSecret, backend.KindScopedValue}},
		{"display_name", c.DisplayName != nil, []backend.Kind{backend.KindSecretType}},
		{"schema", c.Schema != nil, []backend.Kind{backend.KindSecretType}},
		{"type", c.Type != nil, []backend.Kind{backend.KindSecret}},
		{"visibility", c.Visibility != nil, []backend.Kind{backend.KindSecret}},
		{"value", !c.Value.IsZero(), []backend.Kind{backend.KindSecret}},
		{"generate", c.Generate != nil, []backend.Kind{backend.KindSecret}},
		{"json", c.JSON != nil, []backend.Kind{backend.KindScopedValue}},
		{"link", c.Link != nil, []backend.Kind{backend.KindScopedValue}},
		{"usages", c.Usages != nil, []backend.Kind{backend.KindUsage}},
		{"managed_by", c.ManagedBy != nil, []backend.Kind{backend.KindProject, backend.KindEnvironment, backend.KindSecretType, backend.KindSecret, backend.KindScopedValue}},
		{"role", c.Role != nil, []backend.Kind{backend.KindToken}},
		{"token_hash", c.TokenHash != nil, []backend.Kind{backend.KindToken}},
		{"rotation_days", c.RotationDays != nil, []backend.Kind{backend.KindSecret}},
		{"expires_at", c.ExpiresAt != nil, []backend.Kind{backend.KindToken, backend.KindSecret}},
	} {
		if f.given && !slices.Contains(f.kinds, c.Kind) {
			return backend.Errorf(backend.CodeInvalid, "a %s has no %s", c.Kind, f.name).At(f.name)
		}
	}
	if err := c.CheckJSON(); err != nil {
		return err
	}
	if c.Description != nil && len(*c.Description) > maxDescription {
		return backend.Errorf(backend.CodeTooLarge, "the description has %d bytes; the limit is %d", len(*c.Description), maxDescription).At("description")
	}
	if c.ManagedBy != nil && len(*c.ManagedBy) > maxManagedBy {
		return backend.Errorf(backend.CodeTooLarge, "managed_by has %d bytes; the limit is %d", len(*c.ManagedBy), maxManagedBy).At("managed_by")
	}
	if len(c.Labels) > maxLabels {
		return backend.Errorf(backend.CodeTooLarge, "%d labels; the limit is %d", len(c.Labels), maxLabels).At("labels")
	}
	for k, v := range c.Labels {
		if k == "" || len(k) > maxLabelBytes || len(v) > maxLabelBytes {
			return backend.Errorf(backend.CodeTooLarge, "label %s: a key has 1 to %d bytes, a value at most %d", backend.Quote(k), maxLabelBytes, maxLabelBytes).At("labels")
		}
	}
	return nil
}

// diff collects which attributes a change makes different.
type diff struct{ changed []string }

// set puts *from, where given, into to, and notes the attribute if that differs.
func set[T comparable](d *diff, name string, to *T, from *T) {
	if from != nil && *from != *to {
		*to = *from
		d.changed = append(d.changed, name)
	}
}

// setJSON is set for JSON text, which differs where its meaning does.
func setJSON(d *diff, name string, to *json.RawMessage, from json.RawMessage) {
	if from == nil || (len(*to) > 0 && sameValue(*to, from, true)) {
		return
	}
	*to = compact(bytes.TrimSpace(from))
	d.changed = append(d.changed, name)
}

// describe applies what every kind has: name, description, labels and who manages it.
func (d *diff) describe(c backend.Change, name *string, a *attributes) {
	set(d, "name", name, c.Rename)
	set(d, "description", &a.Description, c.Description)
	set(d, "managed_by", &a.ManagedBy, c.ManagedBy)
	if c.Labels != nil && !maps.Equal(c.Labels, a.Labels) {
		a.Labels = maps.Clone(c.Labels)
		d.changed = append(d.changed, "labels")
	}
}
