// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// object is a JSON object. The encoder sorts its names, so that the same types always give the same text.
type object = map[string]any

// schemas makes JSON Schemas (draft 2020-12, as OpenAPI 3.1 uses it) from Go types, as encoding/json encodes them.
type schemas struct {
	t         *testing.T
	byName    object
	responses object                  // with errors, by their names
	types     map[string]reflect.Type // of byName
	values    map[string][]string     // the constants of a type of package backend
	request   bool                    // whether the present type is decoded, which refuses unknown fields
	texts     map[string]string       // those not used yet
}

func newSchemas(t *testing.T) *schemas {
	return &schemas{t: t, byName: object{}, responses: object{}, types: map[string]reflect.Type{}, values: constants(t),
		texts: maps.Clone(openAPITexts)}
}

// constants returns the values of the constants of package backend, by the name of their type.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("package backend was not found: ", err)
	}
	all := map[string][]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			kind, isNamed := spec.Type.(*ast.Ident)
			value, isLiteral := spec.Values[0].(*ast.BasicLit)
			if isNamed && isLiteral && value.Kind == token.STRING {
				text, err := strconv.Unquote(value.Value)
				if err != nil {
					t.Fatal(err)
				}
				all[kind.Name] = append(all[kind.Name], text)
			}
			return true
		})
	}
	return all
}

// of returns the schema of a type, and adds the schemas of the structs in it.
func (s *schemas) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return object{} // any JSON
	case t == reflect.TypeFor[[]byte]():
		return object{"type": "string", "contentEncoding": "base64"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Struct:
		return s.named(t, s.structOf)
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer"}
	case reflect.Int64:
		return object{"type": "integer", "format": "int64"}
	case reflect.String:
		if values := s.values[t.Name()]; values != nil {
			return s.named(t, func(string, reflect.Type) object { return object{"type": "string", "enum": values} })
		}
		return object{"type": "string"}
	}
	s.t.Fatalf("a schema for the type %s is missing", t)
	return nil
}

// named adds a schema under the name of its type, and returns a reference to it.
func (s *schemas) named(t reflect.Type, schema func(string, reflect.Type) object) object {
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if other, ok := openAPINames[name]; ok {
		name = other
	}
	if known, ok := s.types[name]; ok && known != t {
		s.t.Fatalf("%s and %s have the same name in the document", t, known)
	}
	if _, ok := s.types[name]; !ok {
		s.types[name] = t
		made := schema(name, t)
		made["description"] = s.text(name)
		s.byName[name] = made
	}
	return object{"$ref": "#/components/schemas/" + name}
}

func (s *schemas) structOf(name string, t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, f := range jsonFields(t) {
		key := name + "." + f.name
		field := s.of(f.Type)
		if key == "Outcome.object" {
			field = object{"anyOf": []object{field, s.noObject()}}
		}
		field["description"] = s.fieldText(key, f.name)
		if limit := openAPILimits[key]; limit > 0 {
			field["maxItems"] = limit
		}
		if values := openAPIValues[key]; values != nil {
			field["enum"] = values
		}
		if slices.Contains(openAPISensitive, key) {
			field["x-sensitive"], field["format"] = true, "password"
			if s.request {
				field["writeOnly"] = true
			}
		}
		kind := f.Type.Kind()
		switch {
		case f.optional:
		case !s.request:
			required = append(required, f.name)
		case kind == reflect.Map:
			field["type"] = []string{"object", "null"} // which the client sends
		case kind != reflect.Pointer && kind != reflect.Slice && kind != reflect.Struct:
			required = append(required, f.name)
		}
		properties[f.name] = field
	}
	made := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		made["required"] = required
	}
	if s.request {
		made["additionalProperties"] = false
	}
	return made
}

// noObject returns the schema of the object in an outcome with an error: its texts are empty.
func (s *schemas) noObject() object {
	const name = "NoObject"
	none := object{"type": "string", "const": ""}
	s.byName[name] = object{"type": "object", "description": s.text(name), "required": []string{"kind", "id", "name"},
		"properties": object{"kind": none, "id": none, "name": none}}
	return object{"$ref": "#/components/schemas/" + name}
}

// jsonField is a field under its name in JSON.
type jsonField struct {
	reflect.StructField
	name     string
	optional bool // left out if it is empty
}

// jsonFields returns the fields of a struct, as encoding/json finds them: one of an embedded struct is hidden by one of
// the same name above it.
func jsonFields(t reflect.Type) []jsonField {
	var all, embedded []jsonField
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "":
			embedded = append(embedded, jsonFields(f.Type)...)
		default:
			all = append(all, jsonField{f, name, strings.Contains(options, "omit")})
		}
	}
	own := len(all)
	for _, f := range embedded {
		if !slices.ContainsFunc(all[:own], func(o jsonField) bool { return o.name == f.name }) {
			all = append(all, f)
		}
	}
	return all
}

// text returns the description under a key, and notes that it is used.
func (s *schemas) text(key string) string {
	s.t.Helper()
	text, ok := openAPITexts[key]
	if !ok {
		s.t.Errorf("%s has no description: add it to openAPITexts", key)
	}
	delete(s.texts, key)
	return text
}

// fieldText returns the description of a field. An attribute has the description in backend.AttributeTable, unless
// openAPITexts has another one.
func (s *schemas) fieldText(key, name string) string {
	if _, ok := openAPITexts[key]; !ok && !strings.HasPrefix(key, "Error.") {
		for _, a := range backend.AttributeTable {
			if a.Name == name {
				return a.Doc
			}
		}
	}
	return s.text(key)
}
