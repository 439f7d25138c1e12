// SPDX-License-Identifier: MPL-2.0

package review

import (
	"cmp"
	"path"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/scan"
)

// LiteralNames returns a finding for each literal name in Terraform files of an object that a resource in the same
// folder declares. Terraform knows no order between the two, unless one of them refers to the other.
func LiteralNames(sources []*Source) []Finding {
	modules := map[string]*terraformModule{}
	for _, s := range sources {
		if s.terraform == nil {
			continue
		}
		folder := path.Dir(s.Name)
		if modules[folder] == nil {
			modules[folder] = &terraformModule{references: references{}}
		}
		modules[folder].add(s.terraform)
	}
	var findings []Finding
	for _, folder := range sortedKeys(modules) {
		findings = append(findings, modules[folder].literalNames()...)
	}
	return findings
}

// terraformModule holds the blocks of the files in one folder.
type terraformModule struct {
	blocks     []terraformBlock
	references references
}

func (m *terraformModule) add(f *terraformFile) {
	m.blocks = append(m.blocks, f.blocks...)
	for node, to := range f.references {
		m.references[node] = append(m.references[node], to...)
	}
}

func (m *terraformModule) literalNames() []Finding {
	slices.SortStableFunc(m.blocks, func(a, b terraformBlock) int { return cmp.Compare(a.address, b.address) })
	var findings []Finding
	for i := range m.blocks {
		b := &m.blocks[i]
		for _, argument := range nameArguments[b.mode+" "+b.blockType] {
			reported := map[scan.Position]bool{} // one finding for an argument with several values
			for _, a := range b.arguments[argument.path] {
				declared, reference := m.declaration(b, argument, a)
				if declared == nil || reported[a.position] {
					continue
				}
				reported[a.position] = true
				findings = append(findings, Finding{
					Rule: LiteralName, File: a.position.File, Line: a.position.Line, Column: a.position.Column,
					Reference: b.address + "." + argument.label(),
					Message: argument.label() + " holds the name of " + declared.address +
						" without a reference to it, so Terraform knows no order between the two",
					Hint: literalHint(argument.path, reference), subject: declared.address,
				})
			}
		}
	}
	return findings
}

// declaration returns the resource that declares the object that an argument names, and the expression to write.
func (m *terraformModule) declaration(
	b *terraformBlock, argument nameArgument, a terraformArgument,
) (*terraformBlock, string) {
	if !a.literal {
		return nil, ""
	}
	name, named := nameOf(argument.kind), argument.name(a.value)
	for i := range m.blocks {
		d := &m.blocks[i]
		if d.mode != "managed" || declaringTypes[d.blockType] != argument.kind || d == b {
			continue
		}
		for _, key := range d.keys {
			values := placed{d, key}.at(name)
			if len(values) != 1 || !values[0].literal || values[0].value != named ||
				!means(argument.kind, placed{b, a.key}, placed{d, key}) || m.references.ordered(b.address, d.address) {
				continue
			}
			if key != "" && key == a.key {
				key = "[each.key]"
			}
			return d, argument.value(d.address + key + "." + name)
		}
	}
	return nil, ""
}

// placed is a block for one key of its for_each, or for any key.
type placed struct {
	*terraformBlock
	key string
}

// at returns the values of an argument.
func (p placed) at(path string) []terraformArgument {
	all := p.arguments[path]
	if path == "scope" && len(all) == 0 {
		return []terraformArgument{{literal: true, value: backend.ProjectScope}}
	}
	i := slices.IndexFunc(all, func(a terraformArgument) bool { return a.key != "" && a.key == p.key })
	if i < 0 {
		return all
	}
	return all[i : i+1]
}

// means reports whether a block means the object of a kind that d declares, if the name is the same. In doubt it does
// not.
func means(kind backend.Kind, b, d placed) bool {
	same := func(path string) bool { return sameValue(b.at(path), d.at(path)) }
	is := func(p placed, path, value string) bool {
		v := p.at(path)
		return len(v) == 1 && v[0].literal && v[0].value == value
	}
	inProject := same("project") && (len(b.at("project")) > 0 || b.provider == d.provider)
	switch {
	case !kind.InProject():
		return true
	case kind == backend.KindEnvironment, kind == backend.KindSecretType:
		return inProject
	case isExact(b.mode):
		return inProject && same("environment") && same("scope")
	}
	return inProject && (same("scope") || is(d, "scope", backend.ProjectScope)) && (same("environment") ||
		is(b, "environment", backend.AnyEnvironment) || is(d, "environment", backend.AnyEnvironment))
}

// sameValue reports whether two arguments certainly have the same value. Two absent arguments have.
func sameValue(a, b []terraformArgument) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	for _, x := range a {
		for _, y := range b {
			if x.literal && y.literal && x.value == y.value || !x.literal && !y.literal && x.text == y.text && x.text != "" {
				return true
			}
		}
	}
	return false
}
