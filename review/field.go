// SPDX-License-Identifier: MPL-2.0

package review

import (
	"encoding/json"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// fieldState is what a schema says about a field of its values.
type fieldState int

const (
	fieldUnknown fieldState = iota // values may or may not have it
	fieldDefined                   // the schema defines it
	fieldAbsent                    // no value can have it
)

// hasField says whether the values of a JSON Schema (draft 2020-12) can have the field at path. It reads only the
// keywords at the place of the field itself. Composed schemas (allOf, $ref and others) may add fields, but they
// cannot allow what additionalProperties: false forbids.
func hasField(schema json.RawMessage, path string) fieldState {
	steps, pathErr := backend.ParsePath(path)
	var current any
	if pathErr != nil || json.Unmarshal(schema, &current) != nil {
		return fieldUnknown
	}
	for _, step := range steps {
		s, isObject := current.(map[string]any)
		if !isObject {
			if current == false {
				return fieldAbsent
			}
			return fieldUnknown
		}
		var state fieldState
		if step.IsIndex {
			current, state = atIndex(s, step.Index)
		} else {
			current, state = atName(s, step.Name)
		}
		if state != fieldDefined {
			return state
		}
	}
	if current == false {
		return fieldAbsent
	}
	return fieldDefined
}

func atName(s map[string]any, name string) (any, fieldState) {
	if !allows(s, "object") {
		return nil, fieldAbsent
	}
	properties, _ := s["properties"].(map[string]any)
	if property, exists := properties[name]; exists {
		return property, fieldDefined
	}
	if _, patterns := s["patternProperties"]; !patterns && s["additionalProperties"] == false {
		return nil, fieldAbsent
	}
	return nil, fieldUnknown
}

func atIndex(s map[string]any, index int) (any, fieldState) {
	if limit, ok := s["maxItems"].(float64); !allows(s, "array") || ok && float64(index) >= limit {
		return nil, fieldAbsent
	}
	if prefix, _ := s["prefixItems"].([]any); index < len(prefix) {
		return prefix[index], fieldDefined
	}
	items, exists := s["items"]
	switch {
	case !exists:
		return nil, fieldUnknown
	case items == false:
		return nil, fieldAbsent
	}
	return items, fieldDefined
}

// allows reports whether a schema allows values of a type.
func allows(s map[string]any, want string) bool {
	switch t := s["type"].(type) {
	case string:
		return t == want
	case []any:
		return slices.Contains(t, any(want))
	}
	return true
}
