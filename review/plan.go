// SPDX-License-Identifier: MPL-2.0

package review

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Plan is what a Terraform plan does to secrets, scoped values and
// environments, as `terraform show -json` tells it. Of what is in the plan
// nothing else is read, and no value is among it. Renamed and deleted projects
// are not followed.
type Plan struct {
	changes []planChange
}

type planChange struct {
	Address string
	Kind    backend.Kind
	Before  *planned // nil where the plan makes it
	After   *planned // nil where the plan removes it
	Anew    bool     // deleted and made again
	Rotates bool
	Blurred bool // its name or its place is known only once the plan is applied
}

// planned is what a plan says of an object.
type planned struct {
	ID          string             `json:"id"`
	Project     string             `json:"project"`
	Environment string             `json:"environment"`
	Scope       string             `json:"scope"`
	Name        string             `json:"name"`
	Type        string             `json:"type"`
	Visibility  backend.Visibility `json:"visibility"`
	Version     int64              `json:"version"`
	ValueJSON   json.RawMessage    `json:"value_json"`
	FromSecret  *struct {
		Name  string `json:"name"`
		Field string `json:"field"`
	} `json:"from_secret"`
}

// changed is the part of a resource change (Terraform, JSON Output Format, 1.x)
// that is read of our own resources.
type changed struct {
	Change struct {
		Actions      []string                   `json:"actions"`
		Before       *planned                   `json:"before"`
		After        *planned                   `json:"after"`
		AfterUnknown map[string]json.RawMessage `json:"after_unknown"`
	} `json:"change"`
}

var plannedKinds = map[string]backend.Kind{
	"pouncet_secret": backend.KindSecret, "pouncet_scoped_value": backend.KindScopedValue, "pouncet_environment": backend.KindEnvironment,
}

