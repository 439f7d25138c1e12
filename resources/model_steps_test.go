// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"slices"
	"strings"
)

// largestWorld is the number of secrets that a world can have, without the copy.
const largestWorld = 5

// modelStep is what one apply changes in a world.
type modelStep struct {
	did      []string
	taints   []string // addresses that are tainted before
	replaces []string // further arguments of the plan
	// blocked is the address of a resource whose creation does not come in the first apply, which fails.
	blocked string
	// theirs is a secret that somebody else changes between the plan and the apply, which then fails.
	theirs *modelSecret
	// refused is a world whose plan must fail with the message. It is not applied.
	refused *model
	message string

	existing []string // addresses before the step
	moves    bool     // nothing may be replaced: names of containers change, or a secret leaves an environment
}

// step changes the world in one to three ways that are applied together, or in one of those that fail at first.
func (m *model) step() *modelStep {
	s := &modelStep{existing: m.addresses()}
	switch m.r.IntN(8) {
	case 0:
		m.refuse(s)
	case 1:
		m.changeByOthers(s)
	case 2:
		m.replace(s)
		s.blocked = strings.TrimPrefix(s.replaces[0], "-replace=")
		s.did = append(s.did, "which is interrupted before the creation")
	default:
		for range 1 + m.r.IntN(3) {
			m.change(s)
		}
	}
	return s
}

// addresses returns the addresses of all resources that a step can replace.
func (m *model) addresses() (all []string) {
	for i, e := range m.environments {
		if e.name != "" {
			all = append(all, fmt.Sprintf("pouncet_environment.e%d", i))
		}
	}
	for i, key := range m.types {
		if key != "" {
			all = append(all, "pouncet_secret_type."+m.typeLabels[i])
		}
	}
	for _, s := range m.secrets {
		all = append(all, "pouncet_secret."+s.label)
	}
	for _, v := range m.values {
		all = append(all, "pouncet_scoped_value."+v.label)
	}
	return all
}

func (m *model) replace(s *modelStep) {
	address := s.existing[m.r.IntN(len(s.existing))]
	s.replaces = append(s.replaces, "-replace="+address)
	s.did = append(s.did, "replace "+address)
}

// replacesEnvironment reports whether the step replaces an environment.
func (s *modelStep) replacesEnvironment() bool {
	return slices.ContainsFunc(slices.Concat(s.taints, s.replaces), func(address string) bool {
		return strings.Contains(address, "pouncet_environment.")
	})
}

// change makes one ordinary change.
func (m *model) change(s *modelStep) {
	i := m.r.IntN(len(m.secrets))
	secret := &m.secrets[i]
	did := func(text string) { s.did = append(s.did, text) }
	switch m.r.IntN(17) {
	case 0:
		if len(m.secrets) < largestWorld {
			m.add()
			did("add a secret")
			return
		}
		fallthrough
	case 1: // the links move away from it in the same step
		if len(m.secrets) < 3 {
			m.add()
			did("add a secret")
			return
		}
		m.remove(i)
		did("remove a secret")
	case 2:
		secret.name = "n" + m.number()
		did("rename a secret")
	case 3: // every secret gets the name of the next
		first := m.secrets[0].name
		for j := range m.secrets[1:] {
			m.secrets[j].name = m.secrets[j+1].name
		}
		m.secrets[len(m.secrets)-1].name = first
		did("shift the names of all secrets")
	case 4:
		j := m.r.IntN(len(m.secrets))
		secret.name, m.secrets[j].name = m.secrets[j].name, secret.name
		did("swap two names")
	case 5:
		secret.label = "k" + m.number()
		did("change an address without moved")
	case 6:
		// A secret that a value links to stays: the value would not resolve any more. Terraform plans a cycle, for resources
		// of any provider, if a resource with create_before_destroy leaves another one that is replaced.
		if !secret.alias && !m.isLinked(i) && !(secret.createFirst && s.replacesEnvironment()) {
			secret.environment = 1 - min(secret.environment, 1)
			s.moves = s.moves || secret.createFirst
			did("move a secret to another environment")
			return
		}
		m.rotate(secret)
		did("rotate a value")
	case 7:
		v := &m.values[m.r.IntN(2)]
		v.link = m.target()
		did("relink a scoped value")
	case 8:
		m.retype(secret)
		did("change the type of a secret")
	case 9, 10:
		if !s.moves {
			m.replace(s)
		}
	case 11:
		if address := s.existing[m.r.IntN(len(s.existing))]; !s.moves {
			s.taints = append(s.taints, address)
			did("taint " + address)
		}
	case 12:
		// The key files of earlier worlds are lost, and such a file is never created again.
		m.environments[m.r.IntN(2)].key = fmt.Sprintf("key%d-%s", m.seed, m.number())
		did("change the KMS key of an environment")
	case 13:
		m.toggleEnvironment(did)
	case 14, 15:
		m.shift(s, did)
	default:
		if s.replacesEnvironment() {
			m.rotate(secret)
			did("rotate a value")
			return
		}
		a, b := &m.environments[0], &m.environments[1]
		a.name, b.name, s.moves = b.name, a.name, true
		did("swap the names of two environments")
	}
}

