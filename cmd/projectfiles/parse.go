// SPDX-License-Identifier: MPL-2.0

package projectfiles

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// How a YAML file becomes nodes whose keys and types are known.

// file is one parsed file.
type file struct {
	name     string // within DIR, with slashes
	text     []byte
	document *yaml.Node
	root     *yaml.Node // a mapping
}

// at returns an error about a position in the file.
func (f *file) at(n *yaml.Node, format string, args ...any) *backend.Error {
	line := 1
	if n != nil {
		line = n.Line
	}
	return backend.Errorf(backend.CodeInvalid, "%s:%d: %s", f.name, line, fmt.Sprintf(format, args...))
}

// parseFile parses one YAML document, which must be a mapping without aliases.
func parseFile(name string, text []byte) (*file, error) {
	f := &file{name: name, text: text, document: &yaml.Node{}}
	if len(text) > MaxFileBytes {
		return nil, backend.Errorf(backend.CodeTooLarge, "%s has %d bytes; the limit is %d", name, len(text), MaxFileBytes)
	}
	if err := refuseConflicts(name, text); err != nil {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, f.at(nil, "the file is not UTF-8")
	}
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithUniqueKeys(false))
	if err == nil {
		err = loader.Load(f.document)
	}
	switch {
	case err != nil && isEmptyDocument(text):
		f.document = &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}}
	case err != nil:
		return nil, invalidYAML(name, err)
	default:
		if loader.Load(&yaml.Node{}) == nil {
			return nil, f.at(nil, "the file has more than one document").WithHint("remove the line ---")
		}
	}
	if len(f.document.Content) == 1 {
		f.root = f.document.Content[0]
	}
	if f.root == nil || f.root.Kind != yaml.MappingNode {
		return nil, f.at(f.root, "the file must be a mapping")
	}
	return f, f.checkNodes(f.root, 0)
}

func isEmptyDocument(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// invalidYAML says what is wrong with a file, and where, in the form of the other errors.
func invalidYAML(name string, err error) *backend.Error {
	var load *yaml.LoadError
	if !errors.As(err, &load) || load.Mark.Line == 0 {
		return backend.Errorf(backend.CodeInvalid, "%s: invalid YAML: %s", name, oneLine(err.Error()))
	}
	return backend.Errorf(backend.CodeInvalid, "%s:%d: invalid YAML: %s", name, load.Mark.Line, oneLine(load.Message))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// refuseConflicts refuses a file with the markers of a merge conflict.
func refuseConflicts(name string, text []byte) error {
	line := 0
	for l := range bytes.Lines(text) {
		line++
		if bytes.HasPrefix(l, []byte("<<<<<<< ")) || bytes.HasPrefix(l, []byte(">>>>>>> ")) {
			return backend.Errorf(backend.CodeInvalid, "%s:%d: the file has the markers of a merge conflict", name, line).
				WithHint("choose one side of each conflict; for pouncet.lock, either is right: then run pouncet pull")
		}
	}
	return nil
}

// checkNodes refuses aliases, keys that are no text, duplicate keys and deep nesting.
func (f *file) checkNodes(n *yaml.Node, depth int) error {
	if depth > backend.MaxJSONDepth {
		return f.at(n, "the file nests deeper than %d levels", backend.MaxJSONDepth)
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return f.at(n, "anchors and aliases are not supported").WithHint("write the value in each place")
	}
	if n.Kind == yaml.MappingNode {
		seen := make(map[string]bool, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				return f.at(key, "a key must be a text")
			}
			if seen[key.Value] {
				return f.at(key, "the key %s is given twice", backend.Quote(key.Value)).WithHint("remove one of them")
			}
			seen[key.Value] = true
		}
	}
	for _, c := range n.Content {
		if err := f.checkNodes(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// isNull reports whether a node stands for no value, as after a key at the end of a line.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// pair is a key of a mapping with its value.
type pair struct{ key, value *yaml.Node }

func pairs(n *yaml.Node) []pair {
	out := make([]pair, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, pair{n.Content[i], n.Content[i+1]})
	}
	return out
}

// valueOf returns the value of a key of a mapping, or nil if the mapping does not have the key.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n == nil {
		return nil
	}
	for _, p := range pairs(n) {
		if p.key.Value == key {
			return p.value
		}
	}
	return nil
}

// section returns the mapping of a key: nil if it is absent or has nothing.
func (f *file) section(n *yaml.Node, key string) (*yaml.Node, error) {
	m := valueOf(n, key)
	if m == nil || isNull(m) {
		return nil, nil
	}
	if m.Kind != yaml.MappingNode {
		return nil, f.at(m, "%s must be a mapping", key)
	}
	return m, nil
}

// known refuses keys that a mapping cannot have.
func (f *file) known(n *yaml.Node, what string, keys ...string) error {
	for _, p := range pairs(n) {
		if slices.Contains(keys, p.key.Value) {
			continue
		}
		err := f.at(p.key, "%s has no key %s", what, backend.Quote(p.key.Value))
		return err.WithHint("%s", suggest.Hint(suggest.Name(p.key.Value, keys), "the keys are "+strings.Join(keys, ", ")))
	}
	return nil
}

// decode sets a field from the value of a key, if the mapping has the key. A value of another type is an error.
func decode[T any](f *file, n *yaml.Node, key string, to *T) error {
	value := valueOf(n, key)
	if value == nil {
		return nil
	}
	if isNull(value) {
		return f.at(value, "%s has no value", key).WithHint("give one, or remove the key")
	}
	text, err := f.json(value)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			if wrong.Field != "" {
				key += "." + wrong.Field
			}
			given, _, _ := strings.Cut(wrong.Value, " ") // a number that is too large follows its kind
			if _, ok := any(to).(*map[string]string); ok && wrong.Type.Kind() == reflect.String {
				key = "each value of " + key
			}
			return f.at(value, "%s must be a %s, not a %s", key, typeName(wrong.Type.Kind().String()),
				cmp.Or(map[string]string{"array": "list", "object": "mapping", "bool": "boolean"}[given], given))
		}
		return f.at(value, "%s is not valid: %s", key, oneLine(err.Error()))
	}
	return nil
}

