// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// orderCases test by a model that the order of the changes of one owner does not matter: two random configurations, and
// the changes from the first to the second, one by one in a random order. Only the order that references give is kept:
// an object is created or updated after the objects that its configuration refers to.
var orderCases = []testCase{
	{"the changes between two random configurations can come in any order", func(f *fixture) {
		f.must(policy(backend.PolicyChange{MaxSecrets: ptr(6)}))
		for seed := range uint64(20) {
			w := &world{fixture: f, random: rand.New(rand.NewPCG(seed, 8)), seed: seed, ids: map[string]backend.Object{}}
			w.run()
		}
	}},
}

// world is one run: the addresses of a configuration with their objects.
type world struct {
	*fixture
	random *rand.Rand
	seed   uint64
	ids    map[string]backend.Object // by address
	log    []string
}

// configuration says what each address is. The value of a secret is its address.
type configuration map[string]resource

type resource struct {
	kind                backend.Kind
	name                string
	environment, refers string // addresses: of the environment; of the type or the linked secret
}

func (w *world) run() {
	w.Helper()
	first := w.configuration(nil)
	w.apply(nil, first)
	w.check(first)
	second := w.configuration(first)
	w.apply(first, second)
	w.check(second)
	w.apply(second, nil)
	w.check(nil)
}

// configuration draws two environments, types, and some secrets and values. Each kind has few names, so that they
// collide with the names of the configuration before.
func (w *world) configuration(before configuration) configuration {
	c := configuration{}
	container := func(kind backend.Kind, address string, names []string, i int) {
		if w.random.IntN(4) == 0 && i > 0 {
			return
		}
		c[address] = resource{kind: kind, name: names[i]}
	}
	environments, types := []string{"dev", "prod"}, []string{"red", "blue"}
	if w.random.IntN(2) == 0 {
		slices.Reverse(environments)
	}
	if w.random.IntN(2) == 0 {
		slices.Reverse(types)
	}
	for i := range 2 {
		address := fmt.Sprint("environment", i)
		container(backend.KindEnvironment, address, environments, i)
		container(backend.KindSecretType, fmt.Sprint("type", i), types, i)
	}
	// A creation takes over an environment or type that has its name, so it cannot have the name of one that is
	// renamed: the backend cannot tell whether it will be renamed or deleted.
	for _, address := range slices.Sorted(maps.Keys(c)) {
		r := c[address]
		for other, old := range before {
			if _, exists := before[address]; !exists && old.kind == r.kind && old.name == r.name && c[other].kind != "" {
				r.name += fmt.Sprint(w.random.IntN(1000))
				c[address] = r
			}
		}
	}
	pick := func(prefix string) string {
		var all []string
		for address := range c {
			if strings.HasPrefix(address, prefix) {
				all = append(all, address)
			}
		}
		slices.Sort(all)
		if len(all) == 0 {
			return ""
		}
		return all[w.random.IntN(len(all))]
	}
	taken := map[string]bool{}
	for i := range 6 {
		r := resource{kind: backend.KindSecret, name: string(rune('a' + w.random.IntN(5))), environment: pick("environment")}
		if w.random.IntN(2) == 0 {
			r.refers = pick("type")
		}
		place := fmt.Sprint(r.environment, r.name)
		if w.random.IntN(4) > 0 && !taken[place] {
			taken[place] = true
			c[fmt.Sprint("secret", i)] = r
		}
	}
	for i := range 4 {
		target := pick("secret")
		if target != "" && w.random.IntN(4) > 0 {
			c[fmt.Sprint("value", i)] = resource{kind: backend.KindScopedValue, name: fmt.Sprint("v", i),
				environment: c[target].environment, refers: target}
		}
	}
	return c
}

// step is a change, and the addresses whose steps come before it.
type step struct {
	address string
	deletes bool
	after   []string
	first   string // the address and deletes of a step that comes before it, too
	change  func() backend.Change
}

// replacement returns the steps that replace an object: the creation is the later one, or the earlier one as with
// create_before_destroy.
func (w *world) replacement(creation step, r resource, all configuration) []step {
	o := w.ids[creation.address]
	creation.change = func() backend.Change { return w.creation(creation.address, r, all) }
	deletion := step{address: creation.address, deletes: true, change: func() backend.Change { return gone(o) }}
	if w.random.IntN(2) == 0 {
		deletion.first = fmt.Sprint(creation.address, false)
	} else {
		creation.first = fmt.Sprint(creation.address, true)
		deletion.change = func() backend.Change { return replaced(o) }
	}
	return []step{creation, deletion}
}

