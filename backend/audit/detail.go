// SPDX-License-Identifier: MPL-2.0

package audit

import (
	"cmp"
	"slices"
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
	// Certificate is the fingerprint of the client certificate of the connection, in the record of a login.
	Certificate string `json:"certificate,omitempty"`

	Since time.Time `json:"since,omitzero"`  // of the first refusal that Count counts
	Count int       `json:"count,omitempty"` // refusals that this record stands for

	// Repeated says that the change was made earlier, by a call with the same idempotency key.
	Repeated bool `json:"repeated,omitempty"`

	// Draft is the name of the draft to which changes were added.
	Draft string `json:"draft,omitempty"`

	Deleted int       `json:"deleted_records,omitempty"`
	Before  time.Time `json:"before,omitzero"` // the deleted records are older

	File string `json:"file,omitempty"` // "reads", for the file that was created

	// From and To name the databases of a move.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`

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
	Probe  bool         `json:"probe,omitempty"` // no value was returned
	Op     backend.Op   `json:"op,omitempty"`
	Force  bool         `json:"force,omitempty"`
	Purge  bool         `json:"purge,omitempty"`
	// Role and Principal are those that a change gives a token.
	Role      backend.Role          `json:"role,omitempty"`
	Principal backend.PrincipalKind `json:"principal,omitempty"`
	// Grant is what a change of a binding gives or, after a deletion, what it gave. Rights and Members are set for a role
	// and a group.
	Grant   *backend.Grant  `json:"grant,omitempty"`
	Trust   *backend.Trust  `json:"trust,omitempty"` // without its keys
	Rights  []backend.Right `json:"rights,omitempty"`
	Members []string        `json:"members,omitempty"`
	Action  backend.Action  `json:"action,omitempty"`
	Changed []string        `json:"changed,omitempty"`
	ID      string          `json:"id,omitempty"`
	Version int64           `json:"version,omitempty"`
	// Was is the name that a change used, if the object has another one now.
	Was string `json:"was,omitempty"`
	// Displaced is the id of the object that a change displaced or took over.
	Displaced string `json:"displaced,omitempty"`
	// DraftedBy are the names of those who staged a change of a draft that is deployed.
	DraftedBy []string     `json:"drafted_by,omitempty"`
	Code      backend.Code `json:"code,omitempty"`    // of the item's own error
	Problem   string       `json:"problem,omitempty"` // of a row that was changed outside Pouncet
}

// maxFailed is how many items of a record were refused or have failed. Any caller can ask for what it may not have, so
// the others are counted only.
const maxFailed = 100

// parts collects the items of a call by the log that they belong to, in the order of their first item.
type parts struct {
	list   []*part
	byLog  map[string]*part
	call   backend.Code // of the error of a call without results; "" if each item has its own
	failed int
}

// part is what a call has to do with one project, or with the deployment.
type part struct {
	log    string
	detail detail
	index  map[[3]string]int // of the groups
	// resolved are the ids of the secrets whose values are returned.
	resolved []string
	refused  backend.Code // of an item that was refused
}

// itemsOf returns a collector for the items of a call. err is the error of a call without results, or nil.
func itemsOf(err error) *parts {
	p := &parts{}
	if err != nil {
		p.call = backend.AsError(err).Code
	}
	return p
}

// whole returns a part of the log of the deployment.
func whole(d detail) *parts { return &parts{list: []*part{{detail: d}}} }

// all returns the parts. A call without items has one.
func (p *parts) all() []*part {
	if len(p.list) == 0 {
		return []*part{{}}
	}
	return p.list
}

func (p *parts) each(f func(*detail)) {
	for _, part := range p.list {
		f(&part.detail)
	}
}

// part returns the part of a log.
func (p *parts) part(log string) *part {
	if known := p.byLog[log]; known != nil {
		return known
	}
	if p.byLog == nil {
		p.byLog = map[string]*part{}
	}
	added := &part{log: log, index: map[[3]string]int{}}
	p.list, p.byLog[log] = append(p.list, added), added
	return added
}

func (p *parts) add(log, project, environment, scope string, i item) {
	if code := cmp.Or(i.Code, p.call); code != "" {
		if p.failed == maxFailed && p.byLog[log] == nil {
			log = "" // so that a call cannot make records in any number of logs
		}
		to := p.part(log)
		if code == backend.CodeDenied || code == backend.CodeUnauthenticated {
			to.refused = code
		}
		if p.failed == maxFailed {
			if to.detail.Omitted == nil {
				to.detail.Omitted = map[backend.Code]int{}
			}
			to.detail.Omitted[code]++
			return
		}
		p.failed++
	}
	for _, text := range []*string{&project, &environment, &scope, (*string)(&i.Kind), &i.Name, &i.Field, &i.Asked,
		(*string)(&i.Op), &i.ID, (*string)(&i.Role), (*string)(&i.Principal), &i.Was} {
		*text = short(*text)
	}
	i.shortenAccess()
	to, key := p.part(log), [3]string{project, environment, scope}
	at, ok := to.index[key]
	if !ok {
		at = len(to.detail.Groups)
		to.index[key] = at
		to.detail.Groups = append(to.detail.Groups, group{Project: project, Environment: environment, Scope: scope})
	}
	to.detail.Groups[at].Items = append(to.detail.Groups[at].Items, i)
}

