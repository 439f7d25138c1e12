// SPDX-License-Identifier: MPL-2.0

package projectfiles

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The YAML nodes of the objects that files declare.

// attributeKeys are the keys of a kind that a pull writes.
func attributeKeys(k backend.Kind) []string {
	switch k {
	case backend.KindProject:
		return []string{"was", "description", "labels", "policy"}
	case backend.KindSecretType:
		return typeKeys
	case backend.KindEnvironment:
		return []string{"was", "description", "labels", "protected", "kms_key"}
	case backend.KindSecret:
		return slices.DeleteFunc(slices.Clone(secretKeys), func(k string) bool { return k == "generate" })
	}
	return valueKeys
}

// attributeNodes returns the keys and values of an object's attributes, without those that have their default. present
// is the mapping in the file, whose form of a value stays.
func attributeNodes(kind backend.Kind, d Declared, present *yaml.Node) ([]pair, error) {
	var out []pair
	add := func(key string, v any) error {
		encoded, err := json.Marshal(v)
		if err == nil {
			var n *yaml.Node
			if n, err = nodeOf(encoded); err == nil {
				out = append(out, pair{text(key), n})
			}
		}
		return err
	}
	addText := func(key, value string) {
		if value != "" {
			out = append(out, pair{text(key), text(value)})
		}
	}
	addText("display_name", d.DisplayName)
	addText("type", d.Type)
	addText("visibility", string(d.Visibility))
	var err error
	switch present := present; {
	case d.Link != nil:
		addText("secret", d.Link.Secret)
		addText("field", d.Link.Field)
	case d.Value == nil:
	case valueOf(present, "json") != nil || !fitsYAML(d.Value):
		addText("json", string(d.Value))
	default:
		err = add("value", d.Value)
	}
	addText("description", d.Description)
	if err == nil && len(d.Labels) > 0 {
		err = add("labels", d.Labels)
	}
	if err == nil && d.Protected {
		err = add("protected", true)
	}
	addText("kms_key", d.KMSKey)
	if err == nil && d.RotationDays != 0 {
		err = add("rotation_days", d.RotationDays)
	}
	if !d.ExpiresAt.IsZero() {
		addText("expires_at", timeText(d.ExpiresAt, present))
	}
	if err == nil && d.Policy != nil && kind == backend.KindProject {
		err = add("policy", d.Policy)
	}
	if err == nil && d.Schema != nil {
		err = add("schema", d.Schema)
	}
	return out, err
}

// timeText returns a time as the file has it, if that is the same time.
func timeText(at time.Time, present *yaml.Node) string {
	if n := valueOf(present, "expires_at"); n != nil {
		if there, err := parseTime(n.Value); err == nil && there.Equal(at) {
			return n.Value
		}
	}
	return at.Format(time.RFC3339)
}

// merge gives a mapping the wanted keys of those that a pull writes. It leaves a value that is the same as it is, with
// its comments.
func merge(n *yaml.Node, wanted []pair, keys []string) {
	if n.Style == yaml.FlowStyle {
		n.Style = 0
	}
	for _, key := range keys {
		if !slices.ContainsFunc(wanted, func(p pair) bool { return p.key.Value == key }) {
			removeKey(n, key)
		}
	}
	sections := len(n.Content) // new attributes come before the sections of other objects
	for i := 0; i+1 < len(n.Content); i += 2 {
		if slices.Contains([]string{"types", "secrets", "values", "scopes"}, n.Content[i].Value) {
			sections = i
			break
		}
	}
	for _, p := range wanted {
		present := valueOf(n, p.key.Value)
		switch {
		case present == nil:
			n.Content = slices.Insert(n.Content, sections, p.key, p.value)
			sections += 2
		case sameNode(present, p.value):
		case present.Kind == yaml.MappingNode && p.value.Kind == yaml.MappingNode:
			var all []string
			for _, q := range pairs(present) {
				all = append(all, q.key.Value)
			}
			merge(present, pairs(p.value), all)
		default:
			head, line, foot := present.HeadComment, present.LineComment, present.FootComment
			*present = *p.value
			present.HeadComment, present.LineComment, present.FootComment = head, line, foot
		}
	}
}

func sameNode(x, y *yaml.Node) bool {
	f := &file{}
	a, errA := f.json(x)
	b, errB := f.json(y)
	return errA == nil && errB == nil && backend.EqualJSON(a, b)
}

// text returns the node of a string.
func text(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.Contains(s, "\n") && !strings.ContainsAny(s, "\r\u0085\u2028\u2029\ufeff") {
		n.Style = yaml.LiteralStyle
	}
	if isAmbiguous(s) {
		n.Style = yaml.SingleQuotedStyle
	}
	return n
}

// nodeOf returns the node of a JSON text. The members of an object keep their order.
func nodeOf(encoded []byte) (*yaml.Node, error) {
	d := json.NewDecoder(bytes.NewReader(encoded))
	d.UseNumber()
	return nextNode(d)
}

func nextNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	scalar := func(tag, value string) (*yaml.Node, error) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}, nil
	}
	switch t := token.(type) {
	case nil:
		return scalar("!!null", "null")
	case bool:
		return scalar("!!bool", strconv.FormatBool(t))
	case json.Number:
		if strings.ContainsAny(t.String(), ".eE") {
			return scalar("!!float", t.String())
		}
		return scalar("!!int", t.String())
	case string:
		return text(t), nil
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if token == json.Delim('[') {
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
	}
	for d.More() {
		c, err := nextNode(d)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, c)
	}
	_, err = d.Token()
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	return n, err
}

// fitsYAML reports whether a JSON text is the same document after it was written as YAML and read again.
func fitsYAML(value json.RawMessage) bool {
	n, err := nodeOf(value)
	if err != nil {
		return false
	}
	root := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{text("value"), n}}
	encoded, err := encode(&yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}})
	if err != nil {
		return false
	}
	f, err := parseFile("", encoded)
	if err != nil {
		return false
	}
	again, err := f.json(valueOf(f.root, "value"))
	return err == nil && backend.EqualJSON(again, value)
}