// apply makes the changes from one configuration to another.
func (w *world) apply(before, after configuration) {
	w.Helper()
	var steps []step
	for _, address := range slices.Sorted(maps.Keys(before)) {
		old := before[address]
		now, stays := after[address]
		if !stays || now.environment != old.environment {
			o := w.ids[address]
			steps = append(steps, step{address: address, deletes: true,
				change: func() backend.Change { return gone(o) }})
		}
	}
	for _, address := range slices.Sorted(maps.Keys(after)) {
		now := after[address]
		old, exists := before[address]
		s := step{address: address, after: []string{now.environment, now.refers}}
		if exists && now.environment == old.environment && now.name == old.name && w.random.IntN(4) == 0 {
			steps = append(steps, w.replacement(s, now, after)...)
			continue
		}
		switch {
		case !exists || now.environment != old.environment:
			s.change = func() backend.Change { return w.creation(address, now, after) }
		case old == now && after[now.refers].name == before[now.refers].name:
			continue
		default:
			o := w.ids[address]
			s.change = func() backend.Change { return w.update(o, old, now, before, after) }
		}
		steps = append(steps, s)
	}
	w.random.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	w.log = nil
	for len(steps) > 0 {
		i := slices.IndexFunc(steps, func(s step) bool {
			return !slices.ContainsFunc(steps, func(other step) bool {
				return !other.deletes && slices.Contains(s.after, other.address) ||
					s.first != "" && s.first == fmt.Sprint(other.address, other.deletes)
			})
		})
		s := steps[i]
		steps = slices.Delete(steps, i, i+1)
		c := s.change()
		w.log = append(w.log, fmt.Sprintf("%s %s %s %s", c.Op, s.address, c.Name, show(c.Rename)))
		out := w.must(c)[0]
		if !s.deletes {
			w.ids[s.address] = out.Object
		}
	}
}

func (w *world) Helper() { w.fixture.Helper() }

// must applies a change and shows the steps before it if it fails.
func (w *world) must(c backend.Change) []backend.Outcome {
	w.Helper()
	defer func() {
		if w.Failed() {
			w.Logf("seed %d: %s", w.seed, strings.Join(w.log, "; "))
		}
	}()
	return w.fixture.must(c)
}

func (w *world) creation(address string, r resource, all configuration) backend.Change {
	c := mine(backend.Change{Kind: r.kind, Project: project, Name: r.name, Environment: all[r.environment].name})
	switch r.kind {
	case backend.KindSecretType:
		c.Schema = word("").Schema
	case backend.KindSecret:
		c.Type, c.Value = ptr(all[r.refers].name), backend.PlaintextString(address)
	case backend.KindScopedValue:
		c.Link = &backend.Link{Secret: all[r.refers].name}
	}
	return c
}

func (w *world) update(o backend.Object, old, now resource, before, after configuration) backend.Change {
	c := backend.Change{Op: backend.OpUpdate, Kind: o.Kind, ID: o.ID, SameOwner: true, Edition: ptr(o.Edition),
		Incarnation: ptr(o.Incarnation)}
	if now.name != old.name {
		c.Rename = ptr(now.name)
	}
	to := after[now.refers].name
	if to != before[old.refers].name || now.refers != old.refers {
		switch {
		case o.Kind == backend.KindSecret:
			c.Type = ptr(to)
		case to != before[old.refers].name: // an equal name is no change for Terraform
			c.Link = &backend.Link{Secret: to}
		}
	}
	return c
}

// check compares the backend with a configuration.
func (w *world) check(c configuration) {
	w.Helper()
	for _, kind := range []backend.Kind{backend.KindEnvironment, backend.KindSecretType, backend.KindSecret,
		backend.KindScopedValue} {
		if held := w.held(kind); held != "" {
			w.Errorf("held: %s", held)
		}
		want := 0
		for _, r := range c {
			if r.kind == kind {
				want++
			}
		}
		got := 0
		for _, o := range w.list(backend.Query{Kind: kind, Project: project}) {
			if !o.BuiltIn {
				got++
			}
		}
		equal(w.fixture, "objects of kind "+string(kind), got, want)
	}
	for address, r := range c {
		o := w.object(w.ids[address])
		equal(w.fixture, "name of "+address, o.Name, r.name)
		equal(w.fixture, "environment of "+address, o.Environment, c[r.environment].name)
		switch r.kind {
		case backend.KindSecret:
			equal(w.fixture, "type of "+address, o.Type, c[r.refers].name)
			equal(w.fixture, "value of "+address, w.value(secretRef(c[r.environment].name, r.name)), address)
		case backend.KindScopedValue:
			equal(w.fixture, "link of "+address, o.Link.Secret, c[r.refers].name)
			equal(w.fixture, "value of "+address, w.value(valueRef(c[r.environment].name, r.name)), r.refers)
		}
		w.ids[address] = o
	}
	if w.Failed() {
		w.Fatalf("seed %d: %s\nfrom the configuration before to %+v", w.seed, strings.Join(w.log, "; "), c)
	}
}
