// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// A small schema can need any amount of work: 28 definitions that each refer twice to the next one check a value 2^28
// times, and a pattern takes time for each of its instructions and each byte of a text. The library has no limit, so
// each validation has a budget of steps. A step takes at most a few microseconds.
const (
	// maxValueSteps is how many steps the check of one value may take.
	maxValueSteps = 100_000
	// maxCallSteps is how many steps the checks of all values in one call may take.
	maxCallSteps = 2_000_000
	// patternWork is how much work of a pattern, instructions times bytes, counts as one step.
	patternWork = 256
	// maxSubschemas is how many objects and booleans a schema may have, at any depth. The time to compile a schema grows
	// with the square of their number, and the compiled form of each takes about a kilobyte.
	maxSubschemas = 5_000
	// maxNumberDigits limits the digits and the exponent of a number. The library computes with exact fractions, and
	// 1e1000000 has a million digits.
	maxNumberDigits = 1_000
)

// budget is the number of steps that the checks of one call may still take.
type budget struct{ left int }

func newBudget() *budget { return &budget{maxCallSteps} }

// meter counts the steps of one validation.
type meter struct{ left int }

// outOfSteps is the panic that ends a validation over its budget. The library offers no other way to end one.
type outOfSteps struct{}

func (m *meter) spend(n int) {
	if m.left -= n; m.left < 0 {
		panic(outOfSteps{})
	}
}

// compiledSchema is a schema that counts the steps of its validations.
type compiledSchema struct {
	mu    sync.Mutex // one validation at a time, because they share meter
	root  *jsonschema.Schema
	meter meter
	size  int // the number of subschemas
	// endless says that the schema applies itself again to the same value. The library ends that with an error of the
	// value, which "not" would turn around.
	endless bool
}

// validate validates a value and reports whether it did so in the budget. The steps are taken from b.
func (c *compiledSchema) validate(value any, b *budget) (err error, complete bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	given := min(maxValueSteps, b.left)
	c.meter.left = given
	defer func() {
		b.left -= given - max(c.meter.left, 0)
		if p := recover(); p != nil {
			if _, expected := p.(outOfSteps); !expected {
				panic(p)
			}
			err, complete = nil, false
		}
	}()
	return c.root.Validate(value), true
}

// measured returns the compiled schema with a counter in each subschema. The counter takes the place of the format,
// which the library checks before it visits further subschemas. The anchors are the subschemas that a "$dynamicRef"
// can mean.
func measured(root *jsonschema.Schema, anchors []*jsonschema.Schema) *compiledSchema {
	c := &compiledSchema{root: root}
	all := map[*jsonschema.Schema]children{}
	var walk func(s *jsonschema.Schema)
	walk = func(s *jsonschema.Schema) {
		if _, seen := all[s]; s == nil || seen {
			return
		}
		parts := childrenOf(s)
		all[s] = parts
		for _, part := range append(parts.whole, parts.parts...) {
			walk(part)
		}
	}
	for _, s := range append(anchors, root) {
		walk(s)
	}
	c.size, c.endless = len(all), isEndless(all)
	for s, parts := range all {
		w, own := weigh(s, parts), s.Format
		if own == nil {
			own = &jsonschema.Format{Validate: func(any) error { return nil }}
		}
		s.Format = &jsonschema.Format{Name: own.Name, Validate: func(v any) error {
			c.meter.spend(w.of(v))
			return own.Validate(v)
		}}
	}
	return c
}

// isEndless reports whether a subschema leads back to itself without going into a part of the value.
func isEndless(all map[*jsonschema.Schema]children) bool {
	const open, done = 1, 2
	state := map[*jsonschema.Schema]int{}
	var visit func(s *jsonschema.Schema) bool
	visit = func(s *jsonschema.Schema) bool {
		switch state[s] {
		case open:
			return true
		case done:
			return false
		}
		state[s] = open
		if slices.ContainsFunc(all[s].whole, visit) {
			return true
		}
		state[s] = done
		return false
	}
	for s := range all {
		if visit(s) {
			return true
		}
	}
	return false
}

// children are the subschemas that a schema applies: to the whole value, or to parts of it.
type children struct{ whole, parts []*jsonschema.Schema }

func childrenOf(s *jsonschema.Schema) children {
	var c children
	add := func(to *[]*jsonschema.Schema, more ...*jsonschema.Schema) {
		for _, s := range more {
			if s != nil {
				*to = append(*to, s)
			}
		}
	}
	one := func(v any) []*jsonschema.Schema {
		switch v := v.(type) {
		case *jsonschema.Schema:
			return []*jsonschema.Schema{v}
		case []*jsonschema.Schema:
			return v
		}
		return nil
	}
	add(&c.whole, s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else)
	if s.DynamicRef != nil {
		add(&c.whole, s.DynamicRef.Ref)
	}
	add(&c.whole, s.AllOf...)
	add(&c.whole, s.AnyOf...)
	add(&c.whole, s.OneOf...)
	for _, dependent := range s.DependentSchemas {
		add(&c.whole, dependent)
	}
	for _, dependent := range s.Dependencies {
		add(&c.whole, one(dependent)...)
	}
	add(&c.parts, s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema)
	add(&c.parts, one(s.AdditionalProperties)...)
	add(&c.parts, one(s.Items)...)
	add(&c.parts, one(s.AdditionalItems)...)
	add(&c.parts, s.PrefixItems...)
	for _, property := range s.Properties {
		add(&c.parts, property)
	}
	for _, property := range s.PatternProperties {
		add(&c.parts, property)
	}
	return c
}

