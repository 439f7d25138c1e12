// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// PathStep is one step of a field path: a member's name or a list's index.
type PathStep struct {
	Name    string
	Index   int
	IsIndex bool
}

// ParsePath parses a field path: names separated by dots and indexes in
// brackets, "a.b[0]". A name that holds a dot or a bracket is quoted in
// brackets, `a["b.c"]` or `a['b.c']`. The empty path has no steps and means the
// whole value. ErrInvalid when the path is not valid.
func ParsePath(path string) ([]PathStep, *Error) {
	if len(path) > MaxFieldPathBytes {
		return nil, Errorf(CodeTooLarge, "the field path has %d bytes; the limit is %d", len(path), MaxFieldPathBytes).
			At("field")
	}
	var steps []PathStep
	for rest := path; rest != ""; {
		var step PathStep
		var ok bool
		switch {
		case rest[0] == '[':
			step, rest, ok = parseBracket(rest[1:])
		case len(steps) > 0 && rest[0] != '.': // not ok: steps are separated by dots
		default:
			if len(steps) > 0 {
				rest = rest[1:]
			}
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			step.Name, rest, ok = rest[:end], rest[end:], end > 0
		}
		if !ok {
			return nil, Errorf(CodeInvalid, "field path %s is not valid", Quote(path)).
				WithHint(`write names separated by dots and indexes in brackets, as in "a.b[0]"`).At("field")
		}
		if len(steps) == MaxFieldPathSteps {
			return nil, Errorf(CodeTooLarge, "field path %s has more than %d steps", Quote(path), MaxFieldPathSteps).At("field")
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// JoinPath returns the path that follows first a and then b.
func JoinPath(a, b string) string {
	if a == "" || b == "" || b[0] == '[' {
		return a + b
	}
	return a + "." + b
}

// JoinName returns the path of the member name in the object at path a.
func JoinName(a, name string) string {
	switch {
	case name == "" || strings.ContainsAny(name, ".[]'\""):
		quote := `"`
		if strings.Contains(name, `"]`) {
			quote = "'"
		}
		return a + "[" + quote + name + quote + "]"
	case a == "":
		return name
	}
	return a + "." + name
}

// parseBracket parses what follows an opening bracket: an index or a quoted name.
func parseBracket(s string) (step PathStep, rest string, ok bool) {
	if s == "" {
		return PathStep{}, "", false
	}
	if q := s[0]; q == '\'' || q == '"' {
		end := strings.Index(s[1:], string(q)+"]")
		if end < 0 {
			return PathStep{}, "", false
		}
		return PathStep{Name: s[1 : 1+end]}, s[end+3:], true
	}
	digits, rest, ok := strings.Cut(s, "]")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 || digits[0] == '+' {
		return PathStep{}, "", false
	}
	return PathStep{Index: n, IsIndex: true}, rest, true
}

// Pick returns the part of a JSON text that a field path leads to, as JSON text:
// the original bytes, so that a large number keeps its digits.
//
// ErrInvalid when the path is not valid or the text is not JSON, ErrNotFound
// when the value has no such field. The errors hold the path and nothing of the
// text.
func Pick(text []byte, path string) (json.RawMessage, *Error) {
	steps, err := ParsePath(path)
	if err != nil {
		return nil, err
	}
	switch {
	case json.Valid(text):
	case !utf8.Valid(text):
		return nil, Errorf(CodeInvalid, "field %s cannot be read: the value is binary, so it has no fields", Quote(path)).
			WithHint("leave out the field").At("field")
	default:
		return nil, Errorf(CodeInvalid, "field %s cannot be read: the value is not JSON", Quote(path)).At("field")
	}
	current := json.RawMessage(bytes.TrimSpace(text))
	for _, s := range steps {
		next, ok := s.into(current)
		if !ok {
			return nil, Errorf(CodeNotFound, "the value has no field %s", Quote(path)).At("field")
		}
		current = next
	}
	return current, nil
}

func (s PathStep) into(text json.RawMessage) (json.RawMessage, bool) {
	if s.IsIndex {
		var list []json.RawMessage
		if json.Unmarshal(text, &list) != nil || s.Index >= len(list) {
			return nil, false
		}
		return list[s.Index], true
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil {
		return nil, false
	}
	part, ok := object[s.Name]
	return part, ok
}
