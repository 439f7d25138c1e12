// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

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
	compiled map[string]*compiledSchema
	size     int // of all of them, in subschemas
}

// maxCached is the size of the cache, in subschemas. Beyond that it is emptied.
const maxCached = 50_000

// compile returns the compiled schema of a type, from the cache if it is there; otherwise it compiles it with the
// steps of b. ErrInvalid says why the schema is not valid.
func (c *schemaCache) compile(typeName string, text json.RawMessage, b *budget) (*compiledSchema, error) {
	c.mu.Lock()
	s, ok := c.compiled[string(text)]
	c.mu.Unlock()
	if ok {
		return s, nil
	}
	s, err := compileSchema(typeName, text, b)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.compiled == nil || c.size+s.size > maxCached {
		c.compiled, c.size = map[string]*compiledSchema{}, 0
	}
	c.compiled[string(text)] = s
	c.size += s.size
	return s, nil
}

// noLoader refuses every other document: a "$ref" must not read files of the
// server or make requests.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errOtherDocument }

var errOtherDocument = errors.New("references to other documents are not supported")

func compileSchema(typeName string, text json.RawMessage, b *budget) (*compiledSchema, error) {
	if len(text) > maxSchemaBytes {
		return nil, backend.Errorf(backend.CodeTooLarge, "the schema of secret type %q has %d bytes; the limit is %d",
			typeName, len(text), maxSchemaBytes).At("schema")
	}
	document, err := parseJSON(text)
	if errors.Is(err, backend.ErrTooLarge) {
		return nil, about(err, "the schema of secret type %q", typeName).At("schema")
	}
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the schema of secret type %q is invalid JSON: %w", typeName, err).
			At("schema")
	}
	if _, ok := document.(map[string]any); !ok {
		return nil, backend.Errorf(backend.CodeInvalid, "the schema of secret type %q is not a JSON object", typeName).
			WithHint(`the simplest schema is {"type": "string"}`).At("schema")
	}
	n := countSubschemas(document)
	if n > maxSubschemas {
		return nil, backend.Errorf(backend.CodeTooLarge,
			"the schema of secret type %q has %d objects and booleans; the limit is %d", typeName, n, maxSubschemas).At("schema")
	}
	if b.left -= compileSteps(n); b.left < 0 {
		return nil, tooManySteps(typeName)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	c.UseRegexpEngine(compilePattern)
	c.AssertFormat()
	if err := c.AddResource(schemaURL, document); err != nil {
		return nil, invalidSchema(typeName, document, err)
	}
	s, err := c.Compile(schemaURL)
	if err != nil {
		return nil, invalidSchema(typeName, document, err)
	}
	return measured(s, anchorsOf(c, document)), nil
}

// tooManySteps is the error of a call whose budget is used up.
func tooManySteps(typeName string) *backend.Error {
	return backend.Errorf(backend.CodeTooLarge, "the checks of all values and schemas of the call take more than %d steps",
		maxCallSteps).
		WithHint("send fewer changes in one call, or simplify the schema of secret type %q", typeName).At("schema")
}

// about adds what an error is about to its message.
func about(err error, format string, args ...any) *backend.Error {
	e := *backend.AsError(err)
	e.Message = fmt.Sprintf(format, args...) + ": " + e.Message
	return &e
}

// check validates a value against a type, with the steps of b. The error names
// the fields and the rules that they break, and nothing of the value.
func (c *schemaCache) check(ctx context.Context, t secretType, value []byte, b *budget) error {
	if t.row.ID == "" {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !utf8.Valid(value) {
		return backend.Errorf(backend.CodeInvalid, "the value is binary (not UTF-8), and a value of secret type %q must "+
			"be text", t.row.Name).
			WithHint("leave out the type, or give the value in base64").At("value")
	}
	compiled, err := c.compile(t.row.Name, t.attr.Schema, b)
	if err != nil {
		return err
	}
	if compiled.endless {
		return backend.Errorf(backend.CodeInvalid, "no value of secret type %q can be checked: its schema refers to itself "+
			"without end", t.row.Name).
			WithHint("change the schema first: pouncet type set %s --schema-file FILE; or choose another type", t.row.Name).
			At("type")
	}
	var instance any = string(value)
	if t.isJSON() {
		instance, err = parseJSON(value)
		if errors.Is(err, backend.ErrTooLarge) {
			return about(err, "the value").At("value")
		}
		if err != nil {
			return backend.Errorf(backend.CodeInvalid, "the value is invalid JSON, and secret type %q requires JSON",
				t.row.Name).
				WithHint("give a JSON document that the schema of the type allows").At("value")
		}
	}
	err, complete := compiled.validate(instance, b)
	var broken *jsonschema.ValidationError
	switch {
	case !complete && b.left > 0:
		return backend.Errorf(backend.CodeTooLarge, "the check of the value against the schema of secret type %q takes more "+
			"than %d steps", t.row.Name, maxValueSteps).
			WithHint("simplify the schema: fewer nested references, and patterns with smaller repetition counts").At("value")
	case !complete:
		return tooManySteps(t.row.Name)
	case !errors.As(err, &broken):
		return err
	}
	return backend.Errorf(backend.CodeInvalid, "the value does not match the schema of secret type %q: %s", t.row.Name,
		explain(broken, t.attr.Schema)).
		WithHint("correct the value, or choose another type").At("value")
}

// explain lists the rules that a value breaks. The library's own messages quote
// the value, so explain writes its own. It shows the name of a property only if
// the schema has it, because other names may be secret.
func explain(e *jsonschema.ValidationError, schema json.RawMessage) string {
	known := schemaWords(schema)
	return brokenRules(e, func(e *jsonschema.ValidationError) string {
		return location(e.InstanceLocation, known) + " " + rule(e.ErrorKind, known)
	})
}

// brokenRules describes the rules that a document breaks, five at most.
func brokenRules(e *jsonschema.ValidationError, describe func(*jsonschema.ValidationError) string) string {
	const most = 5
	var out []string
	seen := map[string]bool{}
	var walk func(e *jsonschema.ValidationError, parent []string)
	walk = func(e *jsonschema.ValidationError, parent []string) {
		leaf := *e
		if len(leaf.InstanceLocation) == 0 { // as below the error about the name of a property
			leaf.InstanceLocation = parent
		}
		for _, c := range e.Causes {
			walk(c, leaf.InstanceLocation)
		}
		if len(e.Causes) > 0 {
			return
		}
		line := describe(&leaf)
		if !seen[line] && len(out) < most {
			out = append(out, line)
		}
		seen[line] = true
	}
	walk(e, nil)
	if more := len(seen) - most; more > 0 {
		out = append(out, "and "+backend.Plural(more, "more rule"))
	}
	return strings.Join(out, "; ")
}

// location returns a JSON Pointer (RFC 6901) into the value.
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

// mostSuggested is how many unknown properties are compared with the properties of the schema.
const mostSuggested = 10

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
		for i, p := range k.Properties {
			if i == mostSuggested || len(p) > backend.DefaultMaxNameLength {
				break
			}
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
