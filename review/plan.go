// SPDX-License-Identifier: MPL-2.0

package review

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Plan holds what a Terraform plan does to secrets, scoped values and environments, and which of their names are
// literal, from the output of `terraform show -json`. It reads nothing else of the plan and no values. It does not
// follow renamed and deleted projects.
type Plan struct {
	changes       []planChange
	instances     []planInstance
	configuration planConfiguration
}

type planChange struct {
	Address      string
	Kind         backend.Kind
	Before       *plannedObject // nil if the plan creates the object
	After        *plannedObject // nil if the plan removes the object
	Replaced     bool           // the plan deletes the object and creates it again
	Rotated      bool
	PlaceUnknown bool // Terraform knows the name or the place only after the apply
}

// plannedObject holds the attributes of an object in a plan.
type plannedObject struct {
	ID          string             `json:"id"`
	Project     string             `json:"project"`
	Environment string             `json:"environment"`
	Scope       string             `json:"scope"`
	Name        string             `json:"name"`
	Key         string             `json:"key"` // of a secret type
	Type        string             `json:"type"`
	Role        string             `json:"role"` // of a binding
	To          string             `json:"to"`   // of a binding
	Visibility  backend.Visibility `json:"visibility"`
	Version     int64              `json:"version"`
	ValueJSON   json.RawMessage    `json:"value_json"`
	FromSecret  *struct {
		Name  string `json:"name"`
		Field string `json:"field"`
	} `json:"from_secret"`
}

// resourceChange is the part of a resource change that Plan reads (Terraform, JSON Output Format, 1.x).
type resourceChange struct {
	Change struct {
		Actions      []string                   `json:"actions"`
		Before       *plannedObject             `json:"before"`
		After        *plannedObject             `json:"after"`
		AfterUnknown map[string]json.RawMessage `json:"after_unknown"`
	} `json:"change"`
}

var plannedKinds = map[string]backend.Kind{
	"pouncet_secret":       backend.KindSecret,
	"pouncet_scoped_value": backend.KindScopedValue,
	"pouncet_environment":  backend.KindEnvironment,
}

// ParsePlan parses the output of `terraform show -json PLANFILE`.
func ParsePlan(data []byte) (*Plan, error) {
	const hint = "create it with: terraform show -json PLANFILE"
	var f struct {
		FormatVersion   string            `json:"format_version"`
		ResourceChanges []json.RawMessage `json:"resource_changes"`
		PriorState      struct {
			Values struct {
				RootModule planStateModule `json:"root_module"`
			} `json:"values"`
		} `json:"prior_state"`
		Configuration struct {
			ProviderConfig map[string]json.RawMessage `json:"provider_config"`
			RootModule     planModule                 `json:"root_module"`
		} `json:"configuration"`
	}
	if json.Unmarshal(data, &f) != nil { // the error may quote the plan
		return nil, backend.Errorf(backend.CodeInvalid, "the plan is invalid JSON").WithHint(hint)
	}
	if major, _, _ := strings.Cut(f.FormatVersion, "."); major != "1" {
		return nil, backend.Errorf(backend.CodeInvalid, "the plan has format %s, which is not supported; use format 1.x",
			backend.Quote(f.FormatVersion)).WithHint(hint)
	}
	p := &Plan{configuration: newPlanConfiguration(f.Configuration.RootModule, f.Configuration.ProviderConfig)}
	for _, raw := range f.ResourceChanges {
		if err := p.add(raw); err != nil {
			return nil, err
		}
		p.addInstance(raw)
	}
	p.addDataSources(f.PriorState.Values.RootModule)
	return p, nil
}

// add reads one resource change. It skips other resources before it parses their attributes, which may have any form.
func (p *Plan) add(raw json.RawMessage) error {
	var head struct{ Address, Mode, Type string }
	if json.Unmarshal(raw, &head) != nil {
		return backend.Errorf(backend.CodeInvalid, "the plan has a resource change that cannot be parsed")
	}
	kind, ours := plannedKinds[head.Type]
	if !ours || head.Mode == "data" {
		return nil
	}
	var own resourceChange
	if json.Unmarshal(raw, &own) != nil {
		return backend.Errorf(backend.CodeInvalid, "the change of resource %s in the plan cannot be parsed", head.Address).
			WithHint("create the plan with a provider that has the version of this command")
	}
	r := own.Change
	c := planChange{Address: head.Address, Kind: kind, Before: r.Before, After: r.After}
	is := func(action string) bool { return slices.Contains(r.Actions, action) }
	switch {
	case is("forget"): // Terraform removes it from the state, and the object stays
		c.After = c.Before
	case is("read"):
		return nil
	}
	c.Replaced = is("delete") && is("create")
	unknown := func(attribute string) bool { return string(r.AfterUnknown[attribute]) == "true" }
	if c.After != nil {
		c.PlaceUnknown = unknown("name") || unknown("environment") || unknown("scope") || unknown("from_secret") ||
			bytes.Contains(r.AfterUnknown["from_secret"], []byte("true"))
	}
	if is("update") {
		c.Rotated = unknown("version") || c.Before.Version != c.After.Version ||
			unknown("value_json") || !bytes.Equal(c.Before.ValueJSON, c.After.ValueJSON)
	}
	p.changes = append(p.changes, c)
	return nil
}

