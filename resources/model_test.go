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
	"time"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// A model of small worlds: two environments, two types, up to five secrets and two scoped values, one of the secrets
// through a second provider block. Random steps change the world, and a real Terraform follows. After each step the
// laws must hold: the plan succeeds and is the same with one resource at a time and with ten, its apply succeeds, the
// next plan is empty, and the backend holds what the model says.

// modelSecret is a secret of the model. Its label is its address in Terraform, which a step can change.
type modelSecret struct {
	label, name, environment, typ, value, description string
	alias                                             bool
}

// modelValue is a scoped value, which links to the secret at an index or, with -1, is a plain value.
type modelValue struct {
	label, name string
	link        int
	plain       string
}

type model struct {
	r            *rand.Rand
	secrets      []modelSecret
	values       []modelValue
	environments [2]string
	types        [2]string // keys; "" for a type that does not exist
	next         int       // numbers names, labels and values
}

func newModel(seed uint64) *model {
	m := &model{r: rand.New(rand.NewPCG(seed, seed)), environments: [2]string{"one", "two"}, types: [2]string{"word", ""}}
	for range 3 {
		m.add()
	}
	m.values = []modelValue{
		{label: "v0", name: "v0", link: m.target(), plain: "q"}, {label: "v1", name: "v1", link: -1, plain: "p"},
	}
	return m
}

func (m *model) number() string { m.next++; return strconv.Itoa(m.next) }

func (m *model) add() {
	n := m.number()
	m.secrets = append(m.secrets, modelSecret{
		label: "k" + n, name: "n" + n, value: "w" + n, environment: strconv.Itoa(m.r.IntN(2)), alias: m.r.IntN(4) == 0,
	})
}

func (m *model) config(path string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "provider \"pouncet\" {\n  alias         = \"second\"\n  configuration = \"shop\"\n  path = %q\n}\n",
		path)
	for i, name := range m.environments {
		fmt.Fprintf(&b, "resource \"pouncet_environment\" \"e%d\" { name = %q }\n", i, name)
	}
	for i, key := range m.types {
		if key != "" {
			fmt.Fprintf(&b, "resource \"pouncet_secret_type\" \"t%d\" {\n  key    = %q\n  schema = jsonencode({ type = "+
				"\"string\" })\n}\n", i, key)
		}
	}
	for _, s := range m.secrets {
		environment := "pouncet_environment.e" + s.environment + ".name"
		if s.alias {
			environment = `"dev"` // each provider block plans in its own process, and knows nothing of the others
		}
		fmt.Fprintf(&b, "resource \"pouncet_secret\" \"%s\" {\n  name = %q\n  environment = %s\n  value_wo = %q\n",
			s.label, s.name, environment, s.value)
		if s.typ != "" {
			fmt.Fprintf(&b, "  type = pouncet_secret_type.t%s.key\n", s.typ)
		}
		if s.description != "" {
			fmt.Fprintf(&b, "  description = %q\n", s.description)
		}
		if s.alias {
			b.WriteString("  provider = pouncet.second\n")
		}
		b.WriteString("}\n")
	}
	for _, v := range m.values {
		source := fmt.Sprintf("value_json = jsonencode(%q)", v.plain)
		if v.link >= 0 {
			source = fmt.Sprintf("from_secret = { name = pouncet_secret.%s.name }", m.secrets[v.link].label)
		}
		fmt.Fprintf(&b, "resource \"pouncet_scoped_value\" %q {\n  name = %q\n  environment = %q\n  %s\n}\n",
			v.label, v.name, "*", source)
	}
	return b.String()
}