// shortenAccess bounds what a change says about rights.
func (i *item) shortenAccess() {
	if i.Grant != nil {
		g := *i.Grant
		for _, text := range []*string{&g.Role, &g.To, &g.Where.Project, &g.Where.Environment, &g.Where.Scope,
			&g.Where.Names} {
			*text = short(*text)
		}
		i.Grant = &g
	}
	if backend.CheckRights(i.Rights) != nil {
		i.Rights = nil // they were refused
	}
	i.Members = slices.Clone(i.Members[:min(len(i.Members), backend.MaxMembers)])
	for n := range i.Members {
		i.Members[n] = short(i.Members[n])
	}
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

// resolved lists references. out has their results or, with err, their projects.
func resolved(refs []backend.Ref, out []backend.Resolution, err error) *parts {
	p := itemsOf(err)
	for n, r := range refs {
		i := item{Kind: r.Kind, Name: r.Name, Field: r.Field, Asked: r.Version, Reveal: r.Reveal,
			Probe: r.Probe}
		log := ""
		if n < len(out) {
			log, i.ID, i.Version = out[n].ProjectID, out[n].ID, out[n].Version
			if out[n].Err != nil {
				i.Code = out[n].Err.Code
			}
		}
		p.add(log, r.Project, r.Environment, r.Scope, i)
		if n < len(out) && err == nil && out[n].Err == nil && out[n].SecretID != "" && !r.Probe {
			to := p.part(log)
			to.resolved = append(to.resolved, out[n].SecretID)
		}
	}
	return p
}

// asSent returns the item of a change, without its result.
func asSent(c backend.Change) item {
	i := item{Kind: c.Kind, Name: c.Name, ID: c.ID, Op: c.Op, Force: c.Force, Purge: c.Purge, Grant: c.Grant,
		Rights: c.Rights, Members: c.Members, Trust: shortTrust(c.Trust)}
	if c.Role != nil {
		i.Role = *c.Role
	}
	if c.Principal != nil {
		i.Principal = *c.Principal
	}
	return i
}

// shortTrust returns what a record says of a trust: all but its keys.
func shortTrust(t *backend.Trust) *backend.Trust {
	if t == nil {
		return nil
	}
	out := *t
	out.Issuer, out.Audience, out.Keys, out.Claims = short(t.Issuer), short(t.Audience), nil, map[string]string{}
	for name, pattern := range t.Claims {
		if len(out.Claims) < backend.MaxTrustClaims { // a refused change can have more
			out.Claims[short(name)] = short(pattern)
		}
	}
	return &out
}

// sent lists changes as they were sent, with the id, the action and the error of each. out has their outcomes or, with
// err, their projects.
func sent(set backend.ChangeSet, out []backend.Outcome, err error) *parts {
	p := itemsOf(err)
	for n, c := range set.Changes {
		i, log := asSent(c), ""
		if n < len(out) {
			log, i.ID, i.Action = out[n].ProjectID, cmp.Or(out[n].Object.ID, c.ID), out[n].Action
			switch {
			case out[n].Err != nil:
				i.Code = out[n].Err.Code
			case out[n].Unchecked == "value":
				i.Code = backend.CodeDenied // not compared, after too many wrong guesses
			}
		}
		p.add(log, c.Project, c.Environment, c.Scope, i)
		if n < len(out) {
			p.addParts(log, out[n].Parts)
		}
	}
	p.stagedIn(set.Draft)
	return p
}

// stagedIn notes the draft to which the changes were added.
func (p *parts) stagedIn(draft string) {
	if draft != "" {
		p.each(func(d *detail) { d.Draft = short(draft) })
	}
}

// addParts adds the changes of a draft that is deployed.
func (p *parts) addParts(log string, all []backend.Part) {
	for _, part := range all {
		s := part.Change.Staged
		if s == nil {
			continue
		}
		o := part.Object
		i := item{Kind: s.Kind, Name: part.Change.Name, ID: s.Object, Op: s.Op, Force: s.Force, Purge: s.Purge,
			Action: part.Action, Changed: part.Changed, Version: o.Version, DraftedBy: s.By}
		if o.Name != "" && o.Name != i.Name {
			i.Name, i.Was = o.Name, i.Name
		}
		if part.Displaced != nil {
			i.Displaced = part.Displaced.ID
		}
		if part.Err != nil {
			i.Code = part.Err.Code
		}
		p.add(log, part.Change.Project, part.Change.Environment, part.Change.Scope, i)
	}
}

// made lists changes that were made, with the objects as they are now.
func made(set backend.ChangeSet, out []backend.Outcome) *parts {
	p := &parts{}
	for n, o := range out {
		i := asSent(set.Changes[n])
		if i.Name != o.Object.Name {
			i.Was = i.Name
		}
		i.Kind, i.Name, i.ID, i.Version = o.Object.Kind, o.Object.Name, o.Object.ID, o.Object.Version
		i.Grant, i.Rights, i.Members = o.Object.Grant, o.Object.Rights, o.Object.Members // with names, also of a deletion
		i.Trust = shortTrust(o.Object.Trust)
		i.Action, i.Changed = o.Action, o.Changed
		if o.Displaced != nil {
			i.Displaced = o.Displaced.ID
		}
		p.add(o.ProjectID, o.Object.Project, o.Object.Environment, o.Object.Scope, i)
		p.addParts(o.ProjectID, o.Parts)
	}
	p.stagedIn(set.Draft)
	return p
}
