// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// A model of small worlds: up to three environments, three types, five secrets, two scoped values and a copy of a
// secret.
// Some of the secrets are of a second provider block. Random steps change the world (model_steps_test.go), and a real
// Terraform follows. After each step the laws must hold: the plan succeeds and is the same with one resource at a time
// and with ten, its apply succeeds, the next plan is empty, and the backend holds what the model says.

// modelSecret is a secret of the model. Its label is its address in Terraform, which a step can change.
type modelSecret struct {
	label, name, typ, value, description string
	environment                          int
	alias, createFirst                   bool // of the second provider block; with create_before_destroy
}

// inEnvironment is the configuration of the environment of a secret. Each provider block plans in its own process and
// knows nothing of the others, so a secret of the second one is in an environment that no step changes.
func (s modelSecret) inEnvironment() string {
	if s.alias {
		return `"dev"`
	}
	return fmt.Sprintf("pouncet_environment.e%d.name", s.environment)
}

// modelValue is a scoped value, which links to the secret at an index or, with -1, is a plain value.
type modelValue struct {
	label, name string
	link        int
	literal     string // the name of the secret, if the link does not refer to it
	plain       string
}

// modelEnvironment is an environment, or none if it has no name.
type modelEnvironment struct {
	name, key   string // the key is the name of a file
	createFirst bool
}

type model struct {
	seed         uint64
	r            *rand.Rand
	secrets      []modelSecret
	values       []modelValue
	environments [3]modelEnvironment // the last one comes and goes
	types        [3]string           // keys; "" for a type that does not exist
	typeLabels   [3]string
	next         int // numbers names, labels and values
}

func newModel(seed uint64) *model {
	m := &model{
		seed: seed, r: rand.New(rand.NewPCG(seed, seed)),
		types: [3]string{"word", "", ""}, typeLabels: [3]string{"t0", "t1", "t2"},
	}
	for i, name := range []string{"one", "two"} {
		m.environments[i] = modelEnvironment{name: name, createFirst: m.r.IntN(4) == 0}
	}
	for range 3 {
		m.add()
	}
	m.values = []modelValue{
		{label: "v0", name: "v0", link: m.target(), plain: "q"}, {label: "v1", name: "v1", link: -1, plain: "p"},
	}
	return m
}

func (m *model) number() string { m.next++; return strconv.Itoa(m.next) }

// config is the configuration of the world. The creation of the resource at blocked waits for one that fails.
func (m *model) config(dir, blocked string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "provider \"pouncet\" {\n  alias         = \"second\"\n  configuration = \"shop\"\n  path = %q\n}\n",
		filepath.Join(dir, "data"))
	resource := func(kind, label string, createFirst bool, arguments ...string) {
		if createFirst {
			arguments = append(arguments, "lifecycle { create_before_destroy = true }")
		}
		if blocked == kind+"."+label {
			arguments = append(arguments, "depends_on = [terraform_data.fails]")
		}
		fmt.Fprintf(&b, "resource %q %q {\n  %s\n}\n", kind, label, strings.Join(arguments, "\n  "))
	}
	if blocked != "" {
		b.WriteString("resource \"terraform_data\" \"fails\" {\n  provisioner \"local-exec\" { command = \"false\" }\n}\n")
	}
	for i, e := range m.environments {
		arguments := []string{fmt.Sprintf("name = %q", e.name)}
		if e.key != "" {
			arguments = append(arguments, fmt.Sprintf("kms_key = \"file://%s/%s\"", dir, e.key))
		}
		if e.name != "" {
			resource("pouncet_environment", fmt.Sprintf("e%d", i), e.createFirst, arguments...)
		}
	}
	for i, key := range m.types {
		if key != "" {
			resource("pouncet_secret_type", m.typeLabels[i], false,
				fmt.Sprintf("key = %q", key), `schema = jsonencode({ type = "string" })`)
		}
	}
	for _, s := range m.secrets {
		arguments := []string{
			fmt.Sprintf("name = %q", s.name), "environment = " + s.inEnvironment(), fmt.Sprintf("value_wo = %q", s.value),
		}
		if s.typ != "" {
			arguments = append(arguments, fmt.Sprintf("type = pouncet_secret_type.%s.key", m.labelOfType(s)))
		}
		if s.description != "" {
			arguments = append(arguments, fmt.Sprintf("description = %q", s.description))
		}
		if s.alias {
			arguments = append(arguments, "provider = pouncet.second")
		}
		resource("pouncet_secret", s.label, s.createFirst, arguments...)
	}
	for _, v := range m.values {
		source := fmt.Sprintf("value_json = jsonencode(%q)", v.plain)
		switch {
		case v.literal != "":
			source = fmt.Sprintf("from_secret = { name = %q }", v.literal)
		case v.link >= 0:
			source = fmt.Sprintf("from_secret = { name = pouncet_secret.%s.name }", m.secrets[v.link].label)
		}
		resource("pouncet_scoped_value", v.label, false,
			fmt.Sprintf("name = %q", v.name), `environment = "*"`, source)
	}
	if source := m.copied(); source >= 0 {
		block, value := m.readsSource(m.secrets[source].label)
		b.WriteString(block)
		resource("pouncet_secret", "copy", false, `name = "copy"`, `environment = "dev"`, "value_wo = "+value,
			fmt.Sprintf("description = %q", "copy "+m.secrets[source].description))
	}
	return b.String()
}

