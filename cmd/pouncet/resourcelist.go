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

// resourceList is what a KRM function gets: Kubernetes resources, and the
// function's configuration. It is parsed to find out what it says, and never
// written from what was parsed.
type resourceList struct {
	data []byte
	root *yaml.Node
}

func parseResourceList(data []byte) (*resourceList, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil || len(document.Content) == 0 {
		// The parser's own error may quote what it read.
		return nil, backend.Errorf(backend.CodeInvalid, "standard input is not YAML").
			WithHint("run it as a function of kustomize or kpt; for a file there is pouncet render")
	}
	l := &resourceList{data, document.Content[0]}
	if kind := text(child(l.root, "kind")); !strings.HasSuffix(kind, "List") || child(l.root, "items") == nil {
		return nil, backend.Errorf(backend.CodeInvalid, "standard input is not a ResourceList").
			WithHint("run it as a function of kustomize or kpt; for a file there is pouncet render")
	}
	return l, nil
}

// krmSettings are what functionConfig may say, in spec or, where it is a
// ConfigMap, in data.
type krmSettings struct{ environment, project, scope, missing, noEnvVar string }

func (l *resourceList) settings() (krmSettings, error) {
	var s krmSettings
	fields := map[string]*string{
		"environment": &s.environment, "project": &s.project, "scope": &s.scope, "missing": &s.missing, "noEnvVar": &s.noEnvVar,
	}
	config, place := child(l.root, "functionConfig"), "spec"
	if text(child(config, "kind")) == "ConfigMap" {
		place = "data"
	}
	for key, value := range pairs(child(config, place)) {
		field, known := fields[key.Value]
		switch {
		case !known:
			return s, backend.Errorf(backend.CodeInvalid, "functionConfig: %s has no %s", place, backend.Quote(key.Value)).
				WithHint("it has environment, project, scope, missing and noEnvVar")
		case value.Kind != yaml.ScalarNode:
			return s, backend.Errorf(backend.CodeInvalid, "functionConfig: %s.%s is not a string", place, key.Value)
		}
		*field = value.Value
	}
	return s, nil
}

// krmResult is one result, as the KRM functions specification has it. A line is
// not in it: what orchestrators hand over was written anew, and has other lines
// than the file.
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

// String is one line: the file, the resource, the field, and what is wrong.
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

// result says of a problem in which resource it is, and in which of its fields.
func (l *resourceList) result(p interpolate.Problem, severity string) krmResult {
	r := krmResult{Message: strings.TrimPrefix(p.Error(), p.Pos.String()+": "), Severity: severity}
	node, path := at(l.root, p.Pos, nil)
	if len(path) > 1 && path[0] == "items" {
		r.ResourceRef, r.File = describe(node[1])
		path = path[2:]
	}
	if len(path) > 0 {
		r.Field = &krmField{strings.Join(path, ".")}
	}
	return r
}

// describe is how a resource is called, and where it came from as far as the
// orchestrator says.
func describe(resource *yaml.Node) (*resourceRef, *krmFile) {
	metadata := child(resource, "metadata")
	ref := &resourceRef{
		text(child(resource, "apiVersion")), text(child(resource, "kind")), text(child(metadata, "name")), text(child(metadata, "namespace")),
	}
	if ref.Kind == "" || ref.Name == "" {
		ref = nil // the specification requires both
	}
	annotations := child(metadata, "annotations")
	for _, prefix := range []string{"internal.config.kubernetes.io/", "config.kubernetes.io/"} {
		if path := text(child(annotations, prefix+"path")); path != "" {
			return ref, &krmFile{path, text(child(annotations, prefix+"index"))}
		}
	}
	// What kustomize build says, if it is asked to.
	var origin struct{ Path string }
	if err := yaml.Unmarshal([]byte(text(child(annotations, "config.kubernetes.io/origin"))), &origin); err == nil && origin.Path != "" {
		return ref, &krmFile{Path: origin.Path}
	}
	return ref, nil
}

// at finds the nodes, from the outermost child on, that lead to a position, and
// what they are called.
func at(n *yaml.Node, pos interpolate.Position, nodes []*yaml.Node) (found []*yaml.Node, path []string) {
	begun := func(n *yaml.Node) bool {
		return n.Line < pos.Line || n.Line == pos.Line && n.Column <= pos.Column
	}
	var next *yaml.Node
	var name string
	switch n.Kind {
	case yaml.SequenceNode:
		for i, item := range n.Content {
			if begun(item) {
				next, name = item, fmt.Sprint(i)
			}
		}
	case yaml.MappingNode:
		for key, value := range pairs(n) {
			if begun(key) {
				next, name = value, fieldName(key.Value)
			}
		}
	}
	if next == nil {
		return nodes, nil
	}
	found, path = at(next, pos, append(nodes, next))
	return found, append([]string{name}, path...)
}

// fieldName is a key within a path, where a dot parts keys.
func fieldName(key string) string {
	if strings.Contains(key, ".") {
		return "[" + key + "]"
	}
	return key
}

// withResults is the list with results added at its end. Where the form of the
// list leaves no room for them, as in JSON, it is the list as it came: standard
// error has the results as well.
func (l *resourceList) withResults(list []byte, results []krmResult) []byte {
	if len(results) == 0 || child(l.root, "results") != nil || l.root.Style&yaml.FlowStyle != 0 || !bytes.HasSuffix(list, []byte("\n")) {
		return list
	}
	more, err := yaml.Marshal(map[string][]krmResult{"results": results})
	if err != nil {
		panic(err) // a defect: these are strings
	}
	longer := slices.Concat(list, more)
	var document yaml.Node
	if err := yaml.Unmarshal(longer, &document); err != nil || len(document.Content[0].Content) != len(l.root.Content)+2 {
		return list
	}
	return longer
}

// child is the value of a key in a mapping, or nil.
func child(n *yaml.Node, name string) *yaml.Node {
	for key, value := range pairs(n) {
		if key.Value == name {
			return value
		}
	}
	return nil
}

// pairs are the keys and values of a mapping; of anything else there are none.
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

func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}
