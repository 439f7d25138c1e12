// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A model of small worlds of rights: two roles, two groups, two trusts and up to three bindings. Random steps change
// the world, and a real Terraform follows, with the laws of the other model (model_test.go).

// The kinds of the model, as commands and blocks name them.
var rightsKinds = []string{"role", "group", "trust"}

func blockOf(kind string) string {
	switch kind {
	case "trust":
		return "pouncet_oidc_trust"
	case "binding":
		return "pouncet_role_binding"
	}
	return "pouncet_" + kind
}

// modelRight is a role, a group or a trust. Its content is a set of rights or members, or a claim.
type modelRight struct {
	name    string
	content string
	members [2]bool // of a group: the trusts in it
}

// modelBinding gives role i, or "viewer" with -1, to the group or trust at an index.
type modelBinding struct {
	label, name string
	role        int
	toTrust     bool
	to          int
	subject     string // of the trust
}

type rightsModel struct {
	r           *rand.Rand
	createFirst bool
	all         map[string]*[2]modelRight
	bindings    []modelBinding
	next        int
}

func newRightsModel(seed uint64) *rightsModel {
	m := &rightsModel{r: rand.New(rand.NewPCG(seed, seed)), all: map[string]*[2]modelRight{}}
	m.createFirst = m.r.IntN(2) == 0
	for _, kind := range rightsKinds {
		m.all[kind] = &[2]modelRight{{name: m.name(), content: `"see"`}, {name: m.name(), content: `"see"`}}
	}
	m.bind()
	m.bind()
	return m
}

func (m *rightsModel) name() string { m.next++; return "n" + strconv.Itoa(m.next) }

func (m *rightsModel) bind() {
	m.bindings = append(m.bindings, modelBinding{label: m.name(), name: m.name(), role: m.r.IntN(3) - 1,
		toTrust: m.r.IntN(2) == 0, to: m.r.IntN(2), subject: []string{"", "/repo:acme/shop"}[m.r.IntN(2)]})
}

func (m *rightsModel) config() string {
	var b strings.Builder
	block := func(kind, label string, arguments ...string) {
		if m.createFirst {
			arguments = append(arguments, "lifecycle { create_before_destroy = true }")
		}
		fmt.Fprintf(&b, "resource %q %q {\n  %s\n}\n", blockOf(kind), label, strings.Join(arguments, "\n  "))
	}
	for i := range 2 {
		label := fmt.Sprint("o", i)
		block("role", label, fmt.Sprintf("name = %q", m.all["role"][i].name), "rights = ["+m.all["role"][i].content+"]")
		block("trust", label, fmt.Sprintf("name = %q", m.all["trust"][i].name), `issuer = "https://issuer.example.com"`,
			`audience = "pouncet"`, "claims = { repository = "+m.all["trust"][i].content+" }")
		var members []string
		for j, in := range m.all["group"][i].members {
			if in {
				members = append(members, fmt.Sprintf(`"trust:${pouncet_oidc_trust.o%d.name}"`, j))
			}
		}
		block("group", label, fmt.Sprintf("name = %q", m.all["group"][i].name), "members = ["+strings.Join(members, ", ")+"]")
	}
	for _, x := range m.bindings {
		role, to := `"viewer"`, fmt.Sprintf(`"group:${pouncet_group.o%d.name}"`, x.to)
		if x.role >= 0 {
			role = fmt.Sprintf("pouncet_role.o%d.name", x.role)
		}
		if x.toTrust {
			to = fmt.Sprintf(`"trust:${pouncet_oidc_trust.o%d.name}%s"`, x.to, x.subject)
		}
		block("binding", x.label, fmt.Sprintf("name = %q", x.name), "role = "+role, "to = "+to, `project = "default"`,
			`environment = "dev"`)
	}
	return b.String()
}

