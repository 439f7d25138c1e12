// SPDX-License-Identifier: MPL-2.0

package review

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// fieldState is what a schema says about a field of its values.
type fieldState int

const (
	fieldUnknown fieldState = iota // values may or may not have it
	fieldDefined                   // the schema defines it
	fieldAbsent                    // no value can have it

	// fieldOpen is for a part of a schema that does not mention the field: other parts decide. hasField returns
	// fieldUnknown for it.
	fieldOpen
)

// hasField says whether the values of a JSON Schema (draft 2020-12) can have the field at path. It follows references
// within the schema, and composed schemas. A field is absent only if no value can have it: of alternatives (anyOf,
// oneOf), each must exclude it. It does not look at keywords that compare values, such as enum and not.
func hasField(schema json.RawMessage, path string) fieldState {
	steps, pathErr := backend.ParsePath(path)
	var root any
	if pathErr != nil || json.Unmarshal(schema, &root) != nil {
		return fieldUnknown
	}
	r := schemaReader{root: root, known: map[string]fieldState{}}
	if state := r.field(root, steps); state != fieldOpen {
		return state
	}
	return fieldUnknown
}

// schemaReader looks a path up in a schema.
type schemaReader struct {
	root  any
	known map[string]fieldState // by reference and number of steps
}

// field returns the state of the field at the steps in the values of a schema.
func (r *schemaReader) field(schema any, steps []backend.PathStep) fieldState {
	s, isObject := schema.(map[string]any)
	switch {
	case schema == false:
		return fieldAbsent
	case !isObject && schema != true:
		return fieldUnknown
	case len(steps) == 0 && !isObject:
		return fieldDefined
	case !isObject:
		return fieldOpen
	}
	states := []fieldState{r.own(s, steps)}
	if ref, ok := s["$ref"].(string); ok {
		states = append(states, r.referenced(ref, steps))
	}
	if _, ok := s["$dynamicRef"]; ok {
		states = append(states, fieldUnknown)
	}
	for _, part := range list(s["allOf"]) {
		states = append(states, r.field(part, steps))
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if branches := list(s[keyword]); len(branches) > 0 {
			states = append(states, r.anyOf(branches, steps))
		}
	}
	if _, ok := s["if"]; ok {
		states = append(states, r.anyOf([]any{orTrue(s, "then"), orTrue(s, "else")}, steps))
	}
	for _, part := range entries(s["dependentSchemas"]) {
		states = append(states, r.anyOf([]any{part, true}, steps))
	}
	return r.unevaluated(s, steps, allOf(states))
}

// allOf returns the state of a field in values that satisfy all parts of a schema.
func allOf(states []fieldState) fieldState {
	for _, state := range []fieldState{fieldAbsent, fieldDefined, fieldUnknown} {
		if slices.Contains(states, state) {
			return state
		}
	}
	return fieldOpen
}

// anyOf returns the state of a field in values that satisfy one of the branches.
func (r *schemaReader) anyOf(branches []any, steps []backend.PathStep) fieldState {
	all := fieldAbsent
	for _, b := range branches {
		switch state := r.field(b, steps); {
		case state == fieldDefined:
			return fieldDefined
		case state == fieldUnknown, all == fieldAbsent:
			all = state
		case state == fieldOpen && all != fieldUnknown:
			all = fieldOpen
		}
	}
	return all
}

// unevaluated applies unevaluatedProperties and unevaluatedItems to a field that no other part of the schema mentions.
func (r *schemaReader) unevaluated(s map[string]any, steps []backend.PathStep, state fieldState) fieldState {
	if state != fieldOpen || len(steps) == 0 {
		return state
	}
	keyword := "unevaluatedProperties"
	if steps[0].IsIndex {
		keyword = "unevaluatedItems"
	}
	if rest, ok := s[keyword]; ok {
		return r.possible(rest, steps[1:])
	}
	return fieldOpen
}

