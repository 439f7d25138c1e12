// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// maxSchemaBytes is the largest JSON Schema of a type.
const maxSchemaBytes = 65_536

// schemaCache keeps compiled schemas by their text.
type schemaCache struct {
	mu       sync.Mutex
	compiled map[string]*jsonschema.Schema
}

// compile returns a compiled schema, from the cache if it is there. ErrInvalid
// says why the schema is not valid.
func (c *schemaCache) compile(text json.RawMessage) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.compiled[string(text)]; ok {
		return s, nil
	}
	s, err := compileSchema(text)
	if err != nil {
		return nil, err
	}
	const most = 1000 // compiled schemas; beyond that the cache is emptied
	if c.compiled == nil || len(c.compiled) >= most {
		c.compiled = map[string]*jsonschema.Schema{}
	}
	c.compiled[string(text)] = s
	return s, nil
}

// noLoader refuses every other document: a "$ref" must not read files of the
// server or make requests.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%q is not part of the schema: references to other documents are not supported", url)
}

func compileSchema(text json.RawMessage) (*jsonschema.Schema, error) {
	if len(text) > maxSchemaBytes {
		return nil, backend.Errorf(backend.CodeTooLarge, "the schema has %d bytes; the limit is %d", len(text),
			maxSchemaBytes).At("schema")
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the schema is invalid JSON: %w", err).At("schema")
	}
	if _, ok := document.(map[string]any); !ok {
		return nil, backend.Errorf(backend.CodeInvalid, "the schema is not a JSON object").
			WithHint(`the simplest schema is {"type": "string"}`).At("schema")
	}
	const url = "schema.json"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	c.AssertFormat()
	if err := c.AddResource(url, document); err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the schema is not a valid JSON Schema (draft 2020-12): %w", err).
			At("schema")
	}
	s, err := c.Compile(url)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the schema is not a valid JSON Schema (draft 2020-12): %w", err).
			At("schema")
	}
	return s, nil
}

// check validates a value against a type. The error names the fields and the
// rules that they break, and nothing of the value.
func (c *schemaCache) check(t secretType, value []byte) error {
	if t.row.ID == "" {
		return nil
	}
	compiled, err := c.compile(t.attr.Schema)
	if err != nil {
		return err
	}
	var instance any = string(value)
	if t.isJSON() {
		if instance, err = jsonschema.UnmarshalJSON(bytes.NewReader(value)); err != nil {
			return backend.Errorf(backend.CodeInvalid, "the value is invalid JSON, and secret type %q requires JSON",
				t.row.Name).
				WithHint("give a JSON document that the schema of the type allows").At("value")
		}
	}
	err = compiled.Validate(instance)
	var broken *jsonschema.ValidationError
	if !errors.As(err, &broken) {
		return err
	}
	return backend.Errorf(backend.CodeInvalid, "the value does not match the schema of secret type %q: %s", t.row.Name,
		strings.Join(explain(broken, t.attr.Schema), "; ")).
		WithHint("correct the value, or choose another type").At("value")
}

// explain lists the rules that a value breaks, five at most. The library's own
// messages quote the value, so explain writes its own. It shows the name of a
// property only if the schema has it, because other names may be secret.
func explain(e *jsonschema.ValidationError, schema json.RawMessage) []string {
	known := schemaWords(schema)
	var out []string
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, c := range e.Causes {
			walk(c)
		}
		if len(e.Causes) > 0 {
			return
		}
		if line := location(e.InstanceLocation, known) + " " + rule(e.ErrorKind, known); !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	walk(e)
	const most = 5
	if len(out) > most {
		out = append(out[:most], "and "+backend.Plural(len(out)-most, "more rule"))
	}
	return out
}

// location is a JSON Pointer (RFC 6901) into the value.
func location(tokens []string, known map[string]bool) string {
	if len(tokens) == 0 {
		return "the value"
	}
	var b strings.Builder
	for _, token := range tokens {
		if _, err := strconv.ParseUint(token, 10, 16); err != nil && !known[token] {
			token = "*"
		}
		b.WriteString("/" + token)
	}
	return b.String()
}

func rule(k jsonschema.ErrorKind, known map[string]bool) string {
	switch k := k.(type) {
	case *kind.Required:
		return "is missing the required fields: " + strings.Join(k.Missing, ", ")
	case *kind.Type:
		return "must be of type " + strings.Join(k.Want, " or ")
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters", k.Want)
	case *kind.Pattern:
		return "must match the pattern " + k.Want
	case *kind.Format:
		return "must be a " + k.Want
	case *kind.Enum:
		return "must be one of the values that the schema lists"
	case *kind.Const:
		return "must be the constant of the schema"
	case *kind.Minimum:
		return "must be at least " + k.Want.RatString()
	case *kind.Maximum:
		return "must be at most " + k.Want.RatString()
	case *kind.AdditionalProperties:
		for _, p := range k.Properties {
			if meant := suggest.Name(p, wordsOf(known)); meant != "" {
				return "has a property that the schema does not allow; " + suggest.Hint(meant, "")
			}
		}
		return "has properties that the schema does not allow"
	}
	return "breaks the rule " + strings.Join(k.KeywordPath(), "/")
}

// schemaWords returns the names of all properties in a schema.
func schemaWords(schema json.RawMessage) map[string]bool {
	known := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, part := range v {
				if properties, ok := part.(map[string]any); ok && key == "properties" {
					for name := range properties {
						known[name] = true
					}
				}
				walk(part)
			}
		case []any:
			for _, part := range v {
				walk(part)
			}
		}
	}
	var document any
	if json.Unmarshal(schema, &document) == nil {
		walk(document)
	}
	return known
}

func wordsOf(known map[string]bool) []string {
	out := make([]string, 0, len(known))
	for w := range known {
		out = append(out, w)
	}
	slices.Sort(out)
	return out
}

// sameValue reports whether two values are equal: by their bytes or, for JSON, as
// documents, regardless of white space and the order of members. Numbers are
// compared by their digits.
func sameValue(a, b []byte, isJSON bool) bool {
	return bytes.Equal(a, b) || isJSON && backend.EqualJSON(a, b)
}