func (m *model) add() {
	n := m.number()
	m.secrets = append(m.secrets, modelSecret{
		label: "k" + n, name: "n" + n, value: "w" + n, environment: m.r.IntN(2), alias: m.r.IntN(4) == 0,
		createFirst: m.r.IntN(4) == 0,
	})
}

func (m *model) remove(i int) {
	m.secrets = slices.Delete(m.secrets, i, i+1)
	for j := range m.values {
		switch v := &m.values[j]; {
		case v.link == i:
			v.link = m.target()
		case v.link > i:
			v.link--
		}
	}
}

// target chooses the secret of a link, or -1 for a plain value. The provider block of the scoped values does not know
// what the other one plans.
func (m *model) target() int {
	i := m.r.IntN(len(m.secrets)+1) - 1
	if i >= 0 && m.secrets[i].alias {
		return -1
	}
	return i
}

func (m *model) isLinked(secret int) bool {
	return slices.ContainsFunc(m.values, func(v modelValue) bool { return v.link == secret })
}

func (m *model) rotate(s *modelSecret) {
	s.value = "w" + m.number()
	if m.r.IntN(2) == 0 {
		s.description = "d" + m.number()
	}
}

// retype gives a secret a type, another one, or takes it away. The second type comes with its use and goes with it. It
// can also be a new resource each time, to which the secrets move while the old one goes, or the first type gets its
// key while it goes, as in a list that shrinks.
func (m *model) retype(s *modelSecret) {
	switch {
	case m.types[1] != "" && m.r.IntN(4) == 0:
		m.types[0], m.types[1] = m.types[1], ""
		for i := range m.secrets {
			if m.secrets[i].typ == "1" {
				m.secrets[i].typ = "0"
			}
		}
		return
	case s.alias:
		m.rotate(s)
	case s.typ == "1" && m.r.IntN(2) == 0:
		m.typeLabels[1], m.types[1] = "u"+m.number(), ""
	case s.typ == "0" && m.r.IntN(2) == 0:
		s.typ = "1"
	case s.typ != "":
		s.typ = ""
	case m.r.IntN(2) == 0:
		s.typ = "0"
	default:
		s.typ = "1"
	}
	used := slices.ContainsFunc(m.secrets, func(s modelSecret) bool { return s.typ == "1" })
	switch {
	case !used:
		m.types[1] = ""
	case m.types[1] == "":
		m.types[1] = "kind" + m.number()
	}
}

// toggleEnvironment adds the third environment with a secret, or removes it with its secrets.
func (m *model) toggleEnvironment(did func(string)) {
	e := &m.environments[2]
	if e.name == "" {
		*e = modelEnvironment{name: "env" + m.number(), createFirst: m.r.IntN(4) == 0}
		if len(m.secrets) < largestWorld {
			m.add()
			s := &m.secrets[len(m.secrets)-1]
			s.environment, s.alias = 2, false
		}
		did("add an environment")
		return
	}
	if m.removeThird() {
		did("remove an environment with its secrets")
	}
}

// removeThird removes the third environment with its secrets, unless no other secret remains.
func (m *model) removeThird() bool {
	elsewhere := func(s modelSecret) bool { return s.alias || s.environment != 2 }
	if !slices.ContainsFunc(m.secrets, elsewhere) {
		return false
	}
	m.environments[2] = modelEnvironment{}
	for i := len(m.secrets) - 1; i >= 0; i-- {
		if !elsewhere(m.secrets[i]) {
			m.remove(i)
		}
	}
	return true
}

