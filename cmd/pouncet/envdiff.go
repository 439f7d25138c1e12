// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// How two environments are compared: what a reference finds in each of them, by the lookup order.

// The results of the comparison of one name.
const (
	pairSame        = "same"
	pairDifferent   = "different"
	pairMissing     = "missing"
	pairNotCompared = "not compared"
)

// sideJSON says what a reference finds in one environment.
type sideJSON struct {
	Status string `json:"status"` // "set" or "missing"
	// The place of the entry. If it is not the place of the pair, the entry is inherited from it.
	Environment string `json:"environment,omitempty"`
	Scope       string `json:"scope,omitempty"`
	ID          string `json:"id,omitempty"`
	Version     int64  `json:"version,omitempty"`
}

// comparedPair is one name in two environments.
type comparedPair struct {
	kind        backend.Kind
	scope, name string
	sides       [2]*backend.Object // what a reference finds in each environment; nil for nothing
	result      string
	value       string   // pairSame, pairDifferent or pairNotCompared; "" if one side is missing
	attributes  []string // those that differ
}

// pairJSON is the JSON form of a comparedPair.
type pairJSON struct {
	Kind       backend.Kind `json:"kind"`
	Name       string       `json:"name"`
	Scope      string       `json:"scope"`
	Result     string       `json:"result"`
	Value      string       `json:"value,omitempty"`
	Attributes []string     `json:"attributes"`
	First      sideJSON     `json:"first"`
	Second     sideJSON     `json:"second"`
}

func (a *app) environmentDiffCommand() *cobra.Command {
	var namesOnly bool
	c := &cobra.Command{
		Use:   "diff ENVIRONMENT ENVIRONMENT",
		Short: "Compare two environments without their values",
		Long: wrap("Compares the secrets and scoped values of two environments, and never shows a value. For each name and "+
			"scope it says what a reference finds: an entry of the environment itself, or one that it inherits from \"*\" or "+
			"from the project scope. What both environments inherit from one place is not listed.") + "\n\n" +
			wrap("A value is \"same\", \"different\", or \"not compared\" if you may not compare it. The attributes that "+
				"differ are named: type, visibility, description, labels, protected, rotation_days, expires_at, link. "+
				"Each comparison of different values counts as a wrong guess for those who may not have them.") + "\n\n" +
			wrap("The exit code is 0 if the environments are the same, 5 if they differ, and 4 if something was not compared "+
				"and nothing differs."),
		Example: "  pouncet env diff dev prod\n" +
			"  pouncet env diff dev prod --json\n" +
			"  pouncet env diff dev prod --names-only      # only what one of them lacks",
		Args: arguments(2, 2, "two environments"),
	}
	c.Flags().BoolVar(&namesOnly, "names-only", false, "compare only which names each environment has")
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		environments, err := a.twoEnvironments(ctx, s, args)
		if err != nil {
			return err
		}
		pairs, err := a.pairs(ctx, s, environments)
		if err == nil && !namesOnly {
			stop := a.working("comparing the values")
			err = compareValues(ctx, s, pairs)
			stop()
		}
		if err != nil {
			return err
		}
		for i := range pairs {
			pairs[i].conclude(namesOnly)
		}
		a.printPairs(environments, pairs)
		return pairsError(environments, pairs)
	})
	return c
}

// twoEnvironments returns the names of two environments that exist and are not the same.
func (a *app) twoEnvironments(ctx context.Context, s backend.Service, args []string) ([2]string, error) {
	var out [2]string
	objects, err := backend.ListAll(ctx, s, backend.Query{Kind: backend.KindEnvironment, Project: a.projectName()})
	if err != nil {
		return out, err
	}
	for i, arg := range args {
		at := slices.IndexFunc(objects, func(o backend.Object) bool { return o.Name == arg || o.ID == arg })
		switch {
		case arg == backend.AnyEnvironment:
			out[i] = arg
		case at >= 0:
			out[i] = objects[at].Name
		default:
			err := backend.Errorf(backend.CodeNotFound, "environment %s does not exist in project %s", backend.Quote(arg),
				backend.Quote(a.projectName())).At("environment")
			err.Suggestion = suggest.Name(arg, objectNames(objects))
			return out, err.WithHint("existing environments: %s", backend.Enumerate(objectNames(objects)))
		}
	}
	if out[0] == out[1] {
		return out, &usageError{backend.Errorf(backend.CodeInvalid, "environment %s is given twice",
			backend.Quote(out[0])).WithHint("name two environments")}
	}
	return out, nil
}

