// SPDX-License-Identifier: MPL-2.0

package review

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
)

// certainty is what a schema says about a field of the values that it allows.
type certainty int

const (
	undecided certainty = iota // the schema leaves it open
	listed                     // the schema lists it
	absent                     // no value can have it
)

// pathStep matches one step of a path that backend.Pick understands: a quoted
// name in brackets, an index, or a name.
var pathStep = regexp.MustCompile(`\['(.*?)'\]|\["(.*?)"\]|\[(\d+)\]|\.?([^.\[]+)`)

// hasField says whether values of a JSON Schema (draft 2020-12) can have what
// path leads to. It reads what is said at the place itself; what a schema
// composes (allOf, $ref and their kin) may add fields, never take away that
// additionalProperties: false forbids them.
func hasField(schema json.RawMessage, path string) certainty {
	var current any
	if json.Unmarshal(schema, &current) != nil {
		return undecided
	}
	for _, m := range pathStep.FindAllStringSubmatch(path, -1) {
		s, ok := current.(map[string]any)
		if !ok {
			if current == false {
				return absent
			}
			return undecided
		}
		var answer certainty
		if m[3] != "" {
			current, answer = atIndex(s, m[3])
		} else {
			current, answer = atName(s, m[1]+m[2]+m[4])
		}
		if answer != listed {
			return answer
		}
	}
	if current == false {
		return absent
	}
	return listed
}

func atName(s map[string]any, name string) (any, certainty) {
	if !allows(s, "object") {
		return nil, absent
	}
	properties, _ := s["properties"].(map[string]any)
	if below, ok := properties[name]; ok {
		return below, listed
	}
	if _, patterns := s["patternProperties"]; !patterns && s["additionalProperties"] == false {
		return nil, absent
	}
	return nil, undecided
}

func atIndex(s map[string]any, text string) (any, certainty) {
	i, err := strconv.Atoi(text)
	if err != nil {
		return nil, undecided
	}
	if most, ok := s["maxItems"].(float64); !allows(s, "array") || ok && float64(i) >= most {
		return nil, absent
	}
	if prefix, _ := s["prefixItems"].([]any); i < len(prefix) {
		return prefix[i], listed
	}
	items, ok := s["items"]
	switch {
	case !ok:
		return nil, undecided
	case items == false:
		return nil, absent
	}
	return items, listed
}

// allows reports whether a schema's type allows values of a type.
func allows(s map[string]any, want string) bool {
	switch t := s["type"].(type) {
	case string:
		return t == want
	case []any:
		return slices.Contains(t, any(want))
	}
	return true
}
