// SPDX-License-Identifier: MPL-2.0

package audit

import (
	"cmp"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// detail is what a record holds beyond its columns, as JSON.
type detail struct {
	PrincipalID   string                `json:"principal_id,omitempty"`
	PrincipalKind backend.PrincipalKind `json:"principal_kind,omitempty"`
	Address       string                `json:"address,omitempty"`
	RequestID     string                `json:"request_id,omitempty"`

	Since time.Time `json:"since,omitzero"`  // of the first refusal that Count counts
	Count int       `json:"count,omitempty"` // refusals that this record stands for

	Deleted int       `json:"deleted_records,omitempty"`
	Before  time.Time `json:"before,omitzero"` // the deleted records are older

	Groups []group `json:"groups,omitempty"`
	// Omitted counts the items that are not listed, by the code of their error.
	Omitted map[backend.Code]int `json:"omitted,omitempty"`
}

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

// maxFailed is how many items of a record were refused or have failed. Any caller can ask for what it may not have, so
// the others are counted only.
const maxFailed = 100

// groups collects items by group, in the order of their first item.
type groups struct {
	list    []group
	index   map[[3]string]int
	call    backend.Code // of the error of a call without results; "" if each item has its own
	failed  int
	omitted map[backend.Code]int
}

// itemsOf returns a collector for the items of a call. err is the error of a call without results, or nil.
func itemsOf(err error) *groups {
	p := &groups{}
	if err != nil {
		p.call = backend.AsError(err).Code
	}
	return p
}

func (p *groups) add(project, environment, scope string, i item) {
	if code := cmp.Or(i.Code, p.call); code != "" {
		if p.failed == maxFailed {
			if p.omitted == nil {
				p.omitted = map[backend.Code]int{}
			}
			p.omitted[code]++
			return
		}
		p.failed++
	}
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

func (p *groups) detail() detail { return detail{Groups: p.list, Omitted: p.omitted} }

// mostRecorded is how many bytes of a text a record holds. A name has 256 at most, but a refused call can have any
// text, which would fill the disk.
const mostRecorded = 300

func short(text string) string {
	if len(text) <= mostRecorded {
		return text
	}
	return strings.ToValidUTF8(text[:mostRecorded], "") + "…"
}

func queried(q backend.Query, err error) detail {
	p := itemsOf(err)
	p.add(q.Project, q.Environment, q.Scope, item{Kind: q.Kind, Name: q.Name, ID: q.ID})
	return p.detail()
}

func resolved(refs []backend.Ref, out []backend.Resolution, err error) detail {
	p := itemsOf(err)
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
	return p.detail()
}

// changes lists changes as they were sent. The outcomes of a dry run add the id, the action and the error of each.
func changes(set backend.ChangeSet, out []backend.Outcome, err error) detail {
	p := itemsOf(err)
	for n, c := range set.Changes {
		i := item{Kind: c.Kind, Name: c.Name, ID: c.ID, Op: c.Op, Force: c.Force, Purge: c.Purge}
		if c.Role != nil {
			i.Role = *c.Role
		}
		if c.Principal != nil {
			i.Principal = *c.Principal
		}
		if n < len(out) {
			i.ID, i.Action = cmp.Or(out[n].Object.ID, c.ID), out[n].Action
			switch {
			case out[n].Err != nil:
				i.Code = out[n].Err.Code
			case out[n].Unchecked == "value":
				i.Code = backend.CodeDenied // not compared, after too many wrong guesses
			}
		}
		p.add(c.Project, c.Environment, c.Scope, i)
	}
	return p.detail()
}

// done returns what a set of changes did. An outcome that was refused may have no object; the change then names it.
func done(set backend.ChangeSet, out []backend.Outcome) detail {
	p := itemsOf(nil)
	for n, o := range out {
		if c := set.Changes[n]; o.Object.Kind == "" {
			o.Object = backend.Object{Kind: c.Kind, ID: c.ID, Name: c.Name, Project: c.Project, Environment: c.Environment,
				Scope: c.Scope}
		}
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
	return p.detail()
}
