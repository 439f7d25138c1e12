// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// resourceList is the input of a KRM function: Kubernetes resources and the
// configuration of the function. It is parsed to read it. The output is made
// from its bytes, and not from the parsed form, which has lost comments.
type resourceList struct {
	data []byte
	root *yaml.Node
}

func parseResourceList(data []byte) (*resourceList, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil || len(document.Content) == 0 {
		// The parser's error may quote the input, which may hold a secret.
		return nil, backend.Errorf(backend.CodeInvalid, "standard input is not valid YAML").
			WithHint("call krm from kustomize or kpt, or use pouncet render for a file")
	}
	l := &resourceList{data, document.Content[0]}
	if kind := scalarText(child(l.root, "kind")); !strings.HasSuffix(kind, "List") || child(l.root, "items") == nil {
		return nil, backend.Errorf(backend.CodeInvalid, "standard input is not a ResourceList").
			WithHint("call krm from kustomize or kpt, or use pouncet render for a file")
	}
	return l, nil
}

// krmSettings are the settings of functionConfig, in spec or, for a ConfigMap,
// in data.
type krmSettings struct{ environment, project, scope, missing, noEnvVar string }

func (l *resourceList) settings() (krmSettings, error) {
	var s krmSettings
	fields := map[string]*string{
		"environment": &s.environment, "project": &s.project, "scope": &s.scope,
		"missing": &s.missing, "noEnvVar": &s.noEnvVar,
	}
	config, section := child(l.root, "functionConfig"), "spec"
	if scalarText(child(config, "kind")) == "ConfigMap" {
		section = "data"
	}
	for key, value := range pairs(child(config, section)) {
		field, known := fields[key.Value]
		switch {
		case !known:
			return s, backend.Errorf(backend.CodeInvalid, "functionConfig: field %s is not supported",
				backend.Quote(section+"."+key.Value)).
				WithHint("use environment, project, scope, missing or noEnvVar")
		case value.Kind != yaml.ScalarNode:
			return s, backend.Errorf(backend.CodeInvalid, "functionConfig: %s.%s must be a string", section, key.Value)
		case value.Value == "":
			return s, backend.Errorf(backend.CodeInvalid, "functionConfig: %s.%s is empty", section, key.Value).
				WithHint("give it a value, or remove it")
		}
		*field = value.Value
	}
	return s, nil
}

// krmResult is a result as the KRM functions specification defines it. It has no
// line number: orchestrators encode the resources again, so the line numbers
// differ from the numbers in the file.
type krmResult struct {
	Message     string       `yaml:"message"`
	Severity    string       `yaml:"severity"`
	ResourceRef *resourceRef `yaml:"resourceRef,omitempty"`
	Field       *krmField    `yaml:"field,omitempty"`
	File        *krmFile     `yaml:"file,omitempty"`
}

type resourceRef struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Name       string `yaml:"name"`
	Namespace  string `yaml:"namespace,omitempty"`
}

type krmField struct {
	Path string `yaml:"path"`
}

type krmFile struct {
	Path  string `yaml:"path"`
	Index string `yaml:"index,omitempty"`
}

// String returns the result as one line: file, resource, field and message.
func (r krmResult) String() string {
	var parts []string
	if r.File != nil {
		parts = append(parts, r.File.Path)
	}
	if r.ResourceRef != nil {
		parts = append(parts, r.ResourceRef.Kind+" "+r.ResourceRef.Name)
	}
	if r.Field != nil {
		parts = append(parts, r.Field.Path)
	}
	return strings.Join(append(parts, r.Message), ": ")
}

// result returns a problem as a result, with its resource and field.
func (l *resourceList) result(p interpolate.Problem, severity string) krmResult {
	r := krmResult{Message: strings.TrimPrefix(p.Error(), p.Pos.String()+": "), Severity: severity}
	node, path := nodesAt(l.root, p.Pos, nil)
	if len(path) > 1 && path[0] == "items" {
		r.ResourceRef, r.File = identifyResource(node[1])
		path = path[2:]
	}
	if len(path) > 0 {
		r.Field = &krmField{strings.Join(path, ".")}
	}
	return r
}

