// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Pick returns the part of a JSON text that path leads to, as JSON text: the
// original bytes, so that a large number keeps its digits. A path is names
// separated by dots and indexes in brackets, "a.b[0]"; a name that holds a dot
// or a bracket is quoted in brackets, `a["b.c"]` or `a['b.c']`. The empty path
// is the whole.
//
// A path that is not one gives ErrInvalid, one that leads nowhere ErrNotFound,
// and a text that is not JSON ErrInvalid. The errors hold the path and nothing
// of the text.
func Pick(text []byte, path string) (json.RawMessage, *Error) {
	steps, ok := parsePath(path)
	if !ok {
		return nil, Errorf(CodeInvalid, "field path %s is not one", Quote(path)).
			WithHint(`write names separated by dots and indexes in brackets, as in "a.b[0]"`).At("field")
	}
	if !json.Valid(text) {
		return nil, Errorf(CodeInvalid, "field %s was asked for, but the value is not JSON", Quote(path)).At("field")
	}
	current := json.RawMessage(bytes.TrimSpace(text))
	for _, s := range steps {
		next, found := s.into(current)
		if !found {
			return nil, Errorf(CodeNotFound, "the value has no field %s", Quote(path)).At("field")
		}
		current = next
	}
	return current, nil
}

// step is one name or one index of a path.
type step struct {
	name    string
	index   int
	isIndex bool
}

func (s step) into(text json.RawMessage) (json.RawMessage, bool) {
	if s.isIndex {
		var list []json.RawMessage
		if json.Unmarshal(text, &list) != nil || s.index >= len(list) {
			return nil, false
		}
		return list[s.index], true
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil {
		return nil, false
	}
	part, ok := object[s.name]
	return part, ok
}

func parsePath(path string) ([]step, bool) {
	var steps []step
	for rest := path; rest != ""; {
		switch {
		case rest[0] == '[':
			s, after, ok := parseBracket(rest[1:])
			if !ok {
				return nil, false
			}
			steps, rest = append(steps, s), after
		default:
			if len(steps) > 0 {
				if rest[0] != '.' {
					return nil, false
				}
				rest = rest[1:]
			}
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, false
			}
			steps, rest = append(steps, step{name: rest[:end]}), rest[end:]
		}
	}
	return steps, true
}

// parseBracket parses what follows an opening bracket: an index or a quoted name.
func parseBracket(s string) (step, string, bool) {
	if s == "" {
		return step{}, "", false
	}
	if q := s[0]; q == '\'' || q == '"' {
		end := strings.Index(s[1:], string(q)+"]")
		if end < 0 {
			return step{}, "", false
		}
		return step{name: s[1 : 1+end]}, s[end+3:], true
	}
	digits, after, ok := strings.Cut(s, "]")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 || digits[0] == '+' {
		return step{}, "", false
	}
	return step{index: n, isIndex: true}, after, true
}