// step changes the world. It returns what it did, further arguments of the plan, and a command of Terraform to run
// before.
func (m *model) step() (did string, planArgs, before []string) {
	i := m.r.IntN(len(m.secrets))
	s := &m.secrets[i]
	addresses := []string{"pouncet_environment.e" + strconv.Itoa(m.r.IntN(2)), "pouncet_secret." + s.label,
		"pouncet_scoped_value.v" + strconv.Itoa(m.r.IntN(2))}
	if m.types[0] != "" {
		addresses = append(addresses, "pouncet_secret_type.t0")
	}
	address := addresses[m.r.IntN(len(addresses))]
	switch k := m.r.IntN(14); k {
	case 0:
		if len(m.secrets) < 5 {
			m.add()
			return "add a secret", nil, nil
		}
		fallthrough
	case 1: // the links move away from it in the same step
		if len(m.secrets) < 3 {
			m.add()
			return "add a secret", nil, nil
		}
		m.remove(i)
		return "remove a secret", nil, nil
	case 2:
		s.name = "n" + m.number()
		return "rename a secret", nil, nil
	case 3: // every secret gets the name of the next
		first := m.secrets[0].name
		for j := range m.secrets[1:] {
			m.secrets[j].name = m.secrets[j+1].name
		}
		m.secrets[len(m.secrets)-1].name = first
		return "shift the names of all secrets", nil, nil
	case 4:
		j := m.r.IntN(len(m.secrets))
		s.name, m.secrets[j].name = m.secrets[j].name, s.name
		return "swap two names", nil, nil
	case 5:
		s.label = "k" + m.number()
		return "change an address without moved", nil, nil
	case 6: // a secret that a value links to stays: the value would not resolve any more
		if slices.ContainsFunc(m.values, func(v modelValue) bool { return v.link == i }) {
			s.value = "w" + m.number()
			return "rotate a value", nil, nil
		}
		s.environment = strconv.Itoa(1 - int(s.environment[0]-'0'))
		return "move a secret to the other environment", nil, nil
	case 7:
		v := &m.values[m.r.IntN(2)]
		v.link = m.target()
		return "relink a scoped value", nil, nil
	case 8: // the type comes and goes with its use
		if s.alias {
			s.value = "w" + m.number()
			return "rotate a value", nil, nil
		}
		if s.typ == "" {
			s.typ, m.types[1] = "1", "kind"+m.number()
		} else {
			for j := range m.secrets {
				m.secrets[j].typ = ""
			}
			m.types[1] = ""
		}
		return "change the type of a secret", nil, nil
	case 9, 10:
		return "replace " + address, []string{"-replace=" + address}, nil
	case 11:
		return "taint " + address, nil, []string{"taint", "-no-color", address}
	case 12:
		s.value = "w" + m.number()
		if m.r.IntN(2) == 0 {
			s.description = "d" + m.number()
		}
		return "rotate a value", nil, nil
	default:
		m.environments[0], m.environments[1] = m.environments[1], m.environments[0]
		return "swap the names of the environments", nil, nil
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

// check compares the backend with the model.
func (m *model) check(w *ordinary) {
	w.t.Helper()
	want := map[string]string{}
	for _, s := range m.secrets {
		environment := m.environments[s.environment[0]-'0']
		if s.alias {
			environment = "dev"
		}
		want[environment+"/"+s.name] = s.value
	}
	var list struct {
		Objects []struct{ Environment, Name, Held string }
	}
	if err := json.Unmarshal([]byte(w.pouncet("secret", "list", "--json")), &list); err != nil {
		w.t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range list.Objects {
		if s.Held != "" {
			w.t.Errorf("secret %s is still held: %s", s.Name, s.Held)
			continue
		}
		got[s.Environment+"/"+s.Name] = w.pouncet("resolve", s.Name, "--env", s.Environment)
	}
	if !maps.Equal(got, want) {
		w.t.Errorf("the backend has %v, want %v", got, want)
	}
}

// plannedChanges returns the changes of a saved plan, without what differs in every run.
func (w *ordinary) plannedChanges(file string) []byte {
	w.t.Helper()
	out := w.Must("show", "-json", file)
	var plan struct {
		Changes json.RawMessage `json:"resource_changes"`
	}
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		w.t.Fatal(err)
	}
	return plan.Changes
}

func TestModelTorture(t *testing.T) {
	seed, steps, lasts := uint64(1), 400, 150*time.Second // with POUNCET_TEST_PARTS, the same worlds in every run
	switch {
	case os.Getenv("POUNCET_TORTURE") != "":
		seed, steps, lasts = uint64(time.Now().UnixNano()), 1_000_000, 45*time.Minute
	case os.Getenv("POUNCET_TEST_PARTS") == "":
		t.Skip("SKIPPED: random worlds in a real Terraform: run make torture")
	}
	if given := os.Getenv("POUNCET_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("POUNCET_SEED=%d repeats this run", seed)
	end := time.Now().Add(lasts)
	for worker := range uint64(2) {
		t.Run(fmt.Sprintf("worker %d", worker), func(t *testing.T) {
			w := newOrdinaryIn(t, acctest.NewWorkspace(t)) // one process for each provider block
			for n := worker; int(n)*20 < steps && time.Now().Before(end) && !t.Failed(); n += 2 {
				runWorld(w, seed+n, end)
			}
		})
	}
}

// runWorld makes a world, changes it in up to 20 steps, and destroys it.
func runWorld(w *ordinary, seed uint64, end time.Time) {
	m := newModel(seed)
	w.config(m.config(w.Data()))
	w.converges(10)
	for step := 0; step < 20 && time.Now().Before(end) && !w.t.Failed(); step++ {
		did, planArgs, before := m.step()
		w.t.Logf("seed %d, step %d: %s", seed, step, did)
		if before != nil {
			w.Must(before...)
		}
		w.config(m.config(w.Data()))
		plan := append([]string{"plan", "-input=false", "-no-color"}, planArgs...)
		w.Must(append(plan, "-parallelism=1", "-out=one")...)
		w.Must(append(plan, "-parallelism=10", "-out=ten")...)
		if one, ten := w.plannedChanges("one"), w.plannedChanges("ten"); !bytes.Equal(one, ten) {
			w.t.Errorf("two plans of one configuration differ:\n%s\n%s", one, ten)
		}
		parallelism := []string{"-parallelism=1", "-parallelism=10"}[m.r.IntN(2)]
		w.Must("apply", "-input=false", "-no-color", parallelism, "ten")
		w.isDone()
		m.check(w)
	}
	w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
}