// entryKinds are the kinds of the objects in an environment.
var entryKinds = []backend.Kind{backend.KindSecret, backend.KindScopedValue}

// entriesOf returns the secrets and scoped values of environments, and those that all environments share.
func entriesOf(
	ctx context.Context, s backend.Service, project string, environments ...string,
) ([]backend.Object, error) {
	var out []backend.Object
	for _, kind := range entryKinds {
		for _, environment := range slices.Compact(append(environments, backend.AnyEnvironment)) {
			objects, err := backend.ListAll(ctx, s, backend.Query{Kind: kind, Project: project, Environment: environment})
			if err != nil {
				return nil, err
			}
			out = append(out, objects...)
		}
	}
	return out, nil
}

// pairs returns what references find in two environments, without what both find in one place.
func (a *app) pairs(ctx context.Context, s backend.Service, environments [2]string) ([]comparedPair, error) {
	defer a.working("reading the environments")()
	own := slices.DeleteFunc(environments[:], func(e string) bool { return e == backend.AnyEnvironment })
	entries, err := entriesOf(ctx, s, a.projectName(), slices.Clone(own)...)
	if err != nil {
		return nil, err
	}
	return pairsOf(entries, environments), nil
}

// pairKey names one entry, whatever its environment.
type pairKey struct {
	kind        backend.Kind
	scope, name string
}

