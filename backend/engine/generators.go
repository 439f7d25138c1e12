// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// generatorKeyword marks what the backend generates, at the top of a schema and in its properties:
//
//	{"type": "string", "x-generate": {"length": 40, "alphabet": "0123456789abcdef"}}
//	{"type": "string", "x-generate": {"uuid": true}}
//	{"type": "object", "x-generate": {"key_pair": "rsa-3072"}}
//
// A key pair has the members private_key (PKCS #8, RFC 5958) and public_key (PKIX, RFC 5280), both PEM (RFC 7468).
const generatorKeyword = "x-generate"

// maxGenerated limits the marked fields of a schema.
const maxGenerated = 100

// generator is the content of generatorKeyword.
type generator struct {
	Length   int    `json:"length"`
	Alphabet string `json:"alphabet"`
	UUID     bool   `json:"uuid"`
	KeyPair  string `json:"key_pair"`
}

// generatedField is a field that a schema marks. The path of the whole value is empty.
type generatedField struct {
	path []string
	how  generator
}

// generatorsOf returns the marked fields of a type.
func (r *run) generatorsOf(in secretType) ([]generatedField, error) {
	if in.row.ID == "" || !bytes.Contains(in.attr.Schema, []byte(generatorKeyword)) {
		return nil, nil
	}
	key := string(in.attr.Schema)
	if fields, ok := r.checks.generators[key]; ok {
		return fields, nil
	}
	fields, err := parseGenerators(in.row.Name, in.attr.Schema)
	if err == nil {
		r.checks.generators[key] = fields
	}
	return fields, err
}

// parseGenerators returns the fields that a schema marks, in the order of their names.
func parseGenerators(typeName string, schema json.RawMessage) ([]generatedField, error) {
	var document any
	if err := json.Unmarshal(schema, &document); err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the schema of secret type %q is invalid JSON", typeName).At("schema")
	}
	var fields []generatedField
	var broken error
	var walk func(s map[string]any, path []string)
	walk = func(s map[string]any, path []string) {
		if mark, marked := s[generatorKeyword]; marked {
			how, err := parseGenerator(mark, s)
			if err != nil && broken == nil {
				broken = invalidGenerator(typeName, path, err)
			}
			fields = append(fields, generatedField{path, how})
			if how.KeyPair != "" {
				return
			}
		}
		properties, _ := s["properties"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			if property, ok := properties[name].(map[string]any); ok {
				walk(property, append(slices.Clone(path), name))
			}
		}
	}
	if root, ok := document.(map[string]any); ok {
		walk(root, nil)
	}
	if broken != nil {
		return nil, broken
	}
	if n := countMarks(document, false); n != len(fields) {
		return nil, backend.Errorf(backend.CodeInvalid, "the schema of secret type %q has %s where nothing can be generated",
			typeName, generatorKeyword).
			WithHint("mark the whole value, or fields in properties, also nested ones, but nothing in a key pair").At("schema")
	}
	if len(fields) > maxGenerated {
		return nil, backend.Errorf(backend.CodeTooLarge, "the schema of secret type %q has %d fields with %s; the limit "+
			"is %d", typeName, len(fields), generatorKeyword, maxGenerated).At("schema")
	}
	return fields, nil
}

func invalidGenerator(typeName string, path []string, err error) *backend.Error {
	where := "the schema"
	if len(path) > 0 {
		where = fmt.Sprintf("field %s in the schema", backend.Quote(strings.Join(path, ".")))
	}
	return backend.Errorf(backend.CodeInvalid, "%s of %s of secret type %q is not valid: %w", generatorKeyword, where,
		typeName, err).
		WithHint(`write {"length": 40}, {"length": 40, "alphabet": "0123456789abcdef"}, {"uuid": true} or {"key_pair": "%s"}`,
			keyPairKinds[0]).At("schema")
}

// parseGenerator parses the mark of a schema.
func parseGenerator(mark any, schema map[string]any) (generator, error) {
	text, err := json.Marshal(mark)
	if err != nil {
		return generator{}, err
	}
	var g generator
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if !isObject(text) || d.Decode(&g) != nil {
		return g, fmt.Errorf("it must be an object with length, alphabet, uuid or key_pair")
	}
	isText := g.Length != 0 || g.Alphabet != ""
	switch {
	case g.UUID && g.KeyPair != "", isText && (g.UUID || g.KeyPair != ""):
		return g, fmt.Errorf("uuid and key_pair exclude each other, and length and alphabet")
	case g.KeyPair != "" && !slices.Contains(keyPairKinds, g.KeyPair):
		return g, fmt.Errorf("key_pair must be %s", backend.Enumerate(keyPairKinds))
	case g.KeyPair != "" && schema["type"] != "object":
		return g, fmt.Errorf(`a key pair requires "type": "object"`)
	case g.KeyPair == "" && schema["type"] != "string":
		return g, fmt.Errorf(`a generated text requires "type": "string"`)
	case g.Length != 0 && (g.Length < backend.MinGeneratedLength || g.Length > backend.MaxGeneratedLength):
		return g, fmt.Errorf("length must be from %d to %d", backend.MinGeneratedLength, backend.MaxGeneratedLength)
	case g.Alphabet != "" && backend.CheckAlphabet(g.Alphabet) != nil:
		return g, fmt.Errorf("alphabet must have 10 to 1024 characters, each once")
	}
	if g.Length == 0 && !g.UUID && g.KeyPair == "" {
		g.Length = defaultLength(schema)
	}
	return g, nil
}

// defaultLength returns the default length of a text, or the nearest one that a schema allows.
func defaultLength(schema map[string]any) int {
	length := float64(defaultGenerated)
	if least, ok := schema["minLength"].(float64); ok {
		length = max(length, least)
	}
	if most, ok := schema["maxLength"].(float64); ok {
		length = min(length, most)
	}
	return int(min(max(length, backend.MinGeneratedLength), backend.MaxGeneratedLength))
}

// countMarks counts the marks in a schema. The members of properties and of definitions are no keywords, and what
// const, enum, default and examples hold are values.
func countMarks(v any, areNames bool) int {
	n := 0
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n += countMarks(item, false)
		}
	case map[string]any:
		for key, item := range v {
			switch {
			case areNames:
				n += countMarks(item, false)
			case key == generatorKeyword:
				n++
			case !slices.Contains([]string{"const", "enum", "default", "examples"}, key):
				n += countMarks(item, slices.Contains([]string{"properties", "patternProperties", "$defs", "definitions",
					"dependentSchemas"}, key))
			}
		}
	}
	return n
}