// readsSource returns an ephemeral resource that reads a secret, and the expression of the value. Each world has one of
// the three kinds.
func (m *model) readsSource(label string) (block, value string) {
	secret := "pouncet_secret." + label
	kinds := [...]struct{ name, arguments, value string }{
		{"pouncet_secret_value", "name = %[1]s.name\n  at_version = %[1]s.version", ".value"},
		{"pouncet_secret_values", "secrets = { source = { name = %[1]s.name, version = %[1]s.version } }",
			`.values["source"]`},
		{"pouncet_rendered_configuration",
			"format = \"template\"\n  content = \"{{ get_secret_value('${%[1]s.name}') }}\"\n  " +
				"after_versions = [%[1]s.version]",
			".rendered"},
	}
	kind := kinds[m.seed%uint64(len(kinds))]
	block = fmt.Sprintf("ephemeral %q \"source\" {\n  environment = %s.environment\n  %s\n}\n", kind.name, secret,
		fmt.Sprintf(kind.arguments, secret))
	return block, "ephemeral." + kind.name + ".source" + kind.value
}

// typeNumbers are what modelSecret.typ can be, apart from "" for no type.
var typeNumbers = [3]string{"0", "1", "2"}

// labelOfType returns the label of the type of a secret.
func (m *model) labelOfType(s modelSecret) string {
	return m.typeLabels[slices.Index(typeNumbers[:], s.typ)]
}

// copied returns the index of the secret that another one is a copy of, or -1.
func (m *model) copied() int {
	return slices.IndexFunc(m.secrets, func(s modelSecret) bool { return !s.alias })
}

// environmentOf returns the name of the environment of a secret.
func (m *model) environmentOf(s modelSecret) string {
	if s.alias {
		return "dev"
	}
	return m.environments[s.environment].name
}

// check compares the backend with the model.
func (m *model) check(w *ordinary) {
	w.t.Helper()
	want := map[string]string{}
	for _, s := range m.secrets {
		want[m.environmentOf(s)+"/"+s.name] = s.value
	}
	if source := m.copied(); source >= 0 {
		want["dev/copy"] = m.secrets[source].value
	}
	got := map[string]string{}
	for _, s := range w.listed("secret") {
		if s.Held != "" {
			w.t.Errorf("secret %s is still held: %s", s.Name, s.Held)
			continue
		}
		got[s.Environment+"/"+s.Name] = w.pouncet("resolve", s.Name, "--env", s.Environment)
	}
	if !maps.Equal(got, want) {
		w.t.Errorf("the backend has %v, want %v", got, want)
	}
	for _, v := range m.values {
		environment, want := "dev", v.plain
		if v.link >= 0 {
			environment, want = m.environmentOf(m.secrets[v.link]), m.secrets[v.link].value
		}
		w.has(environment, v.name, want, "--value")
	}
	for _, kind := range []string{"env", "type"} {
		for _, o := range w.listed(kind) {
			if o.Held != "" {
				w.t.Errorf("%s %s is still held: %s", kind, o.Name, o.Held)
			}
		}
	}
}

type listedObject struct{ Environment, Name, Held string }

// listed returns the objects that a command lists.
func (w *ordinary) listed(command string) []listedObject {
	w.t.Helper()
	var list struct{ Objects []listedObject }
	if err := json.Unmarshal([]byte(w.pouncet(command, "list", "--json")), &list); err != nil {
		w.t.Fatal(err)
	}
	return list.Objects
}