// ParsePlan reads what `terraform show -json PLANFILE` prints.
func ParsePlan(data []byte) (*Plan, error) {
	const hint = "make it by: terraform show -json PLANFILE"
	var f struct {
		FormatVersion   string            `json:"format_version"`
		ResourceChanges []json.RawMessage `json:"resource_changes"`
	}
	if json.Unmarshal(data, &f) != nil { // its error could quote the plan
		return nil, backend.Errorf(backend.CodeInvalid, "the plan is not JSON").WithHint(hint)
	}
	if major, _, _ := strings.Cut(f.FormatVersion, "."); major != "1" {
		return nil, backend.Errorf(backend.CodeInvalid, "the plan has format %s, and 1.x is known", backend.Quote(f.FormatVersion)).WithHint(hint)
	}
	p := &Plan{}
	for _, raw := range f.ResourceChanges {
		if err := p.add(raw); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// add reads one resource change. Those of other resources are passed over
// before anything in them is read: it may have any shape.
func (p *Plan) add(raw json.RawMessage) error {
	var head struct{ Address, Mode, Type string }
	if json.Unmarshal(raw, &head) != nil {
		return backend.Errorf(backend.CodeInvalid, "the plan holds a resource change that is none")
	}
	kind, ours := plannedKinds[head.Type]
	if !ours || head.Mode == "data" {
		return nil
	}
	var own changed
	if json.Unmarshal(raw, &own) != nil {
		return backend.Errorf(backend.CodeInvalid, "what the plan says of %s cannot be read", head.Address).
			WithHint("make it with the provider of the same version as this command")
	}
	r := own.Change
	c := planChange{Address: head.Address, Kind: kind, Before: r.Before, After: r.After}
	is := func(action string) bool { return slices.Contains(r.Actions, action) }
	switch {
	case is("forget"): // Terraform lets go of it, and it stays
		c.After = c.Before
	case is("read"):
		return nil
	}
	c.Anew = is("delete") && is("create")
	unknown := func(attribute string) bool { return string(r.AfterUnknown[attribute]) == "true" }
	if c.After != nil {
		c.Blurred = unknown("name") || unknown("environment") || unknown("scope") || unknown("from_secret") ||
			bytes.Contains(r.AfterUnknown["from_secret"], []byte("true"))
	}
	if is("update") {
		c.Rotates = unknown("version") || c.Before.Version != c.After.Version || unknown("value_json") || !bytes.Equal(c.Before.ValueJSON, c.After.ValueJSON)
	}
	p.changes = append(p.changes, c)
	return nil
}

// entryChange is what a plan does to an entry that is there afterwards.
type entryChange struct {
	address  string
	anew     bool
	rotates  bool
	exposes  bool
	identity string // the entry's before the plan
}

// fate is what a plan does to environments, by project and name.
type fate struct {
	removed map[[2]string]bool
	renamed map[[2]string]string
}

// Apply makes two catalogs: what exists before the plan, and what will after
// it. The first is what base knows and, so far as that is less, what the plan
// itself says; base may be nil.
func (p *Plan) Apply(base *Catalog, d Defaults) (before, after *Catalog) {
	before, after, _ = p.apply(base, d)
	return before, after
}

func (p *Plan) apply(base *Catalog, d Defaults) (before, after *Catalog, f fate) {
	f = fate{map[[2]string]bool{}, map[[2]string]string{}}
	before = base.clone()
	for _, c := range p.changes {
		if c.Before != nil {
			before.put(c.Kind, c.Before, d)
		}
	}
	after = before.clone()
	for _, c := range p.changes {
		if c.Before != nil && (c.After == nil || c.Anew || c.Kind != backend.KindEnvironment) {
			after.take(c.Kind, c.Before, d)
		}
	}
	for _, c := range p.changes {
		p.settle(after, c, d, f)
	}
	return before, after, f
}

// settle puts into the catalog what a change leaves there.
func (p *Plan) settle(after *Catalog, c planChange, d Defaults, f fate) {
	if c.Kind == backend.KindEnvironment && c.Before != nil {
		at := [2]string{c.Before.project(d), c.Before.Name}
		switch {
		case c.After == nil:
			f.removed[at] = true
		case c.After.Name != c.Before.Name && !c.Blurred:
			f.renamed[at] = c.After.Name
			after.project(at[0]).renameEnvironment(c.Before.Name, c.After.Name)
		}
	}
	if c.After == nil {
		return
	}
	in := after.project(c.After.project(d))
	if c.Blurred {
		in.blurred = true
		return
	}
	e := after.put(c.Kind, c.After, d)
	if e == nil {
		return
	}
	e.change = &entryChange{address: c.Address, anew: c.Anew, rotates: c.Rotates}
	if c.Before != nil {
		e.change.identity = c.Before.ID
		e.change.exposes = c.Before.Visibility == backend.Restricted && c.After.Visibility == backend.Masked
	}
}

func (a *planned) project(d Defaults) string {
	if a.Project == "" {
		return d.Project
	}
	return a.Project
}

func (a *planned) entry(kind backend.Kind) Entry {
	e := Entry{Kind: kind, Name: a.Name, Environment: a.Environment, Scope: a.Scope, ID: a.ID, Type: a.Type, version: a.Version, visibility: a.Visibility}
	if e.Scope == "" {
		e.Scope = backend.ProjectScope
	}
	if a.FromSecret != nil {
		e.Link = &backend.Link{Secret: a.FromSecret.Name, Field: a.FromSecret.Field}
	}
	return e
}

func (c *Catalog) clone() *Catalog {
	out := &Catalog{Format: CatalogFormat}
	if c == nil {
		return out
	}
	out.unseen = c.unseen
	for _, p := range c.Projects {
		q := *p
		q.Environments, q.Entries, q.index, q.near = slices.Clone(p.Environments), slices.Clone(p.Entries), nil, nil
		out.Projects = append(out.Projects, &q)
	}
	return out
}

// project is a project of the catalog, made if it is not there.
func (c *Catalog) project(name string) *Project {
	p := c.Project(name)
	if p == nil {
		p = &Project{Name: name}
		c.Projects = append(c.Projects, p)
	}
	return p
}

// put makes sure that the catalog has an object, and returns it if it is an entry.
func (c *Catalog) put(kind backend.Kind, a *planned, d Defaults) *Entry {
	p := c.project(a.project(d))
	environment := a.Environment
	if kind == backend.KindEnvironment {
		environment = a.Name
	}
	if _, known := p.environment(environment); !known && environment != backend.AnyEnvironment {
		p.Environments = append(p.Environments, Environment{Name: environment})
	}
	if kind == backend.KindEnvironment {
		return nil
	}
	p.index = nil
	e := a.entry(kind)
	for i := range p.Entries {
		if p.Entries[i].is(e) {
			p.Entries[i] = e
			return &p.Entries[i]
		}
	}
	p.Entries = append(p.Entries, e)
	return &p.Entries[len(p.Entries)-1]
}

// take removes an object from the catalog, and with an environment all that is in it.
func (c *Catalog) take(kind backend.Kind, a *planned, d Defaults) {
	p := c.project(a.project(d))
	p.index = nil
	if kind == backend.KindEnvironment {
		p.Environments = slices.DeleteFunc(p.Environments, func(e Environment) bool { return e.Name == a.Name })
		p.Entries = slices.DeleteFunc(p.Entries, func(e Entry) bool { return e.Environment == a.Name })
		return
	}
	gone := a.entry(kind)
	p.Entries = slices.DeleteFunc(p.Entries, gone.is)
}

func (p *Project) renameEnvironment(from, to string) {
	p.index = nil
	for i := range p.Environments {
		if p.Environments[i].Name == from {
			p.Environments[i].Name = to
		}
	}
	for i := range p.Entries {
		if p.Entries[i].Environment == from {
			p.Entries[i].Environment = to
		}
	}
}

// is reports whether two entries are the same one: of one id or, where that is
// not known, of one place and name.
func (e Entry) is(o Entry) bool {
	if e.ID != "" && o.ID != "" {
		return e.ID == o.ID
	}
	return e.Kind == o.Kind && e.Name == o.Name && e.Environment == o.Environment && e.Scope == o.Scope
}