// typeName returns the word of the documentation for a type of Go.
func typeName(kind string) string {
	return map[string]string{"int": "number", "bool": "boolean: true or false", "map": "mapping", "struct": "mapping",
		"ptr": "mapping"}[kind] + map[bool]string{true: kind}[kind == "string"]
}

// json returns the JSON of a YAML node. Numbers keep their digits, as far as JSON has their form.
func (f *file) json(n *yaml.Node) (json.RawMessage, error) {
	var b bytes.Buffer
	err := f.addJSON(&b, n)
	return b.Bytes(), err
}

func (f *file) addJSON(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i, p := range pairs(n) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(quoted(p.key.Value))
			b.WriteByte(':')
			if err := f.addJSON(b, p.value); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, c := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := f.addJSON(b, c); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	}
	if n.Style == 0 && isAmbiguous(n.Value) {
		return f.at(n, "%s is a text in YAML 1.2, and means true or false in YAML 1.1", backend.Quote(n.Value)).
			WithHint("write the text in quotes, or write true or false")
	}
	text, err := scalarJSON(n)
	if err != nil {
		return f.at(n, "%s", err.Error())
	}
	b.Write(text)
	return nil
}

// isAmbiguous reports whether an unquoted word is true or false in YAML 1.1, which many programs parse, and a text in
// YAML 1.2.
func isAmbiguous(word string) bool {
	return slices.Contains([]string{"yes", "no", "on", "off"}, strings.ToLower(word))
}

func scalarJSON(n *yaml.Node) ([]byte, error) {
	switch n.ShortTag() {
	case "!!null":
		return []byte("null"), nil
	case "!!bool":
		return []byte(strings.ToLower(n.Value)), nil
	case "!!int":
		if json.Valid([]byte(n.Value)) {
			return []byte(n.Value), nil
		}
		i, ok := new(big.Int).SetString(strings.ReplaceAll(n.Value, "_", ""), 0)
		if !ok {
			return nil, fmt.Errorf("the number %s cannot be parsed", backend.Quote(n.Value))
		}
		return []byte(i.String()), nil
	case "!!float":
		if json.Valid([]byte(n.Value)) {
			return []byte(n.Value), nil
		}
		x, err := strconv.ParseFloat(n.Value, 64)
		text, jsonErr := json.Marshal(x)
		if err != nil || jsonErr != nil {
			return nil, fmt.Errorf("%s is not a valid JSON number", backend.Quote(n.Value))
		}
		return text, nil
	case "!!str", "!!timestamp":
		return quoted(n.Value), nil
	}
	return nil, fmt.Errorf("the tag %s is not supported", backend.Quote(n.Tag))
}

// quoted returns the JSON string of a text.
func quoted(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string can always be encoded
	}
	return bytes.TrimSpace(b.Bytes())
}
