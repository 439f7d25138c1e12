// SPDX-License-Identifier: MPL-2.0

package planning_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/provider/planning"
)

// Terraform plans resources in an order that only references decide. Each case is planned in all orders that Terraform
// can choose, and every one of them must have the same end: the plan is accepted, or it is refused with the message.

const (
	shop    = "terraform:shop"
	project = "default"
)

// planned is one request of Terraform, which comes after others because of a reference.
type planned struct {
	check planning.Check
	after []int
}

type orderCase struct {
	name    string
	before  []backend.Change
	plan    func(o map[string]backend.Object) []planned // with the objects before, by kind and name
	refused string                                      // a part of the message, or "" if the plan is accepted
}

func made(kind backend.Kind, environment, name string) backend.Change {
	c := backend.Change{Op: backend.OpCreate, Kind: kind, Project: project, Environment: environment, Name: name}
	switch kind {
	case backend.KindSecret:
		c.Value = backend.PlaintextString("v")
	case backend.KindSecretType:
		c.Schema = json.RawMessage(`{"type":"string"}`)
	case backend.KindScopedValue:
		c.JSON = json.RawMessage("1")
	case backend.KindProject:
		c.Project = ""
	}
	return c
}

func in(project string, c backend.Change) backend.Change {
	c.Project = project
	return c
}

func linked(environment, name, secret string) backend.Change {
	c := made(backend.KindScopedValue, environment, name)
	c.JSON, c.Link = nil, &backend.Link{Secret: secret}
	return c
}

func typed(key string, c backend.Change) backend.Change {
	c.Type = &key
	return c
}

func valued(name, value string) backend.Change {
	c := made(backend.KindSecret, "dev", name)
	c.Value = backend.PlaintextString(value)
	return c
}

func refusingDuplicates() backend.Change { return withDuplicates(project, backend.DuplicatesRefused) }

// ownProject returns the changes that create a project of this configuration, with an environment.
func ownProject(more ...backend.Change) []backend.Change {
	return append([]backend.Change{
		of(shop, made(backend.KindProject, "", "own")), in("own", made(backend.KindEnvironment, "", "dev")),
	}, more...)
}

func withDuplicates(project string, d backend.Duplicates) backend.Change {
	return backend.Change{
		Op: backend.OpUpdate, Kind: backend.KindProject, Name: project, Policy: &backend.PolicyChange{Duplicates: &d},
	}
}

func of(owner string, c backend.Change) backend.Change {
	c.ManagedBy = &owner
	return c
}

// deletion is the plan of a resource that goes.
func deletion(o backend.Object) planning.Check {
	return planning.Check{
		Change: backend.Change{Op: backend.OpDelete, Kind: o.Kind, ID: o.ID, Incarnation: &o.Incarnation},
		Name:   o.Name, Leaves: o,
	}
}

// leaving is the first plan of a resource that is replaced because it changes its place.
func leaving(o backend.Object) planning.Check {
	c := deletion(o)
	c.Leaves = backend.Object{}
	return c
}

// update is the plan of a resource that exists, with the change that its configuration asks for.
func update(o backend.Object, c backend.Change) planning.Check {
	if c.Op, c.ID = backend.OpUpdate, o.ID; c.Name != o.Name {
		c.Rename = &c.Name
	}
	name := o.Name
	if c.Rename != nil {
		to := c.Name
		c.Rename = &to
	}
	c.Name = ""
	return planning.Check{Change: c, Name: name}
}

func creation(c backend.Change) planning.Check { return planning.Check{Change: c} }

func replacing(o backend.Object, c backend.Change) planning.Check {
	return planning.Check{Change: c, Replaces: o.ID}
}

func first(checks ...planning.Check) []planned {
	out := make([]planned, len(checks))
	for i, c := range checks {
		out[i].check = c
	}
	return out
}