func pairsOf(entries []backend.Object, environments [2]string) []comparedPair {
	places := map[pairKey]map[string]*backend.Object{} // the entries of a name and scope, by environment
	for i, o := range entries {
		key := pairKey{o.Kind, o.Scope, o.Name}
		if places[key] == nil {
			places[key] = map[string]*backend.Object{}
		}
		places[key][o.Environment] = &entries[i]
	}
	lookUp := func(key pairKey, environment string) *backend.Object {
		for _, v := range backend.LookupOrder(key.scope, environment) {
			if o := places[pairKey{key.kind, v.Scope, key.name}][v.Environment]; o != nil {
				return o
			}
		}
		return nil
	}
	var out []comparedPair
	for key := range places {
		p := comparedPair{kind: key.kind, scope: key.scope, name: key.name}
		for i, environment := range environments {
			p.sides[i] = lookUp(key, environment)
		}
		if p.sides[0] != p.sides[1] {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(x, y comparedPair) int {
		return cmp.Or(strings.Compare(string(x.kind), string(y.kind)), strings.Compare(x.name, y.name),
			strings.Compare(x.scope, y.scope))
	})
	return out
}

// isComplete reports whether both environments have the name.
func (p comparedPair) isComplete() bool { return p.sides[0] != nil && p.sides[1] != nil }

// compareValues sets the results of the values, in as few calls as possible. Where the caller may compare nothing, the
// values are not compared.
func compareValues(ctx context.Context, s backend.Service, pairs []comparedPair) error {
	var secrets []int
	for i := range pairs {
		p := &pairs[i]
		switch {
		case !p.isComplete():
		case p.kind == backend.KindSecret:
			p.value = pairNotCompared
			secrets = append(secrets, i)
		default:
			p.value = pairDifferent
			x, y := p.sides[0], p.sides[1]
			sameLink := (x.Link == nil) == (y.Link == nil) && (x.Link == nil || *x.Link == *y.Link)
			if sameLink && (x.Link != nil || backend.EqualJSON(x.JSON, y.JSON)) {
				p.value = pairSame
			}
		}
	}
	for part := range slices.Chunk(secrets, backend.MaxPage) {
		set := backend.ChangeSet{DryRun: true}
		for _, i := range part {
			set.Changes = append(set.Changes, backend.Change{Op: backend.OpCompare, Kind: backend.KindSecret,
				ID: pairs[i].sides[0].ID, With: &backend.VersionOf{ID: pairs[i].sides[1].ID}})
		}
		outcomes, err := s.Apply(ctx, set)
		if errors.Is(err, backend.ErrDenied) {
			return nil
		}
		if err != nil {
			return err
		}
		for n, i := range part {
			switch o := outcomes[n]; {
			case o.Err != nil && o.Err.Code == backend.CodeNotFound:
				return o.Err // it was deleted meanwhile
			case o.Err != nil || o.Unchecked != "":
			case o.Action == backend.ActionUnchanged:
				pairs[i].value = pairSame
			default:
				pairs[i].value = pairDifferent
			}
		}
	}
	return nil
}

// comparedAttributes are the attributes that an environment may be expected to share with another one. Tags are not
// among them, because they name versions of their own secret, nor is managed_by.
var comparedAttributes = []struct {
	name string
	same func(x, y *backend.Object) bool
}{
	{"type", func(x, y *backend.Object) bool { return x.Type == y.Type }},
	{"visibility", func(x, y *backend.Object) bool { return x.Visibility == y.Visibility }},
	{"description", func(x, y *backend.Object) bool { return x.Description == y.Description }},
	{"labels", func(x, y *backend.Object) bool { return maps.Equal(x.Labels, y.Labels) }},
	{"protected", func(x, y *backend.Object) bool { return x.Protected == y.Protected }},
	{"rotation_days", func(x, y *backend.Object) bool { return x.RotationDays == y.RotationDays }},
	{"expires_at", func(x, y *backend.Object) bool { return x.ExpiresAt.Equal(y.ExpiresAt) }},
	{"link", func(x, y *backend.Object) bool { return (x.Link == nil) == (y.Link == nil) }},
}

// conclude sets the result of a pair.
func (p *comparedPair) conclude(namesOnly bool) {
	if !p.isComplete() {
		p.result = pairMissing
		return
	}
	if namesOnly {
		p.result = pairSame
		return
	}
	for _, a := range comparedAttributes {
		if !a.same(p.sides[0], p.sides[1]) {
			p.attributes = append(p.attributes, a.name)
		}
	}
	p.result = p.value
	if len(p.attributes) > 0 {
		p.result = pairDifferent
	}
}

// pairsError returns the error that says how two environments differ, nil if they do not.
func pairsError(environments [2]string, pairs []comparedPair) error {
	count := map[string]int{}
	for _, p := range pairs {
		count[p.result]++
	}
	label := fmt.Sprintf("environments %s and %s", backend.Quote(environments[0]), backend.Quote(environments[1]))
	switch differ, unknown := count[pairDifferent]+count[pairMissing], count[pairNotCompared]; {
	case differ > 0:
		return differsError{backend.Errorf(backend.CodeConflict, "%s differ in %s", label, backend.Plural(differ, "name"))}
	case unknown > 0:
		return backend.Errorf(backend.CodeDenied, "%s have no difference that you may see, but %s not compared", label,
			backend.Plural(unknown, "value")+map[bool]string{true: " was", false: " were"}[unknown == 1]).
			WithHint("use a token with the role admin or planner; after too many comparisons, try again tomorrow")
	}
	return nil
}

func sideOf(o *backend.Object) sideJSON {
	if o == nil {
		return sideJSON{Status: pairMissing}
	}
	return sideJSON{Status: "set", Environment: o.Environment, Scope: o.Scope, ID: o.ID, Version: o.Version}
}

// sideText says in a few words what an environment has.
func (p comparedPair) sideText(i int, environment string) string {
	o := p.sides[i]
	switch {
	case o == nil:
		return pairMissing
	case o.Scope != p.scope && o.Environment != environment:
		return "from " + o.Environment + ", " + o.Scope
	case o.Scope != p.scope:
		return "from " + o.Scope
	case o.Environment != environment:
		return "from " + o.Environment
	case o.Version > 0:
		return "set, version " + strconv.FormatInt(o.Version, 10)
	}
	return "set"
}

// printPairs prints the comparison. The table leaves out what is the same.
func (a *app) printPairs(environments [2]string, pairs []comparedPair) {
	if a.json {
		out := make([]pairJSON, len(pairs))
		same := true
		for i, p := range pairs {
			out[i] = pairJSON{p.kind, p.name, p.scope, p.result, p.value, append([]string{}, p.attributes...),
				sideOf(p.sides[0]), sideOf(p.sides[1])}
			same = same && p.result == pairSame
		}
		a.printJSON(map[string]any{"first": environments[0], "second": environments[1], "same": same, "entries": out})
		return
	}
	same := 0
	t := table{titles: []string{"KIND", "NAME", "SCOPE", strings.ToUpper(environments[0]),
		strings.ToUpper(environments[1]), "VALUE", "ATTRIBUTES THAT DIFFER"}}
	for _, p := range pairs {
		if p.result == pairSame {
			same++
			continue
		}
		t.add(p.kind.String(), p.name, p.scope, p.sideText(0, environments[0]), p.sideText(1, environments[1]), p.value,
			strings.Join(p.attributes, ", "))
	}
	if len(t.rows) > 0 {
		a.printTable(t)
		return
	}
	a.println(fmt.Sprintf("environments %s and %s do not differ; %s compared", backend.Quote(environments[0]),
		backend.Quote(environments[1]), backend.Plural(same, "entry")))
}