// weight is what one visit of a subschema costs, without the visits of other subschemas. It covers what the library
// does for the children before it counts them.
type weight struct {
	fixed   int // steps for any value
	each    int // steps for each member or item of the value
	pattern int // the size of the pattern
	names   int // the size of the patterns of properties
	unique  bool
}

func weigh(s *jsonschema.Schema, c children) weight {
	w := weight{fixed: 1 + len(s.Required)/8, each: 1, unique: s.UniqueItems}
	for _, child := range c.whole {
		w.fixed += constantsOf(child)
	}
	for _, child := range c.parts {
		w.each = max(w.each, constantsOf(child))
	}
	w.each *= 1 + len(s.PatternProperties)
	w.fixed += len(s.DependentRequired) + len(s.Dependencies)
	if p, ok := s.Pattern.(pattern); ok {
		w.pattern = p.size
	}
	for re := range s.PatternProperties {
		if p, ok := re.(pattern); ok {
			w.names += p.size
		}
	}
	return w
}

// constantsOf returns what it costs to compare a value with the constants of a schema, which the library does before it
// counts the visit.
func constantsOf(s *jsonschema.Schema) int {
	n := 8
	if s.Enum != nil {
		n += countValues(s.Enum.Values)
	}
	if s.Const != nil {
		n += countValues(*s.Const)
	}
	return n / 8
}

func (w weight) of(value any) int {
	switch v := value.(type) {
	case string:
		return w.fixed + (len(v)*(w.pattern+1))/patternWork
	case map[string]any:
		n := w.fixed + len(v)*w.each
		if w.names > 0 {
			for name := range v {
				n += len(name) * w.names / patternWork
			}
		}
		return n
	case []any:
		n := w.fixed + len(v)*w.each
		if w.unique {
			n += countValues(v) * min(len(v), 20) / 8 // the library compares up to 20 items with each other, and hashes more
		}
		return n
	}
	return w.fixed
}

// countValues returns the number of JSON values in a document.
func countValues(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, part := range v {
			n += countValues(part)
		}
	case []any:
		for _, part := range v {
			n += countValues(part)
		}
	}
	return n
}

// countSubschemas returns the number of objects and booleans in a schema, each of which can be a subschema.
func countSubschemas(v any) int {
	n := 0
	switch v := v.(type) {
	case bool:
		return 1
	case map[string]any:
		n = 1
		for _, part := range v {
			n += countSubschemas(part)
		}
	case []any:
		for _, part := range v {
			n += countSubschemas(part)
		}
	}
	return n
}

// compileSteps is what it costs to compile a schema.
func compileSteps(subschemas int) int { return 20*subschemas + subschemas*subschemas/500 }

// pattern is a compiled pattern of a schema, with its size for the counter.
type pattern struct {
	jsonschema.Regexp
	size int
}

func compilePattern(text string) (jsonschema.Regexp, error) {
	re, size, err := backend.CompilePattern(text)
	if err != nil {
		return nil, err
	}
	return pattern{re, size}, nil
}

// parseJSON parses a schema, or a value that is checked against one. The error quotes nothing of it.
func parseJSON(text []byte) (any, error) {
	if err := backend.CheckDepth(text); err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return document, checkNumbers(document)
}

// checkNumbers refuses numbers with too many digits.
func checkNumbers(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for _, part := range v {
			if err := checkNumbers(part); err != nil {
				return err
			}
		}
	case []any:
		for _, part := range v {
			if err := checkNumbers(part); err != nil {
				return err
			}
		}
	case json.Number:
		mantissa, exponent, _ := strings.Cut(strings.ToLower(v.String()), "e")
		n, err := strconv.ParseFloat("0"+strings.TrimLeft(exponent, "+-"), 64)
		if len(mantissa) > maxNumberDigits || err != nil || math.Abs(n) > maxNumberDigits {
			return backend.Errorf(backend.CodeTooLarge, "a number has more than %d digits, or an exponent over %d",
				maxNumberDigits, maxNumberDigits).WithHint("write the number as a string")
		}
	}
	return nil
}

// anchorsOf returns the subschemas that a "$dynamicRef" can mean, compiled.
func anchorsOf(c *jsonschema.Compiler, document any) []*jsonschema.Schema {
	var anchors []*jsonschema.Schema
	var walk func(part any, at string)
	walk = func(part any, at string) {
		switch part := part.(type) {
		case map[string]any:
			if _, ok := part["$dynamicAnchor"].(string); ok {
				if s, err := c.Compile(schemaURL + "#" + at); err == nil { // otherwise it is a constant, or not in use
					anchors = append(anchors, s)
				}
			}
			for key, v := range part {
				walk(v, at+"/"+url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(key)))
			}
		case []any:
			for i, v := range part {
				walk(v, at+"/"+strconv.Itoa(i))
			}
		}
	}
	walk(document, "")
	return anchors
}