var orderCases = []orderCase{
	{
		name: "a type shrinks out of a list, and a secret moves to the one that gets its key",
		before: []backend.Change{
			of(shop, made(backend.KindSecretType, "", "d")), of(shop, made(backend.KindSecretType, "", "c")),
			of(shop, typed("c", made(backend.KindSecret, "dev", "z"))),
		},
		plan: func(o map[string]backend.Object) []planned {
			return []planned{
				{check: update(o["secret_type d"], made(backend.KindSecretType, "", "c"))},
				{check: deletion(o["secret_type c"])},
				{check: update(o["secret z"], typed("c", made(backend.KindSecret, "dev", "z"))), after: []int{0}},
			}
		},
	},
	{
		name: "an environment gets the name of one that goes, and a new secret is in it",
		before: []backend.Change{
			of(shop, made(backend.KindEnvironment, "", "d")), of(shop, made(backend.KindEnvironment, "", "c")),
		},
		plan: func(o map[string]backend.Object) []planned {
			return []planned{
				{check: update(o["environment d"], made(backend.KindEnvironment, "", "c"))},
				{check: deletion(o["environment c"])},
				{check: creation(made(backend.KindSecret, "c", "z")), after: []int{0}},
			}
		},
	},
	{
		name: "a type goes while a secret without the mark moves away from it",
		before: []backend.Change{
			of(shop, made(backend.KindSecretType, "", "a")),
			of(backend.ManagedByTerraform, typed("a", made(backend.KindSecret, "dev", "s"))),
		},
		plan: func(o map[string]backend.Object) []planned {
			return first(deletion(o["secret_type a"]), update(o["secret s"], typed("", made(backend.KindSecret, "dev", "s"))))
		},
		refused: "is in use by secret s",
	},
	{
		name: "a secret goes while a link of a renamed configuration moves away from it",
		before: []backend.Change{
			of(shop, made(backend.KindSecret, "dev", "a")), of(shop, made(backend.KindSecret, "dev", "b")),
			of("terraform:old", linked("dev", "l", "a")),
		},
		plan: func(o map[string]backend.Object) []planned {
			return first(deletion(o["secret a"]), update(o["scoped_value l"], linked("dev", "l", "b")))
		},
		refused: "is in use by scoped value l",
	},
	{
		name:   "a secret goes while a link stays as it is",
		before: []backend.Change{of(shop, made(backend.KindSecret, "dev", "a")), of(shop, linked("dev", "l", "a"))},
		plan: func(o map[string]backend.Object) []planned {
			return first(deletion(o["secret a"]), update(o["scoped_value l"], linked("dev", "l", "a")))
		},
		refused: "is in use by scoped value l",
	},
	{
		name: "an environment goes with a secret that has no mark",
		before: []backend.Change{
			of(shop, made(backend.KindEnvironment, "", "e")), made(backend.KindSecret, "e", "s"),
		},
		plan: func(o map[string]backend.Object) []planned {
			return first(deletion(o["environment e"]), deletion(o["secret s"]))
		},
		refused: "is in use by secret s",
	},
	{
		name: "an environment goes with its secret",
		before: []backend.Change{
			of(shop, made(backend.KindEnvironment, "", "e")), of(shop, made(backend.KindSecret, "e", "s")),
		},
		plan: func(o map[string]backend.Object) []planned {
			return first(deletion(o["environment e"]), deletion(o["secret s"]))
		},
	},
	{
		name: "a new link to a secret that goes with its environment",
		before: []backend.Change{
			of(shop, made(backend.KindEnvironment, "", "e")), of(shop, made(backend.KindSecret, "e", "a")),
		},
		plan: func(o map[string]backend.Object) []planned {
			return first(deletion(o["environment e"]), deletion(o["secret a"]), creation(linked("dev", "l", "a")))
		},
		refused: `scoped value "l" needs secret "a"`,
	},
	{
		name: "a link that changes to a secret of another environment, which goes",
		before: []backend.Change{
			of(shop, made(backend.KindSecret, "prod", "a")), of(shop, made(backend.KindSecret, "dev", "b")),
			of(shop, linked("dev", "l", "b")),
		},
		plan: func(o map[string]backend.Object) []planned {
			return first(deletion(o["secret a"]), update(o["scoped_value l"], linked("dev", "l", "a")))
		},
		refused: `scoped value "l" needs secret "a"`,
	},
	{
		name: "a new link to a name that a secret of another environment keeps",
		before: []backend.Change{
			of(shop, made(backend.KindSecret, "prod", "a")), of(shop, made(backend.KindSecret, "*", "a")),
		},
		plan: func(o map[string]backend.Object) []planned {
			return first(deletion(o["secret a in prod"]), creation(linked("dev", "l", "a")))
		},
	},
	{
		name: "a type leaves for another project, and a new secret needs it where it was",
		before: []backend.Change{
			of(shop, made(backend.KindProject, "", "q")), of(shop, made(backend.KindSecretType, "", "t")),
		},
		plan: func(o map[string]backend.Object) []planned {
			t := o["secret_type t"]
			return []planned{
				{check: leaving(t)},
				{check: replacing(t, in("q", made(backend.KindSecretType, "", "t"))), after: []int{0}},
				{check: creation(typed("t", made(backend.KindSecret, "dev", "s"))), after: []int{1}},
			}
		},
		refused: `secret "s" needs secret type "t", and this plan moves it to project "q"`,
	},
	{
		name: "an environment leaves for another project, and a new secret is where it was",
		before: []backend.Change{
			of(shop, made(backend.KindProject, "", "q")), of(shop, made(backend.KindEnvironment, "", "e")),
		},
		plan: func(o map[string]backend.Object) []planned {
			e := o["environment e"]
			return []planned{
				{check: leaving(e)},
				{check: replacing(e, in("q", made(backend.KindEnvironment, "", "e"))), after: []int{0}},
				{check: creation(made(backend.KindSecret, "e", "s"))},
			}
		},
		refused: `secret "s" needs environment "e", and this plan moves it to project "q"`,
	},
	{
		name:   "a secret leaves for another environment, and a new link stays where it was",
		before: []backend.Change{of(shop, made(backend.KindSecret, "dev", "a"))},
		plan: func(o map[string]backend.Object) []planned {
			return []planned{
				{check: leaving(o["secret a"])},
				{check: replacing(o["secret a"], made(backend.KindSecret, "prod", "a")), after: []int{0}},
				{check: creation(linked("dev", "l", "a"))},
			}
		},
		refused: `needs secret "a", and this plan moves it to environment "prod"`,
	},
	{
		name:   "a secret leaves for another environment, and a new link goes with it",
		before: []backend.Change{of(shop, made(backend.KindSecret, "dev", "a"))},
		plan: func(o map[string]backend.Object) []planned {
			return []planned{
				{check: leaving(o["secret a"])},
				{check: replacing(o["secret a"], made(backend.KindSecret, "prod", "a")), after: []int{0}},
				{check: creation(linked("prod", "l", "a"))},
			}
		},
	},
	{
		name: "an environment is replaced by one of another name, and has a secret of others",
		before: []backend.Change{
			of(shop, made(backend.KindEnvironment, "", "e")), of("terraform:other", made(backend.KindSecret, "e", "s")),
		},
		plan: func(o map[string]backend.Object) []planned {
			return first(replacing(o["environment e"], made(backend.KindEnvironment, "", "f")))
		},
		refused: `is in use by secret s in e, and its replacement gets another name or place`,
	},
	{
		name: "an environment is replaced by one of another name, and its secret goes with it",
		before: []backend.Change{
			of(shop, made(backend.KindEnvironment, "", "e")), of(shop, made(backend.KindSecret, "e", "s")),
		},
		plan: func(o map[string]backend.Object) []planned {
			return []planned{
				{check: replacing(o["environment e"], made(backend.KindEnvironment, "", "f"))},
				{check: leaving(o["secret s"]), after: []int{0}},
				{check: replacing(o["secret s"], made(backend.KindSecret, "f", "s")), after: []int{1}},
			}
		},
	},
	{
		name: "two secrets get one new value, in a project that refuses that",
		before: []backend.Change{
			refusingDuplicates(), valued("a", "1"), valued("b", "2"),
		},
		plan: func(o map[string]backend.Object) []planned {
			return first(update(o["secret a"], valued("a", "9")), update(o["secret b"], valued("b", "9")))
		},
		refused: "the same value",
	},
	{
		name:   "two new secrets have one value, in a project that refuses that",
		before: []backend.Change{refusingDuplicates()},
		plan: func(o map[string]backend.Object) []planned {
			return first(creation(valued("a", "9")), creation(valued("b", "9")), creation(valued("c", "8")))
		},
		refused: `the same value`,
	},
	{
		name: "two new secrets have one value, in a project that allows that",
		plan: func(o map[string]backend.Object) []planned {
			return first(creation(valued("a", "9")), creation(valued("b", "9")))
		},
	},
	{
		name:   "a secret that refuses duplicates is replaced, and keeps its value",
		before: []backend.Change{refusingDuplicates(), of(shop, valued("a", "1"))},
		plan: func(o map[string]backend.Object) []planned {
			return []planned{
				{check: update(o["secret a"], valued("a", "1"))},
				{check: replacing(o["secret a"], valued("a", "1")), after: []int{0}},
			}
		},
	},
	{
		name:   "a new secret takes the name and the value of a renamed one",
		before: []backend.Change{refusingDuplicates(), of(shop, valued("a", "1"))},
		plan: func(o map[string]backend.Object) []planned {
			return first(update(o["secret a"], valued("b", "1")), creation(valued("a", "1")))
		},
		refused: `this plan gives secrets "a" and "b" the same value`,
	},
	{
		name:   "a new secret takes the name and the value of a renamed one, whose value no configuration has",
		before: []backend.Change{refusingDuplicates(), of(shop, valued("a", "1"))},
		plan: func(o map[string]backend.Object) []planned {
			renamed := update(o["secret a"], valued("b", ""))
			renamed.Change.Value = backend.Plaintext{}
			return first(renamed, creation(valued("a", "1")))
		},
		refused: `this plan gives secrets "a" and "b" the same value`,
	},
	{
		name:   "a new secret takes the old name and value of a secret that gets a new name and value",
		before: []backend.Change{refusingDuplicates(), of(shop, valued("a", "1"))},
		plan: func(o map[string]backend.Object) []planned {
			return first(update(o["secret a"], valued("b", "2")), creation(valued("a", "1")))
		},
	},
	{
		name:   "a new secret takes the name of a renamed one, in a project that refuses equal values",
		before: []backend.Change{refusingDuplicates(), of(shop, valued("a", "1"))},
		plan: func(o map[string]backend.Object) []planned {
			return first(update(o["secret a"], valued("b", "1")), creation(valued("a", "2")))
		},
	},
	{
		name:   "a new secret takes the name and the value of a renamed one, in a project that allows that",
		before: []backend.Change{of(shop, valued("a", "1"))},
		plan: func(o map[string]backend.Object) []planned {
			return first(update(o["secret a"], valued("b", "1")), creation(valued("a", "1")))
		},
	},
	{
		name:   "a project of this configuration begins to refuse equal values",
		before: ownProject(),
		plan: func(o map[string]backend.Object) []planned {
			return first(update(o["project own"], withDuplicates("own", backend.DuplicatesRefused)),
				creation(in("own", valued("a", "9"))), creation(in("own", valued("b", "9"))))
		},
		refused: `this plan gives secrets "a" and "b" the same value`,
	},
	{
		name:   "a project of this configuration no longer refuses equal values",
		before: ownProject(withDuplicates("own", backend.DuplicatesRefused)),
		plan: func(o map[string]backend.Object) []planned {
			return first(update(o["project own"], withDuplicates("own", backend.DuplicatesAllowed)),
				creation(in("own", valued("a", "9"))), creation(in("own", valued("b", "9"))))
		},
	},
	{
		name: "a list of environments becomes shorter at its beginning, and each secret stays in its environment",
		before: []backend.Change{
			of(shop, made(backend.KindEnvironment, "", "e1")), of(shop, made(backend.KindEnvironment, "", "e2")),
			of(shop, made(backend.KindEnvironment, "", "e3")), of(shop, made(backend.KindSecret, "e1", "s1")),
			of(shop, made(backend.KindSecret, "e2", "s2")), of(shop, made(backend.KindSecret, "e3", "s3")),
		},
		plan: func(o map[string]backend.Object) []planned {
			e := []int{0, 1, 2}
			return []planned{
				{update(o["environment e1"], made(backend.KindEnvironment, "", "e2")), nil},
				{update(o["environment e2"], made(backend.KindEnvironment, "", "e3")), nil},
				{deletion(o["environment e3"]), nil},
				{update(o["secret s1"], made(backend.KindSecret, "e2", "s1")), e},
				{update(o["secret s2"], made(backend.KindSecret, "e3", "s2")), e},
				{deletion(o["secret s3"]), nil},
			}
		},
	},
	{
		name: "a list of types becomes shorter at its beginning, and each secret keeps its type",
		before: []backend.Change{
			of(shop, made(backend.KindSecretType, "", "t1")), of(shop, made(backend.KindSecretType, "", "t2")),
			of(shop, made(backend.KindSecretType, "", "t3")), of(shop, typed("t1", made(backend.KindSecret, "dev", "s1"))),
			of(shop, typed("t2", made(backend.KindSecret, "dev", "s2"))),
			of(shop, typed("t3", made(backend.KindSecret, "dev", "s3"))),
		},
		plan: func(o map[string]backend.Object) []planned {
			t := []int{0, 1, 2}
			return []planned{
				{update(o["secret_type t1"], made(backend.KindSecretType, "", "t2")), nil},
				{update(o["secret_type t2"], made(backend.KindSecretType, "", "t3")), nil},
				{deletion(o["secret_type t3"]), nil},
				{update(o["secret s1"], typed("t2", made(backend.KindSecret, "dev", "s1"))), t},
				{update(o["secret s2"], typed("t3", made(backend.KindSecret, "dev", "s2"))), t},
				{deletion(o["secret s3"]), nil},
			}
		},
	},
	{
		name: "a list of projects becomes shorter at its beginning, and each secret stays in its project",
		before: []backend.Change{
			of(shop, made(backend.KindProject, "", "p1")), of(shop, made(backend.KindProject, "", "p2")),
			of(shop, made(backend.KindProject, "", "p3")), of(shop, in("p1", made(backend.KindSecret, "*", "s1"))),
			of(shop, in("p2", made(backend.KindSecret, "*", "s2"))), of(shop, in("p3", made(backend.KindSecret, "*", "s3"))),
		},
		plan: func(o map[string]backend.Object) []planned {
			p := []int{0, 1, 2}
			return []planned{
				{update(o["project p1"], made(backend.KindProject, "", "p2")), nil},
				{update(o["project p2"], made(backend.KindProject, "", "p3")), nil},
				{deletion(o["project p3"]), nil},
				{update(o["secret s1"], in("p2", made(backend.KindSecret, "*", "s1"))), p},
				{update(o["secret s2"], in("p3", made(backend.KindSecret, "*", "s2"))), p},
				{deletion(o["secret s3"]), nil},
			}
		},
	},
	{
		name:   "a replaced environment has a new secret",
		before: []backend.Change{of(shop, made(backend.KindEnvironment, "", "e"))},
		plan: func(o map[string]backend.Object) []planned {
			return first(replacing(o["environment e"], made(backend.KindEnvironment, "", "e")),
				creation(made(backend.KindSecret, "e", "s")))
		},
	},
}

