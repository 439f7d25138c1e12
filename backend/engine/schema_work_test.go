// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// doubling returns a schema of n definitions, each of which applies the next one twice by the keywords in format.
func doubling(n int, format, last, rest string) string {
	var b strings.Builder
	for i := range n {
		next := fmt.Sprintf("#/$defs/d%d", i+1)
		fmt.Fprintf(&b, `"d%d": {`+format+`}, `, i, next, next)
	}
	return fmt.Sprintf(`{%s "$ref": "#/$defs/d0", "$defs": {%s "d%d": %s}}`, rest, b.String(), n, last)
}

func typeOf(schema string) secretType {
	return secretType{row: store.Object{ID: "id", Name: "hostile"},
		attr: attributes{Attributes: backend.Attributes{Schema: []byte(schema)}}}
}

func TestValidationHasABudget(t *testing.T) {
	const (
		allOf     = `"allOf": [{"$ref": %q}, {"$ref": %q}]`
		anyOf     = `"anyOf": [{"$ref": %q}, {"$ref": %q}]`
		not       = `"not": {"anyOf": [{"$ref": %q}, {"not": {"$ref": %q}}]}`
		both      = `"$ref": %q, "$dynamicRef": %q`
		cond      = `"if": {"$ref": %q}, "else": {"$ref": %q}`
		dependent = `"dependentSchemas": {"a": {"$ref": %q}, "b": {"$ref": %q}}`
	)
	deep := strings.Repeat(`{"a":`, 90) + "1" + strings.Repeat("}", 90)
	for _, c := range []struct{ name, schema, value string }{
		{"allOf", doubling(28, allOf, `{}`, ""), "x"},
		{"allOf that fails", doubling(28, allOf, `{"type": "number"}`, ""), "x"},
		{"anyOf that fails", doubling(28, anyOf, `{"type": "number"}`, ""), "x"},
		{"oneOf", doubling(28, strings.Replace(anyOf, "any", "one", 1), `{"const": 1}`, ""), "x"},
		{"not", doubling(28, not, `{"minLength": 5}`, ""), "x"},
		{"if", doubling(28, cond, `{"minLength": 5}`, ""), "x"},
		{"$ref and $dynamicRef", doubling(28, both, `{}`, ""), "x"},
		{"draft 7", doubling(28, allOf, `{}`, `"$schema": "http://json-schema.org/draft-07/schema#",`), "x"},
		{"dependentSchemas", doubling(28, dependent, `{}`, `"type": "object",`), `{"a":1,"b":2}`},
		{"patternProperties", `{"type": "object", "patternProperties": {"a": {"$ref": "#"}, "^a": {"$ref": "#"}}}`, deep},
		{"patternProperties that fail", `{"type": "object", "not": {"$ref": "#/$defs/p"}, "$defs": {"p": {"type": "object",
			"patternProperties": {"a": {"$ref": "#/$defs/p"}, "^a": {"$ref": "#/$defs/p"}}}}}`, deep},
		{"a dynamic anchor", `{"$dynamicRef": "#a", "$defs": {"a": {"$dynamicAnchor": "a", "$ref": "#/$defs/d0"},` +
			strings.TrimPrefix(doubling(28, allOf, `{}`, ""), `{ "$ref": "#/$defs/d0", "$defs": {`), "x"},
		{"a dynamic anchor of another resource", `{"$id": "https://a.example/root", "$ref": "tree", "$defs": {
			"ext": {"$dynamicAnchor": "n", "allOf": [{"$ref": "#/$defs/d0"}]},
			"tree": {"$id": "tree", "$dynamicRef": "#n", "$defs": {"n": {"$dynamicAnchor": "n"}}},` +
			strings.TrimPrefix(doubling(28, allOf, `{}`, ""), `{ "$ref": "#/$defs/d0", "$defs": {`), "x"},
		{"a long pattern", `{"pattern": "^(a?){900}(a?){900}b"}`, strings.Repeat("a", 65_000)},
		{"many patterns of names", `{"type": "object", "patternProperties": {"(a?){900}(a?){900}b": {}}}`,
			`{"` + strings.Repeat("a", 60_000) + `": 1}`},
		{"unique items", `{"type": "array", "allOf": [` + strings.Repeat(`{"uniqueItems": true},`, 500) + `{}]}`,
			"[" + strings.Repeat("[1],", 5000) + "[2]]"},
		{"enums", `{"type": "array", "items": {"enum": [` + strings.Repeat(`1.5,`, 9000) + `1]}}`,
			"[" + strings.Repeat("2,", 20000) + "2]"},
		{"unevaluated properties", `{"type": "object", "unevaluatedProperties": true, "allOf": [` +
			strings.Repeat(`{"unevaluatedProperties": true},`, 500) + `{}]}`, manyMembers(7000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var cache schemaCache
			b := newBudget()
			err := cache.check(context.Background(), typeOf(c.schema), []byte(c.value), b)
			if !errors.Is(err, backend.ErrTooLarge) || !strings.Contains(err.Error(), "steps") {
				t.Errorf("check gave %v, want ErrTooLarge", err)
			}
			if used := maxCallSteps - b.left; used < maxValueSteps || used > 2*maxValueSteps {
				t.Errorf("check used %d steps of the call, want %d and those of the schema", used, maxValueSteps)
			}
		})
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	b.WriteString(`{"a":1`)
	for i := range n {
		fmt.Fprintf(&b, `,"%d":1`, i)
	}
	return b.String() + "}"
}

func TestSchemasAndValuesHaveLimits(t *testing.T) {
	number := `{"type": "object", "properties": {"n": {"minimum": 1, "type": "integer"}}}`
	for _, c := range []struct{ name, schema, value, want string }{
		{"nested schema", strings.Repeat(`{"not":`, 101) + "{}" + strings.Repeat("}", 101), "x", "nests deeper than 100"},
		{"nested value", `{"type": "array"}`, strings.Repeat("[", 101) + strings.Repeat("]", 101), "nests deeper than 100"},
		{"large exponent", number, `{"n": 1e1000000}`, "exponent over 1000"},
		{"small exponent", number, `{"n": 1e-99999999999999999999}`, "exponent over 1000"},
		{"many digits", number, `{"n": ` + strings.Repeat("9", 1001) + `}`, "more than 1000 digits"},
		{"exponent in the schema", `{"type": "number", "multipleOf": 1e9000000}`, "1", "exponent over 1000"},
		{"large pattern", `{"pattern": "(abcdefghijklmnopqrstuvwxyz){1000}"}`, "x", "10000 instructions"},
		{"large pattern of a name", `{"patternProperties": {"` + strings.Repeat("[a-z]{999}", 11) + `": {}}}`, "{}",
			"10000 instructions"},
		{"pattern as a value", `{"format": "regex"}`, "(abcdefghijklmnopqrstuvwxyz){1000}", "must be a regex"},
		{"many constants", `{"enum": [` + strings.Repeat("false,", 5_000) + `1]}`, "x", "the limit is 5000"},
		{"many subschemas", `{"allOf": [` + strings.Repeat("{},", 20_000) + `{}]}`, "x", "the limit is 5000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var cache schemaCache
			err := cache.check(context.Background(), typeOf(c.schema), []byte(c.value), newBudget())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("check gave %v, want %q", err, c.want)
			}
		})
	}
}