// possible returns the state of a field of a value that the schema allows under any name: it can be absent, but it is
// never defined.
func (r *schemaReader) possible(schema any, steps []backend.PathStep) fieldState {
	switch state := r.field(schema, steps); {
	case state == fieldAbsent:
		return fieldAbsent
	case schema == true:
		return fieldOpen
	}
	return fieldUnknown
}

// own returns the state of a field by the keywords at its own place.
func (r *schemaReader) own(s map[string]any, steps []backend.PathStep) fieldState {
	if len(steps) == 0 {
		return fieldDefined
	}
	step, rest := steps[0], steps[1:]
	if step.IsIndex {
		return r.atIndex(s, step.Index, rest)
	}
	if !allows(s, "object") {
		return fieldAbsent
	}
	var states []fieldState
	properties, _ := s["properties"].(map[string]any)
	if property, exists := properties[step.Name]; exists {
		states = append(states, r.field(property, rest))
	}
	patterns, _ := s["patternProperties"].(map[string]any)
	for pattern, property := range patterns {
		matches, err := regexp.MatchString(pattern, step.Name)
		switch {
		case err != nil: // an expression of ECMAScript that Go does not have
			states = append(states, fieldUnknown)
		case matches:
			states = append(states, r.field(property, rest))
		}
	}
	if others, exists := s["additionalProperties"]; exists && len(states) == 0 {
		return r.possible(others, rest)
	}
	return closed(states)
}

// closed returns the state of a field that parts of a schema at its place mention, or fieldOpen if none does. Below a
// field that is mentioned, what is open is unknown.
func closed(states []fieldState) fieldState {
	if len(states) == 0 {
		return fieldOpen
	}
	if state := allOf(states); state != fieldOpen {
		return state
	}
	return fieldUnknown
}

func (r *schemaReader) atIndex(s map[string]any, index int, rest []backend.PathStep) fieldState {
	if limit, ok := s["maxItems"].(float64); !allows(s, "array") || ok && float64(index) >= limit {
		return fieldAbsent
	}
	if prefix := list(s["prefixItems"]); index < len(prefix) {
		return closed([]fieldState{r.field(prefix[index], rest)})
	}
	if items, exists := s["items"]; exists {
		return closed([]fieldState{r.field(items, rest)})
	}
	return fieldOpen
}

// referenced returns the state of a field in the schema that a reference names. A reference that leads to itself adds
// nothing.
func (r *schemaReader) referenced(ref string, steps []backend.PathStep) fieldState {
	key := fmt.Sprintf("%d %s", len(steps), ref)
	if state, ok := r.known[key]; ok {
		return state
	}
	target, ok := r.schemaAt(ref)
	if !ok {
		return fieldUnknown
	}
	r.known[key] = fieldOpen
	r.known[key] = r.field(target, steps)
	return r.known[key]
}

// schemaAt returns the schema that a reference names: a JSON pointer (RFC 6901) or an anchor, after "#". A schema with
// its own URI is not found.
func (r *schemaReader) schemaAt(ref string) (any, bool) {
	fragment, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, false
	}
	fragment, err := url.PathUnescape(fragment)
	if err != nil {
		return nil, false
	}
	if fragment != "" && fragment[0] != '/' {
		for _, s := range entries(entry(r.root, "$defs")) {
			if entry(s, "$anchor") == fragment {
				return s, true
			}
		}
		return nil, false
	}
	target := r.root
	for _, name := range strings.Split(fragment, "/")[1:] {
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		switch t := target.(type) {
		case map[string]any:
			if target, ok = t[name]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(t) {
				return nil, false
			}
			target = t[i]
		default:
			return nil, false
		}
	}
	return target, true
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// entries returns the values of an object, in any order.
func entries(v any) []any {
	object, _ := v.(map[string]any)
	out := make([]any, 0, len(object))
	for _, e := range object {
		out = append(out, e)
	}
	return out
}

func entry(v any, key string) any {
	object, _ := v.(map[string]any)
	return object[key]
}

// orTrue returns a schema of an object, or the schema true if it has none.
func orTrue(s map[string]any, keyword string) any {
	if schema, ok := s[keyword]; ok {
		return schema
	}
	return true
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