func TestPlanDoesNotDependOnTheOrder(t *testing.T) {
	for _, c := range orderCases {
		t.Run(c.name, func(t *testing.T) {
			s, objects := world(t, c.before)
			plan := c.plan(objects)
			var inFirstOrder []string
			permutations(len(plan), func(order []int) {
				if !follows(plan, order) {
					return
				}
				answers, errs := planIn(t, s, plan, order)
				if inFirstOrder == nil {
					inFirstOrder = answers
				}
				if c.refused == "" && !slices.Equal(answers, inFirstOrder) {
					t.Errorf("in the order %v, the answers are %q, and in the first order %q", order, answers, inFirstOrder)
				}
				if c.refused == "" && len(errs) > 0 {
					t.Errorf("in the order %v, the plan is refused: %v", order, errs)
				}
				if c.refused != "" && !strings.Contains(strings.Join(errs, "\n"), c.refused) {
					t.Errorf("in the order %v, the plan is not refused with %q: %v", order, c.refused, errs)
				}
			})
		})
	}
}

// Terraform plans a replaced container twice. The first plan updates the container, which can be a rename. The contents
// are then in another container, so their deletion must not wait for a creation in the old one.
func TestReplacedContainerHasNoFormerName(t *testing.T) {
	s, o := world(t, []backend.Change{of(shop, made(backend.KindProject, "", "own"))})
	p := planning.New(s, shop, true)
	check := func(c planning.Check) {
		t.Helper()
		if result, err := p.Check(t.Context(), c); err != nil || len(result.Errors) > 0 {
			t.Fatal(result.Errors, err)
		}
	}
	for _, kind := range []backend.Kind{backend.KindProject, backend.KindEnvironment} {
		old, next := o["project own"], made(kind, "", "next")
		if kind == backend.KindEnvironment {
			old = o["environment dev"]
		}
		p.Know(old.ID)
		check(update(old, next))
		names := func() string {
			if kind == backend.KindEnvironment {
				_, name := p.PresentNames(backend.DefaultProject, "next")
				return name
			}
			name, _ := p.PresentNames("next", "")
			return name
		}
		if got := names(); got != old.Name {
			t.Errorf("%s renamed: the present name is %q, want %q", kind, got, old.Name)
		}
		check(replacing(old, next))
		if got := names(); got != "next" {
			t.Errorf("%s replaced: the present name is %q, want the new one", kind, got)
		}
	}
}