// TestCommonSchemasNeedFewSteps guards the budget against an estimate that is too high.
func TestCommonSchemasNeedFewSteps(t *testing.T) {
	var cache schemaCache
	for _, c := range []struct{ schema, value string }{
		{`{"pattern": "^[A-Za-z0-9+/=\\n -]{1000,}$"}`, strings.Repeat("A", 4000)},
		{`{"type": "object", "additionalProperties": {"type": "string", "maxLength": 100}}`, manyMembers(5000)},
		{`{"type": "object", "properties": {"host": {"type": "string", "format": "hostname"}}, "required": ["host"]}`,
			`{"host": "db.example.com"}`},
	} {
		b := newBudget()
		if _, err := cache.compile("common", []byte(c.schema), newBudget()); err != nil {
			t.Fatal(err)
		}
		err := cache.check(context.Background(), typeOf(c.schema), []byte(c.value), b)
		if errors.Is(err, backend.ErrTooLarge) || maxCallSteps-b.left > maxValueSteps/2 {
			t.Errorf("%s: %v, with %d steps", c.schema, err, maxCallSteps-b.left)
		}
	}
	for _, b := range builtInTypes() {
		budget := newBudget()
		_ = cache.check(context.Background(), b, []byte(`{"host": "a", "private_key": "b"}`), budget)
		if used := maxCallSteps - budget.left; used > 2000 {
			t.Errorf("the check against the built-in type %s took %d steps", b.row.Name, used)
		}
	}
}

func TestManyCompiledSchemasStaySmall(t *testing.T) {
	var cache schemaCache
	for i := range 12 {
		schema := fmt.Sprintf(`{"title": "%d", "allOf": [%s{}]}`, i, strings.Repeat("{},", 4800))
		if _, err := cache.compile("wide", []byte(schema), newBudget()); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 150<<20 {
		t.Errorf("the cache of compiled schemas holds %d MB", m.HeapAlloc>>20)
	}
	if len(cache.compiled) > 10 {
		t.Errorf("the cache holds %d schemas of 4,800 subschemas", len(cache.compiled))
	}
	runtime.KeepAlive(&cache)
}

func TestErrorOfManyBrokenRulesIsShort(t *testing.T) {
	var cache schemaCache
	err := cache.check(context.Background(), typeOf(`{"type": "object", "properties": {"name": {}},
		"additionalProperties": false}`), []byte(manyMembers(7000)), newBudget())
	if err == nil || len(err.Error()) > 1000 {
		t.Errorf("%v", err)
	}
}

func TestACallHasABudget(t *testing.T) {
	var cache schemaCache
	b := newBudget()
	for i := range 1000 {
		schema := fmt.Sprintf(`{"title": "%d", "allOf": [%s{}]}`, i, strings.Repeat("{},", 4000))
		_, err := cache.compile("wide", []byte(schema), b)
		if errors.Is(err, backend.ErrTooLarge) {
			if i < 5 || i > 50 {
				t.Errorf("%d schemas were compiled", i)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("1,000 large schemas were compiled in one call")
}
