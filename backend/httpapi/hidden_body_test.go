// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"maps"
	"slices"
	"strings"
)

// How TestHiddenIsAsMissing reads the OpenAPI document, and how it makes bodies of requests.

// dig follows keys into an object.
func dig(o map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		o = o[k].(map[string]any)
	}
	return o
}

// resolved follows a reference to a schema.
func (p *places) resolved(schema map[string]any) map[string]any {
	ref, ok := schema["$ref"].(string)
	if !ok {
		return schema
	}
	return dig(p.schema, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
}

// strings lists the paths to the strings of a schema that have no list of values. "0" is the element of an array.
func (p *places) strings(schema map[string]any, at []string) (all [][]string) {
	schema = p.resolved(schema)
	if properties, ok := schema["properties"].(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			all = append(all, p.strings(properties[name].(map[string]any), append(slices.Clone(at), name))...)
		}
	} else if items, ok := schema["items"].(map[string]any); ok {
		all = p.strings(items, append(slices.Clone(at), "0"))
	} else if schema["type"] == "string" && schema["enum"] == nil {
		all = [][]string{at}
	}
	return all
}

// enum lists the values of an enumeration of the document.
func (p *places) enum(name string) (values []string) {
	for _, v := range dig(p.schema, "components", "schemas", name)["enum"].([]any) {
		values = append(values, v.(string))
	}
	return values
}

// with returns a copy of a body with another value of a field.
func with(body any, field []string, value any) any {
	if len(field) == 0 {
		return value
	}
	if field[0] == "0" {
		list, _ := body.([]any)
		if len(list) == 0 {
			list = []any{nil}
		}
		list = slices.Clone(list)
		list[0] = with(list[0], field[1:], value)
		return list
	}
	o, _ := body.(map[string]any)
	if o = maps.Clone(o); o == nil {
		o = map[string]any{}
	}
	o[field[0]] = with(o[field[0]], field[1:], value)
	return o
}