// identifyResource returns the reference of a resource, and its file if the
// orchestrator gives it.
func identifyResource(resource *yaml.Node) (*resourceRef, *krmFile) {
	metadata := child(resource, "metadata")
	ref := &resourceRef{
		scalarText(child(resource, "apiVersion")), scalarText(child(resource, "kind")),
		scalarText(child(metadata, "name")), scalarText(child(metadata, "namespace")),
	}
	if ref.Kind == "" || ref.Name == "" {
		ref = nil // the specification requires both fields
	}
	annotations := child(metadata, "annotations")
	for _, prefix := range []string{"internal.config.kubernetes.io/", "config.kubernetes.io/"} {
		if path := scalarText(child(annotations, prefix+"path")); path != "" {
			return ref, &krmFile{path, scalarText(child(annotations, prefix+"index"))}
		}
	}
	// Kustomize writes this annotation if buildMetadata has originAnnotations.
	var origin struct{ Path string }
	text := scalarText(child(annotations, "config.kubernetes.io/origin"))
	if err := yaml.Unmarshal([]byte(text), &origin); err == nil && origin.Path != "" {
		return ref, &krmFile{Path: origin.Path}
	}
	return ref, nil
}

// nodesAt returns the nodes on the way to a position, from the outermost child
// on, and the path of their names.
func nodesAt(n *yaml.Node, pos interpolate.Position, nodes []*yaml.Node) (all []*yaml.Node, path []string) {
	startsBefore := func(n *yaml.Node) bool {
		return n.Line < pos.Line || n.Line == pos.Line && n.Column <= pos.Column
	}
	var next *yaml.Node
	var name string
	switch n.Kind {
	case yaml.SequenceNode:
		for i, item := range n.Content {
			if startsBefore(item) {
				next, name = item, fmt.Sprint(i)
			}
		}
	case yaml.MappingNode:
		for key, value := range pairs(n) {
			if startsBefore(key) {
				next, name = value, fieldName(key.Value)
			}
		}
	}
	if next == nil {
		return nodes, nil
	}
	all, path = nodesAt(next, pos, append(nodes, next))
	return all, append([]string{name}, path...)
}

// fieldName returns a key as a part of a path, in which a dot separates keys.
func fieldName(key string) string {
	if strings.Contains(key, ".") {
		return "[" + key + "]"
	}
	return key
}

// withResults returns the list with results appended. If they cannot be
// appended, as to a list in JSON, it returns the list unchanged: the results are
// on standard error too.
func (l *resourceList) withResults(list []byte, results []krmResult) []byte {
	if len(results) == 0 || child(l.root, "results") != nil || l.root.Style&yaml.FlowStyle != 0 ||
		!bytes.HasSuffix(list, []byte("\n")) {
		return list
	}
	more, err := yaml.Marshal(map[string][]krmResult{"results": results})
	if err != nil {
		panic(err) // a defect in this program: the results are strings
	}
	longer := slices.Concat(list, more)
	var document yaml.Node
	err = yaml.Unmarshal(longer, &document)
	if err != nil || len(document.Content[0].Content) != len(l.root.Content)+2 {
		return list
	}
	return longer
}

// child returns the value of a key in a mapping, or nil.
func child(n *yaml.Node, name string) *yaml.Node {
	for key, value := range pairs(n) {
		if key.Value == name {
			return value
		}
	}
	return nil
}

// pairs yields the keys and values of a mapping, and nothing for another node.
func pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			value := n.Content[i+1]
			if value.Kind == yaml.AliasNode {
				value = value.Alias
			}
			if !yield(n.Content[i], value) {
				return
			}
		}
	}
}

func scalarText(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}
