// SPDX-License-Identifier: MPL-2.0

package audit

import (
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// group holds the items of one project, environment and scope. A thousand
// references of one file share it, which keeps the record small.
type group struct {
	Project     string `json:"project,omitempty"`
	Environment string `json:"environment,omitempty"`
	Scope       string `json:"scope,omitempty"`
	Items       []item `json:"items"`
}

// item is one reference, or one change.
type item struct {
	Kind   backend.Kind `json:"kind"`
	Name   string       `json:"name,omitempty"`
	Field  string       `json:"field,omitempty"`
	Asked  string       `json:"asked_version,omitempty"`
	Reveal bool         `json:"reveal,omitempty"`
	Op     backend.Op   `json:"op,omitempty"`
	Force  bool         `json:"force,omitempty"`
	Purge  bool         `json:"purge,omitempty"`
	// Role and Principal are those that a change gives a token.
	Role      backend.Role          `json:"role,omitempty"`
	Principal backend.PrincipalKind `json:"principal,omitempty"`
	Action    backend.Action        `json:"action,omitempty"`
	Changed   []string              `json:"changed,omitempty"`
	ID        string                `json:"id,omitempty"`
	Version   int64                 `json:"version,omitempty"`
	// Displaced is the id of the object that a change displaced or took over.
	Displaced string       `json:"displaced,omitempty"`
	Code      backend.Code `json:"code,omitempty"`    // of the item's own error
	Problem   string       `json:"problem,omitempty"` // of a row that was changed outside Pouncet
}

// groups collects items by group, in the order of their first item.
type groups struct {
	list  []group
	index map[[3]string]int
}

func (p *groups) add(project, environment, scope string, i item) {
	for _, text := range []*string{&project, &environment, &scope, (*string)(&i.Kind), &i.Name, &i.Field, &i.Asked,
		(*string)(&i.Op), &i.ID, (*string)(&i.Role), (*string)(&i.Principal)} {
		*text = short(*text)
	}
	key := [3]string{project, environment, scope}
	at, ok := p.index[key]
	if !ok {
		if p.index == nil {
			p.index = map[[3]string]int{}
		}
		at = len(p.list)
		p.index[key] = at
		p.list = append(p.list, group{Project: project, Environment: environment, Scope: scope})
	}
	p.list[at].Items = append(p.list[at].Items, i)
}

// mostRecorded is how many bytes of a text a record holds. A name has 256 at most, but a refused call can have any
// text, which would fill the disk.
const mostRecorded = 300

func short(text string) string {
	if len(text) <= mostRecorded {
		return text
	}
	return strings.ToValidUTF8(text[:mostRecorded], "") + "…"
}

func resolved(refs []backend.Ref, out []backend.Resolution) []group {
	var p groups
	for n, r := range refs {
		i := item{Kind: r.Kind, Name: r.Name, Field: r.Field, Asked: r.Version, Reveal: r.Reveal}
		if n < len(out) {
			i.ID, i.Version = out[n].ID, out[n].Version
			if out[n].Err != nil {
				i.Code = out[n].Err.Code
			}
		}
		p.add(r.Project, r.Environment, r.Scope, i)
	}
	return p.list
}

func intended(set backend.ChangeSet) []group {
	var p groups
	for _, c := range set.Changes {
		i := item{Kind: c.Kind, Name: c.Name, ID: c.ID, Op: c.Op, Force: c.Force, Purge: c.Purge}
		if c.Role != nil {
			i.Role = *c.Role
		}
		if c.Principal != nil {
			i.Principal = *c.Principal
		}
		p.add(c.Project, c.Environment, c.Scope, i)
	}
	return p.list
}

func done(out []backend.Outcome) []group {
	var p groups
	for _, o := range out {
		i := item{Kind: o.Object.Kind, Name: o.Object.Name, ID: o.Object.ID, Version: o.Object.Version, Action: o.Action,
			Changed: o.Changed}
		if o.Err != nil {
			i.Code = o.Err.Code
		}
		if o.Displaced != nil {
			i.Displaced = o.Displaced.ID
		}
		p.add(o.Object.Project, o.Object.Environment, o.Object.Scope, i)
	}
	return p.list
}
