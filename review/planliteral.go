// SPDX-License-Identifier: MPL-2.0

package review

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// planInstance is an instance of a resource, or of a data source, whose arguments can name objects.
type planInstance struct {
	Address string          `json:"address"`
	Mode    string          `json:"mode"`
	Type    string          `json:"type"`
	Index   json.RawMessage `json:"index"`
	node    string          // its block in the configuration: the address without indexes

	before, after *plannedObject
	replaced      bool
}

// LiteralNames returns a finding for each literal name of an object that the plan creates, renames, replaces or
// deletes. Terraform knows no order between the two, unless one of them refers to the other. A plan has no positions,
// so the findings are at the start of the file.
func (p *Plan) LiteralNames(file string) []Finding {
	var changed []planInstance
	for _, i := range p.instances {
		if i.Mode == "managed" && declaringTypes[i.Type] != "" && (i.replaced || i.name(i.before) != i.name(i.after)) {
			changed = append(changed, i)
		}
	}
	var findings []Finding
	reported := map[string]bool{}
	for _, i := range p.instances {
		for _, argument := range nameArguments[i.Mode+" "+i.Type] {
			key := i.node + "." + argument.label()
			if i.after == nil || reported[key] || !p.configuration.isLiteral(i.node, argument) {
				continue
			}
			o := p.changedObject(i, argument, changed)
			if o == nil {
				continue
			}
			reported[key] = true
			findings = append(findings, Finding{
				Rule: PlanLiteral, File: file, Line: 1, Column: 1, Reference: key, subject: o.Address,
				Message: argument.label() + " holds the name of " + o.Address + ", which the plan " + o.effect() +
					", without a reference to it, so Terraform knows no order between the two",
				Hint: p.literalHint(i, o, argument),
			})
		}
	}
	return findings
}

// name returns the name of an object that the instance declares, or "" if there is none or it is unknown.
func (i *planInstance) name(o *plannedObject) string {
	if o == nil {
		return ""
	}
	return o.get(nameOf(declaringTypes[i.Type]))
}

// get returns the value of a name argument, or "" if it is absent or unknown.
func (a *plannedObject) get(path string) string {
	switch path {
	case "project":
		return a.Project
	case "environment":
		return a.Environment
	case "type":
		return a.Type
	case "name":
		return a.Name
	case "key":
		return a.Key
	case "role":
		return a.Role
	case "to":
		return a.To
	case "from_secret.name":
		if a.FromSecret != nil {
			return a.FromSecret.Name
		}
	}
	return ""
}

// effect says what the plan does to an object.
func (i *planInstance) effect() string {
	switch {
	case i.before == nil:
		return "creates"
	case i.after == nil:
		return "deletes"
	case i.replaced:
		return "replaces"
	}
	return "renames"
}

// changedObject returns the object that an argument names, if the plan changes it. An object that has the name after
// the plan comes before one that only had it.
func (p *Plan) changedObject(i planInstance, argument nameArgument, changed []planInstance) *planInstance {
	name := argument.name(i.after.get(argument.path))
	if name == "" {
		return nil
	}
	for _, state := range []func(planInstance) *plannedObject{
		func(o planInstance) *plannedObject { return o.after },
		func(o planInstance) *plannedObject { return o.before },
	} {
		for n := range changed {
			o := &changed[n]
			values := state(*o)
			if declaringTypes[o.Type] == argument.kind && o.name(values) == name && o.node != i.node &&
				p.means(i, argument.kind, o, values) && !p.configuration.references.ordered(i.node, o.node) {
				return o
			}
		}
	}
	return nil
}

// means reports whether an instance means an object with the given values, if the name is the same. In doubt it does
// not.
func (p *Plan) means(i planInstance, kind backend.Kind, o *planInstance, values *plannedObject) bool {
	if !kind.InProject() {
		return true
	}
	a := i.after
	inProject := a.Project == values.Project
	if a.Project == "" || values.Project == "" {
		inProject = p.configuration.sameDefaultProject(i.node, o.node)
	}
	if kind == backend.KindEnvironment || kind == backend.KindSecretType {
		return inProject
	}
	scope := func(o *plannedObject) string {
		if o.Scope == "" {
			return backend.ProjectScope
		}
		return o.Scope
	}
	sameScope, sameEnvironment := scope(a) == scope(values), a.Environment == values.Environment && a.Environment != ""
	if isExact(i.Mode) {
		return inProject && sameScope && sameEnvironment
	}
	return inProject && (sameScope || scope(values) == backend.ProjectScope) && (sameEnvironment ||
		a.Environment == backend.AnyEnvironment || values.Environment == backend.AnyEnvironment)
}

func (p *Plan) literalHint(i planInstance, o *planInstance, argument nameArgument) string {
	module, block := splitModule(o.node)
	own, _ := splitModule(i.node)
	switch {
	case o.after == nil:
		return "name another object, or make this change after the next apply"
	case module != own:
		return "refer to " + o.Address + " through variables and outputs of the modules"
	case len(o.Index) == 0:
		return literalHint(argument.path, argument.value(block+"."+nameOf(argument.kind)))
	case string(o.Index) == string(i.Index) && p.configuration.refersToKey(i.node, argument):
		return literalHint(argument.path, argument.value(block+"[each.key]."+nameOf(argument.kind)))
	}
	return literalHint(argument.path, argument.value(block+"["+string(o.Index)+"]."+nameOf(argument.kind)))
}

// addInstance adds a resource change, or a data source that Terraform read for the plan.
func (p *Plan) addInstance(raw json.RawMessage) {
	var i planInstance
	if json.Unmarshal(raw, &i) != nil {
		return
	}
	if nameArguments[i.Mode+" "+i.Type] == nil && (i.Mode != "managed" || declaringTypes[i.Type] == "") {
		return
	}
	var own struct {
		resourceChange
		Values *plannedObject `json:"values"`
	}
	if json.Unmarshal(raw, &own) != nil {
		return
	}
	c := own.Change
	i.node, i.before, i.after = withoutIndexes(i.Address), c.Before, c.After
	i.replaced = slices.Contains(c.Actions, "delete") && slices.Contains(c.Actions, "create")
	switch {
	case slices.Contains(c.Actions, "forget"):
		i.after = i.before
	case own.Values != nil:
		i.after = own.Values
	}
	p.instances = append(p.instances, i)
}

// planStateModule is the part of a state in a plan that has the data sources.
type planStateModule struct {
	Resources    []json.RawMessage `json:"resources"`
	ChildModules []planStateModule `json:"child_modules"`
}

// addDataSources adds the data sources of a state. Its resources are among the changes of the plan.
func (p *Plan) addDataSources(m planStateModule) {
	for _, raw := range m.Resources {
		var head struct{ Mode string }
		if json.Unmarshal(raw, &head) == nil && head.Mode == "data" {
			p.addInstance(raw)
		}
	}
	for _, child := range m.ChildModules {
		p.addDataSources(child)
	}
}

// withoutIndexes returns an address without the indexes of count and for_each. The text of an index can have brackets.
func withoutIndexes(address string) string {
	var out strings.Builder
	quoted, depth := false, 0
	for i := 0; i < len(address); i++ {
		switch c := address[i]; {
		case quoted && c == '\\':
			i++
		case depth > 0 && c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth == 0:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// splitModule splits the address of a block into the address of its module and the address in this module.
func splitModule(node string) (module, block string) {
	rest := node
	for strings.HasPrefix(rest, "module.") {
		_, name, _ := strings.Cut(rest, ".")
		_, rest, _ = strings.Cut(name, ".")
	}
	return strings.TrimSuffix(node, rest), rest
}