// shift changes environments or types as a list with count that loses its first element or turns: each gets the name of
// the next one. Without a third one, it adds that.
func (m *model) shift(s *modelStep, did func(string)) {
	if m.r.IntN(2) == 0 {
		m.shiftTypes(s, did)
		return
	}
	e := &m.environments
	first, second, third := e[0].name, e[1].name, e[2].name
	switch {
	case third == "":
		m.toggleEnvironment(did)
		return
	case s.replacesEnvironment() || !slices.Contains(s.existing, "pouncet_environment.e2"):
		return
	case m.r.IntN(2) == 0:
		e[2].name = first
		did("turn a list of environments")
	case m.removeThird():
		did("remove the first element of a list of environments")
	default:
		return
	}
	e[0].name, e[1].name, s.moves = second, third, true
}

// shiftTypes does that for types. The secrets of the last type lose theirs.
func (m *model) shiftTypes(s *modelStep, did func(string)) {
	if slices.Contains(m.types[:], "") {
		m.haveThreeTypes()
		did("have three types")
		return
	}
	for _, label := range m.typeLabels {
		address := "pouncet_secret_type." + label
		if !slices.Contains(s.existing, address) || slices.Contains(s.taints, address) ||
			slices.Contains(s.replaces, "-replace="+address) {
			return
		}
	}
	first := m.types[0]
	copy(m.types[:], m.types[1:])
	s.moves = true
	if m.r.IntN(2) == 0 {
		m.types[2] = first
		did("turn a list of types")
		return
	}
	m.types[2] = ""
	for i := range m.secrets {
		if m.secrets[i].typ == "2" {
			m.secrets[i].typ = ""
		}
	}
	did("remove the first element of a list of types")
}

// haveThreeTypes adds the types that are missing, and gives each to a secret.
func (m *model) haveThreeTypes() {
	for i := range m.types {
		if m.types[i] == "" {
			m.types[i] = "kind" + m.number()
		}
		if s := &m.secrets[i%len(m.secrets)]; !s.alias {
			s.typ = typeNumbers[i]
		}
	}
}

// changeByOthers plans a change of a secret that somebody else changes, too.
func (m *model) changeByOthers(s *modelStep) {
	secret := &m.secrets[m.r.IntN(len(m.secrets))]
	theirs := *secret
	s.theirs = &theirs
	if m.r.IntN(2) == 0 && !secret.createFirst { // Terraform hands no private state to a creation that comes first
		s.replaces = append(s.replaces, "-replace=pouncet_secret."+secret.label)
		s.did = append(s.did, "replace a secret that somebody else changes")
		return
	}
	m.rotate(secret)
	s.did = append(s.did, "rotate a value of a secret that somebody else changes")
}

// refuse makes a world that no plan may accept: two secrets are in one place, or a secret goes while a value links to
// it or begins to do so. It does not change this world.
func (m *model) refuse(s *modelStep) {
	other := *m
	other.secrets, other.values = slices.Clone(m.secrets), slices.Clone(m.values)
	s.refused = &other
	if unused := m.r.IntN(len(m.secrets)); !m.secrets[unused].alias && !m.isLinked(unused) && m.r.IntN(2) == 0 {
		name := m.secrets[unused].name
		other.values = append(other.values, modelValue{label: "new", name: "new", link: -1, literal: name})
		s.message = fmt.Sprintf("Scoped value \"new\" needs secret %q, and this plan deletes it", name)
		other.remove(unused)
		s.did = append(s.did, "remove a secret that a new value links to")
		return
	}
	i := slices.IndexFunc(m.values, func(v modelValue) bool { return v.link >= 0 })
	if i < 0 || m.r.IntN(2) == 0 {
		twin := m.secrets[m.r.IntN(len(m.secrets))]
		twin.label = "twin"
		other.secrets = append(other.secrets, twin)
		s.message = fmt.Sprintf("Two resources of this configuration are secret %q", twin.name)
		s.did = append(s.did, "two secrets of one name")
		return
	}
	removed := m.values[i].link
	s.message = fmt.Sprintf("Secret %q is in use by", m.secrets[removed].name)
	for j := range other.values {
		if other.values[j].link == removed {
			other.values[j].literal = m.secrets[removed].name
		}
	}
	other.remove(removed)
	s.did = append(s.did, "remove a secret that a value links to")
}