// step changes the world in one or two ways, and returns what it did with further arguments of the plan.
func (m *rightsModel) step() (did string, replaces, taints []string) {
	var done []string
	for range 1 + m.r.IntN(2) {
		kind := rightsKinds[m.r.IntN(3)]
		objects, i := m.all[kind], m.r.IntN(2)
		x := &m.bindings[m.r.IntN(len(m.bindings))]
		address := fmt.Sprintf("%s.o%d", blockOf(kind), i)
		if m.r.IntN(3) == 0 {
			address = "pouncet_role_binding." + x.label
		}
		what := ""
		switch m.r.IntN(10) {
		case 0:
			objects[i].name, what = m.name(), "rename a "+kind
		case 1:
			objects[0].name, objects[1].name = objects[1].name, objects[0].name
			what = "swap the names of the " + kind + "s"
		case 2:
			replaces, what = append(replaces, "-replace="+address), "replace "+address
		case 3:
			taints, what = append(taints, address), "taint "+address
		case 4:
			x.role, what = m.r.IntN(3)-1, "another role"
		case 5:
			x.toTrust, x.to, what = m.r.IntN(2) == 0, m.r.IntN(2), "another principal"
		case 6:
			x.name, what = m.name(), "rename a binding"
		case 7:
			in := &m.all["group"][i].members[m.r.IntN(2)]
			*in, what = !*in, "a member"
		case 8:
			if kind == "group" {
				kind = "role"
				objects = m.all[kind]
			}
			objects[i].content, what = `"`+[]string{"see", "resolve", "write"}[m.r.IntN(3)]+`"`, "change a "+kind
		default:
			switch {
			case len(m.bindings) < 3:
				m.bind()
				what = "bind"
			case len(replaces)+len(taints) == 0:
				m.bindings, what = slices.Delete(m.bindings, 0, 1), "unbind"
			}
		}
		done = append(done, what)
	}
	return strings.Join(done, ", "), replaces, taints
}

// check compares the backend with the model.
func (m *rightsModel) check(w *ordinary) {
	w.t.Helper()
	want, got := map[string]string{}, map[string]string{}
	for _, x := range m.bindings {
		role, to := "viewer", "group:"+m.all["group"][x.to].name
		if x.role >= 0 {
			role = m.all["role"][x.role].name
		}
		if x.toTrust {
			to = "trust:" + m.all["trust"][x.to].name + x.subject
		}
		want["binding "+x.name] = role + " to " + to
	}
	for i := range 2 {
		want["role "+m.all["role"][i].name] = "[" + m.all["role"][i].content + "]"
		want["trust "+m.all["trust"][i].name] = m.all["trust"][i].content
		members := []string{}
		for j, in := range m.all["group"][i].members {
			if in {
				members = append(members, "trust:"+m.all["trust"][j].name)
			}
		}
		slices.Sort(members)
		want["group "+m.all["group"][i].name] = fmt.Sprint(members)
	}
	for _, kind := range append([]string{"binding"}, rightsKinds...) {
		var list struct {
			Objects []struct {
				Name, Held string
				BuiltIn    bool `json:"built_in"`
				Rights     json.RawMessage
				Members    []string
				Grant      struct{ Role, To string }
				Trust      struct{ Claims map[string]string }
			}
		}
		if err := json.Unmarshal([]byte(w.pouncet(kind, "list", "--json")), &list); err != nil {
			w.t.Fatal(err)
		}
		for _, o := range list.Objects {
			slices.Sort(o.Members)
			text := map[string]string{"binding": o.Grant.Role + " to " + o.Grant.To, "group": fmt.Sprint(o.Members),
				"role":  strings.Join(strings.Fields(string(o.Rights)), ""),
				"trust": strconv.Quote(o.Trust.Claims["repository"])}[kind]
			if o.Held != "" {
				w.t.Errorf("%s %s is still held: %s", kind, o.Name, o.Held)
			}
			if !o.BuiltIn {
				got[kind+" "+o.Name] = text
			}
		}
	}
	if !maps.Equal(got, want) {
		w.t.Errorf("the backend has %v, want %v", got, want)
	}
}

func TestModelOfRightsTorture(t *testing.T) {
	seeds, steps := uint64(2), 6
	if os.Getenv("POUNCET_TORTURE") != "" {
		seeds, steps = 10, 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newOrdinary(t)
			m := newRightsModel(seed)
			w.config(m.config())
			w.converges(10)
			m.check(w)
			for n := range steps {
				did, replaces, taints := m.step()
				t.Logf("seed %d, step %d: %s", seed, n, did)
				for _, address := range taints {
					w.Must("taint", "-no-color", address)
				}
				w.config(m.config())
				plan := append([]string{"plan", "-input=false", "-no-color"}, replaces...)
				w.Must(append(plan, "-parallelism=1", "-out=one")...)
				w.Must(append(plan, "-parallelism=10", "-out=ten")...)
				if one, ten := w.plannedChanges("one"), w.plannedChanges("ten"); !bytes.Equal(one, ten) {
					t.Errorf("two plans of one configuration differ:\n%s\n%s", one, ten)
				}
				w.Must("apply", "-input=false", "-no-color", []string{"-parallelism=1", "-parallelism=10"}[m.r.IntN(2)], "ten")
				w.isDone()
				m.check(w)
				if t.Failed() {
					return
				}
			}
			w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
			if got := w.gives(); got != "" {
				t.Errorf("after the destroy, the bindings are %q", got)
			}
		})
	}
}
