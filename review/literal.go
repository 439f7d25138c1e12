// SPDX-License-Identifier: MPL-2.0

package review

import (
	"maps"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// A literal name of an object that the same configuration declares gives Terraform no order between the two.
// LiteralNames finds such names in the files of a module, and Plan.LiteralNames finds those whose object a plan
// changes. This file has what both share.

// nameArgument is an argument that names another object.
type nameArgument struct {
	path   string // the argument, with "*" for any key or index
	kind   backend.Kind
	prefix string // of the name in the argument
}

// name returns the name in the text of the argument, or "" if the text names another kind of object.
func (a nameArgument) name(text string) string {
	name, ok := strings.CutPrefix(text, a.prefix)
	if !ok {
		return ""
	}
	return name
}

// value returns the expression for the argument that refers to a name.
func (a nameArgument) value(reference string) string {
	if a.prefix == "" {
		return reference
	}
	return `"` + a.prefix + "${" + reference + `}"`
}

// label returns the argument as a message names it.
func (a nameArgument) label() string {
	label, _, _ := strings.Cut(a.path, ".*")
	return label
}

// first returns the name of the argument itself, without the path in it.
func (a nameArgument) first() string {
	first, _, _ := strings.Cut(a.path, ".")
	return first
}

// declaringTypes lists the types of the resources that declare an object.
var declaringTypes = map[string]backend.Kind{
	"pouncet_project":      backend.KindProject,
	"pouncet_environment":  backend.KindEnvironment,
	"pouncet_secret_type":  backend.KindSecretType,
	"pouncet_secret":       backend.KindSecret,
	"pouncet_scoped_value": backend.KindScopedValue,
	"pouncet_role":         backend.KindRole,
	"pouncet_group":        backend.KindGroup,
	"pouncet_role_binding": backend.KindBinding,
	"pouncet_oidc_trust":   backend.KindTrust,
}

// nameOf returns the argument that has the name of an object of a kind.
func nameOf(kind backend.Kind) string {
	if kind == backend.KindSecretType {
		return "key"
	}
	return "name"
}

var (
	projectArgument     = nameArgument{path: "project", kind: backend.KindProject}
	environmentArgument = nameArgument{path: "environment", kind: backend.KindEnvironment}
	typeArgument        = nameArgument{path: "type", kind: backend.KindSecretType}
)

// NameArgumentPaths returns the paths of the arguments that name another object, by mode and type of their block. A
// test compares them with the schemas of the provider, on which this package does not depend.
func NameArgumentPaths() map[string][]string {
	paths := map[string][]string{}
	for block, arguments := range nameArguments {
		for _, a := range arguments {
			paths[block] = append(paths[block], a.path)
		}
	}
	return paths
}

// nameArguments lists the arguments that name another object, by mode and type of their block. The arguments of
// pouncet_config_references are not in the list: it reads files while Terraform plans, which a reference can delay.
var nameArguments = map[string][]nameArgument{
	"managed pouncet_environment": {projectArgument},
	"managed pouncet_secret_type": {projectArgument},
	"managed pouncet_secret":      {projectArgument, environmentArgument, typeArgument},
	"managed pouncet_scoped_value": {projectArgument, environmentArgument,
		{path: "from_secret.name", kind: backend.KindSecret}},

	"managed pouncet_role_binding": {projectArgument, environmentArgument, {path: "role", kind: backend.KindRole},
		{path: "to", kind: backend.KindGroup, prefix: backend.ToGroup},
		{path: "to", kind: backend.KindTrust, prefix: backend.ToTrust}},
	"managed pouncet_group": {{path: "members.*", kind: backend.KindTrust, prefix: backend.ToTrust}},

	"data pouncet_role":         {{path: "name", kind: backend.KindRole}},
	"data pouncet_group":        {{path: "name", kind: backend.KindGroup}},
	"data pouncet_role_binding": {{path: "name", kind: backend.KindBinding}},
	"data pouncet_oidc_trust":   {{path: "name", kind: backend.KindTrust}},

	"data pouncet_project":         {{path: "name", kind: backend.KindProject}},
	"data pouncet_environment":     {projectArgument, {path: "name", kind: backend.KindEnvironment}},
	"data pouncet_environments":    {projectArgument},
	"data pouncet_secret_type":     {projectArgument, {path: "key", kind: backend.KindSecretType}},
	"data pouncet_secret_types":    {projectArgument},
	"data pouncet_secret":          {projectArgument, environmentArgument, {path: "name", kind: backend.KindSecret}},
	"data pouncet_secrets":         {projectArgument, environmentArgument, typeArgument},
	"data pouncet_secret_versions": {projectArgument, environmentArgument, {path: "name", kind: backend.KindSecret}},
	"data pouncet_report":          {projectArgument, environmentArgument},
	"data pouncet_scoped_value":    {projectArgument, environmentArgument, {path: "name", kind: backend.KindScopedValue}},
	"data pouncet_scoped_values":   {projectArgument, environmentArgument},
	"data pouncet_usages":          {projectArgument, environmentArgument},
	"data pouncet_audit_records":   {projectArgument},

	"ephemeral pouncet_secret_value": {projectArgument, environmentArgument, {path: "name", kind: backend.KindSecret}},
	"ephemeral pouncet_secret_values": {projectArgument, environmentArgument,
		{path: "names.*", kind: backend.KindSecret}, {path: "secrets.*.name", kind: backend.KindSecret},
		{path: "secrets.*.environment", kind: backend.KindEnvironment}},
	"ephemeral pouncet_rendered_configuration": {projectArgument, environmentArgument},
}

// isExact reports whether a block names an entry by its exact place, and not by the lookup order.
func isExact(mode string) bool { return mode == "data" }

// literalHint returns the hint for a literal name at path of an argument that can refer to reference instead.
func literalHint(path, reference string) string {
	first, _, nested := strings.Cut(path, ".")
	switch {
	case !nested:
		return "write " + path + " = " + reference
	case path == "from_secret.name":
		return "write " + first + " = { name = " + reference + " }"
	}
	return "write " + reference + " in " + first
}

// references is a graph of what the blocks of a configuration refer to: the names of nodes, by the name of a node.
type references map[string][]string

// ordered reports whether Terraform knows an order between two blocks, because one refers to the other, directly or
// through other blocks.
func (r references) ordered(a, b string) bool { return r.reaches(a, b) || r.reaches(b, a) }

func (r references) reaches(from, to string) bool {
	seen := map[string]bool{from: true}
	for next := []string{from}; len(next) > 0; {
		node := next[len(next)-1]
		next = next[:len(next)-1]
		for _, n := range r[node] {
			if n == to {
				return true
			}
			if !seen[n] {
				seen[n] = true
				next = append(next, n)
			}
		}
	}
	return false
}

// sortedKeys returns the keys of a map, sorted, so that equal inputs give equal findings.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