// world returns a backend with objects, by kind and name, and also with their environment.
func world(t *testing.T, before []backend.Change) (backend.Service, map[string]backend.Object) {
	t.Helper()
	ctx := context.Background()
	s := opentest.Open(t)
	set := append([]backend.Change{
		made(backend.KindEnvironment, "", "dev"), made(backend.KindEnvironment, "", "prod"),
	}, before...)
	out, err := s.Apply(ctx, backend.ChangeSet{Changes: set})
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]backend.Object{}
	for _, o := range out {
		key := string(o.Object.Kind) + " " + o.Object.Name
		objects[key], objects[key+" in "+o.Object.Environment] = o.Object, o.Object
	}
	return s, objects
}

// follows reports whether an order keeps the references.
func follows(plan []planned, order []int) bool {
	for i, p := range plan {
		for _, earlier := range p.after {
			if slices.Index(order, earlier) > slices.Index(order, i) {
				return false
			}
		}
	}
	return true
}

// planIn plans in an order. It returns what each creation and update does, and the errors.
func planIn(t *testing.T, s backend.Service, plan []planned, order []int) (answers, errs []string) {
	t.Helper()
	p := planning.New(s, shop, true)
	answers = make([]string, len(plan))
	for _, i := range order {
		check := plan[i].check
		if id := check.Change.ID; id != "" {
			p.Know(id)
		}
		result, err := p.Check(context.Background(), check)
		if err != nil {
			t.Fatal(err)
		}
		if check.Change.Op != backend.OpDelete { // Terraform shows nothing of what a deletion does
			answers[i] = fmt.Sprint(result.Outcome.Action, result.Outcome.Changed)
		}
		for _, e := range result.Errors {
			errs = append(errs, e.Message)
			if check.Change.Op != backend.OpDelete && strings.Contains(e.Hint, "force") {
				t.Errorf("the hint for a resource that stays is about a deletion: %s", e.Hint)
			}
		}
	}
	return answers, errs
}

// permutations calls f with every order of n numbers.
func permutations(n int, f func(order []int)) {
	order := make([]int, 0, n)
	var extend func()
	extend = func() {
		if len(order) == n {
			f(order)
			return
		}
		for i := range n {
			if !slices.Contains(order, i) {
				order = append(order, i)
				extend()
				order = order[:len(order)-1]
			}
		}
	}
	extend()
}