// entryChange is what a plan does to an entry that exists after it.
type entryChange struct {
	address      string
	replaced     bool
	rotated      bool
	unrestricted bool   // its visibility changes from restricted to masked
	oldID        string // the id of the entry before the plan
}

// environmentChanges holds the environments that a plan removes or renames.
type environmentChanges struct {
	removed map[environmentKey]bool
	renamed map[environmentKey]string // to the new name
}

type environmentKey struct{ project, name string }

// Apply returns two catalogs: the objects before the plan and the objects after it. The first is base, with the objects
// that the plan itself mentions. base may be nil.
func (p *Plan) Apply(base *Catalog, d Defaults) (before, after *Catalog) {
	before, after, _ = p.apply(base, d)
	return before, after
}

func (p *Plan) apply(base *Catalog, d Defaults) (before, after *Catalog, environments environmentChanges) {
	environments = environmentChanges{map[environmentKey]bool{}, map[environmentKey]string{}}
	before = base.clone()
	for _, c := range p.changes {
		if c.Before != nil {
			before.upsert(c.Kind, c.Before, d)
		}
	}
	after = before.clone()
	for _, c := range p.changes {
		if c.Before != nil && (c.After == nil || c.Replaced || c.Kind != backend.KindEnvironment) {
			after.remove(c.Kind, c.Before, d)
		}
	}
	for _, c := range p.changes {
		p.applyChange(after, c, d, environments)
	}
	return before, after, environments
}

// applyChange adds the result of a change to the catalog.
func (p *Plan) applyChange(after *Catalog, c planChange, d Defaults, environments environmentChanges) {
	if c.Kind == backend.KindEnvironment && c.Before != nil {
		key := environmentKey{c.Before.project(d), c.Before.Name}
		switch {
		case c.After == nil:
			environments.removed[key] = true
		case c.After.Name != c.Before.Name && !c.PlaceUnknown:
			environments.renamed[key] = c.After.Name
			after.project(key.project).renameEnvironment(c.Before.Name, c.After.Name)
		}
	}
	if c.After == nil {
		return
	}
	if project := after.project(c.After.project(d)); c.PlaceUnknown {
		project.hasUnnamed = true
		return
	}
	e := after.upsert(c.Kind, c.After, d)
	if e == nil {
		return
	}
	e.change = &entryChange{address: c.Address, replaced: c.Replaced, rotated: c.Rotated}
	if c.Before != nil {
		e.change.oldID = c.Before.ID
		e.change.unrestricted = c.Before.Visibility == backend.Restricted && c.After.Visibility == backend.Masked
	}
}

func (a *plannedObject) project(d Defaults) string {
	if a.Project == "" {
		return d.Project
	}
	return a.Project
}

func (a *plannedObject) entry(kind backend.Kind) Entry {
	e := Entry{
		Kind: kind, Name: a.Name, Environment: a.Environment, Scope: a.Scope, ID: a.ID, Type: a.Type,
		version: a.Version, visibility: a.Visibility,
	}
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
	out.errors = c.errors
	for _, p := range c.Projects {
		q := *p
		q.Environments, q.Entries, q.index, q.suggestions = slices.Clone(p.Environments), slices.Clone(p.Entries), nil, nil
		out.Projects = append(out.Projects, &q)
	}
	return out
}

// project returns a project of the catalog. It adds the project if it is missing.
func (c *Catalog) project(name string) *Project {
	p := c.Project(name)
	if p == nil {
		p = &Project{Name: name}
		c.Projects = append(c.Projects, p)
	}
	return p
}

// upsert adds or replaces an object, and returns it if it is an entry.
func (c *Catalog) upsert(kind backend.Kind, a *plannedObject, d Defaults) *Entry {
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
		if p.Entries[i].same(e) {
			p.Entries[i] = e
			return &p.Entries[i]
		}
	}
	p.Entries = append(p.Entries, e)
	return &p.Entries[len(p.Entries)-1]
}

// remove removes an object from the catalog, and all entries of a removed environment.
func (c *Catalog) remove(kind backend.Kind, a *plannedObject, d Defaults) {
	p := c.project(a.project(d))
	p.index = nil
	if kind == backend.KindEnvironment {
		p.Environments = slices.DeleteFunc(p.Environments, func(e Environment) bool { return e.Name == a.Name })
		p.Entries = slices.DeleteFunc(p.Entries, func(e Entry) bool { return e.Environment == a.Name })
		return
	}
	p.Entries = slices.DeleteFunc(p.Entries, a.entry(kind).same)
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

// same reports whether two entries are the same object: they have the same id or, if an id is not known, the same
// place.
func (e Entry) same(o Entry) bool {
	if e.ID != "" && o.ID != "" {
		return e.ID == o.ID
	}
	return e.Kind == o.Kind && e.Name == o.Name && e.Environment == o.Environment && e.Scope == o.Scope
}
