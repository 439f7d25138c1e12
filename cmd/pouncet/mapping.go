// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// parseMapping parses a rendered YAML or JSON file of names and scalars, with all its documents. It skips a name whose
// value is null.
func parseMapping(f interpolate.File) ([]interpolate.Variable, error) {
	text := bytes.TrimPrefix(f.Data, []byte("\ufeff"))
	isJSON := interpolate.FormatOf(f.Name) == interpolate.FormatJSON
	// YAML has no surrogate pairs, which JSON needs for characters beyond U+FFFF.
	if variables, err := parseJSONMapping(f.Name, text); isJSON || err == nil && len(variables) > 0 {
		return variables, err
	}
	return parseYAMLMapping(f.Name, text)
}

func mappingError(file string, line int, reason string) error {
	return backend.Errorf(backend.CodeInvalid, "%s:%d: %s", file, line, reason).
		WithHint("write a mapping such as NAME: value, or let the name of a file with NAME=value lines end with .env")
}

const (
	needsMapping = "a file of variables must be a mapping"
	needsScalar  = "a variable must be a scalar"
)

func parseYAMLMapping(file string, text []byte) ([]interpolate.Variable, error) {
	var variables []interpolate.Variable
	documents := yaml.NewDecoder(bytes.NewReader(text))
	for last := 1; ; {
		var document yaml.Node
		err := documents.Decode(&document)
		switch {
		case errors.Is(err, io.EOF):
			return variables, nil
		case err != nil:
			return nil, mappingError(file, last, "invalid YAML")
		case len(document.Content) == 0:
			continue
		}
		root := document.Content[0]
		last = root.Line
		switch {
		case root.Kind == yaml.ScalarNode && root.Tag == "!!null":
			continue // an empty document
		case root.Kind != yaml.MappingNode:
			return nil, mappingError(file, root.Line, needsMapping)
		}
		for i := 0; i+1 < len(root.Content); i += 2 {
			key, value := root.Content[i], root.Content[i+1]
			last = key.Line
			for value.Kind == yaml.AliasNode {
				value = value.Alias
			}
			switch {
			case key.Kind != yaml.ScalarNode || value.Kind != yaml.ScalarNode:
				return nil, mappingError(file, key.Line, needsScalar)
			case value.Tag == "!!null":
				continue
			}
			variables = append(variables, interpolate.Variable{Name: key.Value, Value: value.Value})
		}
	}
}

// parseJSONMapping keeps each number as it is written.
func parseJSONMapping(file string, text []byte) ([]interpolate.Variable, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	fail := func(reason string) error {
		return mappingError(file, 1+bytes.Count(text[:d.InputOffset()], []byte("\n")), reason)
	}
	if !utf8.Valid(text) {
		return nil, fail("invalid UTF-8")
	}
	var variables []interpolate.Variable
	for {
		open, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return variables, nil
		case err != nil:
			return nil, fail("invalid JSON")
		case open != json.Delim('{'):
			return nil, fail(needsMapping)
		}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, fail("invalid JSON")
			}
			start := d.InputOffset()
			value, err := d.Token()
			if err != nil {
				return nil, fail("invalid JSON")
			}
			x := interpolate.Variable{Name: name.(string)}
			switch value := value.(type) {
			case json.Delim:
				return nil, fail(needsScalar)
			case nil:
				continue
			case string:
				if x.Value = value; strings.Contains(value, "\ufffd") && isHalfCharacter(text[start:d.InputOffset()]) {
					return nil, fail("a string holds half of a surrogate pair")
				}
			case json.Number:
				x.Value = value.String()
			case bool:
				x.Value = map[bool]string{false: "false", true: "true"}[value]
			}
			variables = append(variables, x)
		}
		if _, err := d.Token(); err != nil {
			return nil, fail("invalid JSON")
		}
	}
}

// isHalfCharacter reports whether U+FFFD in a decoded JSON string comes from half of a surrogate pair. A string that
// also contains U+FFFD itself is accepted.
func isHalfCharacter(quoted []byte) bool {
	return !bytes.Contains(quoted, []byte("\ufffd")) && !bytes.Contains(bytes.ToLower(quoted), []byte(`\ufffd`))
}