// removeOldKeys removes the files of KMS keys that no environment has any more. Those that one has must exist.
func (m *model) removeOldKeys(w *ordinary) {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.Dir, "key*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for i, e := range m.environments {
		if e.key != "" && !slices.Contains(files, filepath.Join(w.Dir, e.key)) {
			w.t.Errorf("the KMS key of environment %d was never used", i)
		}
	}
	for _, file := range files {
		used := slices.ContainsFunc(m.environments[:], func(e modelEnvironment) bool {
			return e.key != "" && filepath.Base(file) == e.key
		})
		if used {
			continue
		}
		if err := os.Remove(file); err != nil {
			w.t.Fatal(err)
		}
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
	seed, steps, lasts := uint64(1), 80, 150*time.Second // with POUNCET_TEST_PARTS, the same worlds in every run
	switch {
	case os.Getenv("POUNCET_TORTURE") != "":
		seed, steps, lasts = uint64(time.Now().UnixNano()), 1_000_000, 45*time.Minute
	case os.Getenv("POUNCET_TEST_PARTS") == "":
		t.Skip("SKIPPED: random worlds in a real Terraform: run make torture")
	}
	if given := os.Getenv("POUNCET_SEED"); given != "" { // a given seed runs all its steps, however slow the machine is
		var err error
		lasts = 45 * time.Minute
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("POUNCET_SEED=%d repeats this run", seed)
	end := time.Now().Add(lasts)
	running := func() bool { return time.Now().Before(end) && !t.Failed() } // t fails with either worker
	for worker := range uint64(2) {
		t.Run(fmt.Sprintf("worker %d", worker), func(t *testing.T) {
			w := newOrdinaryIn(t, acctest.NewWorkspace(t)) // one process for each provider block
			for n := worker; int(n)*20 < steps && running(); n += 2 {
				runWorld(w, seed+n, running)
			}
		})
	}
}

// runWorld makes a world, changes it in up to 20 steps, and destroys it.
func runWorld(w *ordinary, seed uint64, running func() bool) {
	w.pouncet("project", "set", "default", "--max-secrets", strconv.Itoa(largestWorld+1)) // and the copy
	m := newModel(seed)
	w.config(m.config(w.Dir, ""))
	w.converges(10)
	for number := 0; number < 20 && running(); number++ {
		s := m.step()
		w.t.Logf("seed %d, step %d: %s", seed, number, strings.Join(s.did, ", "))
		runStep(w, m, s)
	}
	w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
	for _, kind := range []string{"secret", "value", "type"} {
		if list := w.pouncet(kind, "list", "--json"); strings.Contains(list, `"managed_by"`) {
			w.t.Errorf("after the destroy, the backend has a %s:\n%s", kind, list)
		}
	}
}

func runStep(w *ordinary, m *model, s *modelStep) {
	w.t.Helper()
	for _, address := range s.taints {
		w.Must("taint", "-no-color", address)
	}
	if s.refused != nil {
		w.config(s.refused.config(w.Dir, ""))
		for _, parallelism := range []string{"-parallelism=1", "-parallelism=10"} {
			out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color", parallelism))
			if !strings.Contains(out, s.message) {
				w.t.Errorf("the plan does not fail with %q:\n%s", s.message, out)
			}
		}
		return
	}
	if s.blocked != "" {
		w.config(m.config(w.Dir, s.blocked))
		w.Fails(append([]string{"apply", "-auto-approve", "-input=false", "-no-color"}, s.replaces...)...)
		s.replaces = nil // the next apply ends what this one began
	}
	w.config(m.config(w.Dir, ""))
	plan := append([]string{"plan", "-input=false", "-no-color"}, s.replaces...)
	w.Must(append(plan, "-parallelism=1", "-out=one")...)
	w.Must(append(plan, "-parallelism=10", "-out=ten")...)
	if one, ten := w.plannedChanges("one"), w.plannedChanges("ten"); !bytes.Equal(one, ten) {
		w.t.Errorf("two plans of one configuration differ:\n%s\n%s", one, ten)
	}
	parallelism := []string{"-parallelism=1", "-parallelism=10"}[m.r.IntN(2)]
	if s.theirs != nil {
		w.pouncet("secret", "set", s.theirs.name, "--env", m.environmentOf(*s.theirs), "--description", "theirs")
		out := acctest.OneLine(w.Fails("apply", "-input=false", "-no-color", parallelism, "ten"))
		if want := fmt.Sprintf("Secret %q was changed after the plan: description", s.theirs.name); !strings.Contains(out,
			want) {
			w.t.Errorf("the apply does not fail with %q:\n%s", want, out)
		}
		w.has(m.environmentOf(*s.theirs), s.theirs.name, s.theirs.value)
		w.applies(parallelism)
	} else {
		w.Must("apply", "-input=false", "-no-color", parallelism, "ten")
	}
	w.isDone()
	m.check(w)
	m.removeOldKeys(w)
}
