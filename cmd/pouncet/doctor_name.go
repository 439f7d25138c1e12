// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/report"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// doctor NAME answers the questions about a secret that "is not available": does it exist under exactly this name, may
// this caller have it, and is anything wrong with it. It asks the backend with a probe, which does all that a resolve
// does and returns no value, and looks for the name in other places.

const nameHelp = "It shows where a reference looks, in which order, and what it finds; whether you may have the " +
	"value and whether it can be decrypted; expiry and rotation; the secret that a link means; and where else the name, " +
	"or one like it, exists: in other environments, scopes and projects, deleted, or held by a change. Each line says " +
	"what to do. It reads no value. The exit code is that of \"pouncet resolve\": 0 if the name can be resolved, 3 if " +
	"it is missing, 4 if you may not have the value or it has expired, and 1 otherwise."

// The statuses of a check.
const (
	checkOK      = "ok"
	checkNote    = "note"
	checkProblem = "problem"
)

// nameCheck is one line of the report.
type nameCheck struct {
	Check   string `json:"check"`
	Status  string `json:"status"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// lookupStep is one place where a reference looks.
type lookupStep struct {
	Environment string `json:"environment"`
	Scope       string `json:"scope"`
	ID          string `json:"id,omitempty"` // of the entry there
	Used        bool   `json:"used"`
}

// nameReport is what the doctor found about a name as one kind of entry.
type nameReport struct {
	Kind      backend.Kind `json:"kind"`
	Available bool         `json:"available"`
	Lookup    []lookupStep `json:"lookup"`
	Checks    []nameCheck  `json:"checks"`

	entry *backend.Object // that the lookup finds
	trace bool            // the name exists somewhere, or existed
	err   *backend.Error  // of the probe
	// resolvedSince is when the backend began to note which secrets are resolved.
	resolvedSince time.Time
}

func (r *nameReport) add(check, status, message, hint string) {
	r.Checks = append(r.Checks, nameCheck{check, status, message, hint})
}

// nameDoctor looks for one name.
type nameDoctor struct {
	app     *app
	ctx     context.Context
	service backend.Service
	ref     backend.Ref
	now     time.Time
}

// diagnoseName is doctor NAME.
func (a *app) diagnoseName(ctx context.Context, s backend.Service, args []string) error {
	d := nameDoctor{app: a, ctx: ctx, service: s, now: time.Now(), ref: backend.Ref{
		Project: a.projectName(), Environment: a.environmentName(), Scope: a.scope, Name: args[0], Probe: true}}
	if d.ref.Scope == "" {
		d.ref.Scope = backend.ProjectScope
	}
	if err := backend.CheckName(backend.KindSecret, args[0]); err != nil {
		if fit := strings.TrimSpace(args[0]); backend.CheckName(backend.KindSecret, fit) == nil {
			err = err.WithHint("remove the white space around it: %s", fit)
		}
		return err
	}
	// The name of the environment, in case it is given by its id, and the errors of a missing one.
	environments, err := backend.ListAll(ctx, s, backend.Query{Kind: backend.KindEnvironment, Project: d.ref.Project})
	if err != nil {
		return err
	}
	for _, e := range environments {
		if e.ID == d.ref.Environment {
			d.ref.Environment = e.Name
		}
	}
	reports, err := d.reports()
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(map[string]any{"name": d.ref.Name, "project": d.ref.Project, "environment": d.ref.Environment,
			"scope": d.ref.Scope, "entries": reports})
	} else {
		for _, r := range reports {
			d.print(r)
		}
	}
	for _, r := range reports {
		if r.entry != nil && r.err != nil {
			return markMissing(r.err)
		}
	}
	if !slices.ContainsFunc(reports, func(r *nameReport) bool { return r.entry != nil }) {
		return missingReferenceError{reports[0].err}
	}
	return nil
}

// reports returns what was found of the name as a secret and as a scoped value. It leaves out
// a kind that has no trace of the name if the other kind has one.
func (d nameDoctor) reports() ([]*nameReport, error) {
	refs := make([]backend.Ref, len(entryKinds))
	for i, kind := range entryKinds {
		refs[i] = d.ref
		refs[i].Kind = kind
	}
	probed, err := d.service.Resolve(d.ctx, refs)
	if err != nil {
		// A token without the right to resolve, or a KMS that cannot be reached. The rest can still be told.
		probed = make([]backend.Resolution, len(refs))
		for i := range probed {
			probed[i].Err = backend.AsError(err)
		}
	}
	if e := probed[0].Err; e != nil && (e.Attribute == "environment" || e.Attribute == "project") {
		return nil, e
	}
	var reports []*nameReport
	for i, kind := range entryKinds {
		r := &nameReport{Kind: kind, err: probed[i].Err, Checks: []nameCheck{}}
		if err := d.examine(r); err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	withTrace := slices.DeleteFunc(slices.Clone(reports), func(r *nameReport) bool { return !r.trace })
	if len(withTrace) > 0 {
		return withTrace, nil
	}
	r := reports[0]
	r.err = d.missing(r.Kind)
	r.add("exists", checkProblem, "no secret and no scoped value has this name in any environment or project that you see",
		"check the name, or create it: pouncet "+r.Kind.Command()+" set "+d.ref.Name+" --env "+shellWord(d.ref.Environment))
	return reports[:1], d.addSimilar(r)
}

// missing returns the error of a name that the lookup does not find.
func (d nameDoctor) missing(kind backend.Kind) *backend.Error {
	return backend.Errorf(backend.CodeNotFound, "%s %s does not exist in environment %s", kind, backend.Quote(d.ref.Name),
		backend.Quote(d.ref.Environment))
}

// examine fills the report of one kind.
func (d nameDoctor) examine(r *nameReport) error {
	named, since, err := d.named(r.Kind, d.ref.Name)
	if err != nil {
		return err
	}
	r.resolvedSince = since
	r.Lookup = d.lookup(named, d.ref.Name, &r.entry)
	r.trace = len(named) > 0
	if r.entry != nil {
		d.addEntry(r)
		if err := d.addLink(r); err != nil {
			return err
		}
		d.addProbe(r)
	} else if d.addElsewhere(r, named); r.err == nil || r.err.Code != backend.CodeNotFound {
		r.err = d.missing(r.Kind)
	}
	for _, add := range []func(*nameReport) error{d.addDeleted, d.addHeld, d.addProjects} {
		if err := add(r); err != nil {
			return err
		}
	}
	if r.trace && r.entry == nil {
		return d.addSimilar(r)
	}
	return nil
}

// named lists the entries of the project with a name, and says since when the backend notes which secrets are resolved.
func (d nameDoctor) named(kind backend.Kind, name string) ([]backend.Object, time.Time, error) {
	q := backend.Query{Kind: kind, Project: d.ref.Project, Name: name}
	if kind == backend.KindSecret {
		return report.Secrets(d.ctx, d.service, q)
	}
	named, err := backend.ListAll(d.ctx, d.service, q)
	return named, time.Time{}, err
}

// lookup returns the places where a reference looks, and sets entry to what it finds first.
func (d nameDoctor) lookup(named []backend.Object, name string, entry **backend.Object) []lookupStep {
	var steps []lookupStep
	for _, v := range backend.LookupOrder(d.ref.Scope, d.ref.Environment) {
		step := lookupStep{Environment: v.Environment, Scope: v.Scope}
		at := slices.IndexFunc(named, func(o backend.Object) bool {
			return o.Environment == v.Environment && o.Scope == v.Scope && o.Name == name
		})
		if at >= 0 {
			step.ID, step.Used = named[at].ID, *entry == nil
			if step.Used {
				*entry = &named[at]
			}
		}
		steps = append(steps, step)
	}
	return steps
}

// addEntry describes the entry that the lookup finds.
func (d nameDoctor) addEntry(r *nameReport) {
	o := r.entry
	found := "it exists in " + placeText(o.Environment, o.Scope) + ", with the id " + o.ID
	if o.Version > 0 {
		found += ", at version " + strconv.FormatInt(o.Version, 10) + " from " + formatTime(o.ValueAt)
	}
	r.add("exists", checkOK, found, "")
	if o.Environment != d.ref.Environment || o.Scope != d.ref.Scope {
		r.add("inherited", checkNote, "no entry is nearer: "+placeText(d.ref.Environment, d.ref.Scope)+
			" has no entry with this name", "")
	}
	d.addTimes(r, *o)
}

// addTimes reports expiry, rotation and the last use of a secret.
func (d nameDoctor) addTimes(r *nameReport, o backend.Object) {
	set := "pouncet secret set " + o.Name + placeFlags(o.Environment, o.Scope) + d.app.projectFlag()
	switch {
	case o.ExpiresAt.IsZero():
	case o.ExpiresBy(d.now):
		r.add("expiry", checkProblem, "secret "+backend.Quote(o.Name)+" expired at "+formatTime(o.ExpiresAt),
			"set a new value and a later expiry: "+set+" --expires 90d")
	default:
		r.add("expiry", checkOK, "it expires at "+formatTime(o.ExpiresAt), "")
	}
	switch {
	case !o.LastResolvedAt.IsZero():
		r.add("last resolved", checkOK, "it was last resolved at "+resolvedText(o.LastResolvedAt, o.LastResolvedBy), "")
	case o.Kind == backend.KindSecret && !r.resolvedSince.IsZero():
		since := r.resolvedSince
		if o.CreatedAt.After(since) {
			since = o.CreatedAt
		}
		r.add("last resolved", checkNote, "nobody has resolved it since "+formatTime(since), "")
	}
	if o.RotationDueBy(d.now) {
		r.add("rotation", checkNote, "secret "+backend.Quote(o.Name)+" has been due for rotation since "+
			formatTime(o.RotationDueAt)+"; it stays valid", "set a new value: "+set)
	}
	if o.Visibility == backend.Restricted {
		r.add("visibility", checkNote, "secret "+backend.Quote(o.Name)+" is restricted: only a workload gets its value, "+
			"and nobody can reveal it", "")
	}
}

// addLink follows the link of a scoped value.
func (d nameDoctor) addLink(r *nameReport) error {
	if r.entry.Link == nil {
		return nil
	}
	link := r.entry.Link.Secret
	named, since, err := d.named(backend.KindSecret, link)
	if err != nil {
		return err
	}
	var secret *backend.Object
	steps := d.lookup(named, link, &secret)
	if secret == nil {
		var places []string
		for _, s := range steps {
			places = append(places, placeText(s.Environment, s.Scope))
		}
		hint := "set it: pouncet secret set " + link + placeFlags(d.ref.Environment, backend.ProjectScope) +
			d.app.projectFlag()
		r.add("link", checkProblem, "it links to "+linkText(*r.entry)+", which is missing in "+strings.Join(places, " and "),
			hint)
		return nil
	}
	r.add("link", checkOK, "it links to "+linkText(*r.entry)+", which is the one in "+
		placeText(secret.Environment, secret.Scope)+" with the id "+secret.ID, "")
	r.resolvedSince = since
	d.addTimes(r, *secret)
	return nil
}

// addProbe says what the backend answered to a resolve without a value.
func (d nameDoctor) addProbe(r *nameReport) {
	switch e := r.err; {
	case e == nil:
		r.Available = true
		text := "you may have the value, its key is usable, and it can be decrypted"
		if r.Kind == backend.KindScopedValue && r.entry.Link == nil {
			text = "you may have the value"
		}
		r.add("available", checkOK, text, "")
	case e.Code == backend.CodeDenied && e.Attribute == "expires_at": // reported with the expiry
	case e.Code == backend.CodeDenied, e.Code == backend.CodeUnauthenticated:
		r.add("permission", checkProblem, e.Message, e.Hint)
	case e.Code == backend.CodeNotFound && r.entry.Link != nil: // reported with the link
	default:
		r.add("value", checkProblem, e.Message, e.Hint)
	}
}

// addElsewhere names the places of the project that have the name, where the reference does not look.
func (d nameDoctor) addElsewhere(r *nameReport, named []backend.Object) {
	if len(named) == 0 {
		return
	}
	var places []string
	otherScope := ""
	for _, o := range named {
		places = append(places, placeText(o.Environment, o.Scope))
		if o.Environment == d.ref.Environment || o.Environment == backend.AnyEnvironment {
			otherScope = o.Scope
		}
	}
	r.add("exists", checkProblem, "no entry has this name where the reference looks; it exists in "+
		backend.Enumerate(places), "")
	if otherScope != "" {
		r.add("scope", checkNote, "this environment has it in another scope", "use --scope "+otherScope+
			", or scope='"+otherScope+"' in the reference")
		return
	}
	hint := "pouncet " + r.Kind.Command() + " set " + d.ref.Name + placeFlags(d.ref.Environment, d.ref.Scope) +
		d.app.projectFlag()
	r.add("environment", checkNote, "another environment is never used instead", "set it here: "+hint)
}

// addDeleted reports deleted entries of the name that can be restored.
func (d nameDoctor) addDeleted(r *nameReport) error {
	deleted, err := backend.ListAll(d.ctx, d.service, backend.Query{Kind: r.Kind, Project: d.ref.Project,
		Name: d.ref.Name, Deleted: true})
	if errors.Is(err, backend.ErrInvalid) {
		return nil // a server of an earlier release
	}
	for _, o := range deleted {
		status := checkNote
		if r.entry == nil && o.Environment == d.ref.Environment {
			status = checkProblem
		}
		r.trace = true
		r.add("deleted", status, fmt.Sprintf("one was deleted from %s at %s; it can be restored until %s",
			placeText(o.Environment, o.Scope), formatTime(o.DeletedAt), formatTime(o.RestorableUntil)),
			"restore it: pouncet "+r.Kind.Command()+" restore "+o.ID)
	}
	return err
}

// addHeld reports entries that had the name, and lost it to a change of the same configuration.
func (d nameDoctor) addHeld(r *nameReport) error {
	held, err := backend.ListAll(d.ctx, d.service, backend.Query{Kind: r.Kind, Project: d.ref.Project, Held: true})
	if errors.Is(err, backend.ErrInvalid) {
		return nil // a server of an earlier release
	}
	for _, o := range held {
		if o.Was == d.ref.Name {
			r.trace = true
			r.add("held", checkProblem, heldText(o), "")
		}
	}
	return err
}

// maxOtherProjects is how many other projects are searched for the name.
const maxOtherProjects = 50

// addProjects names the other projects that have the name. It asks them only if the lookup finds nothing.
func (d nameDoctor) addProjects(r *nameReport) error {
	if r.entry != nil {
		return nil
	}
	projects, err := backend.ListAll(d.ctx, d.service, backend.Query{Kind: backend.KindProject})
	if err != nil {
		return err
	}
	projects = slices.DeleteFunc(projects, func(p backend.Object) bool {
		return p.Name == d.ref.Project || p.ID == d.ref.Project
	})
	if n := len(projects); n > maxOtherProjects {
		projects = projects[:maxOtherProjects]
		r.add("projects", checkNote, fmt.Sprintf("only %d of %d other projects were searched", maxOtherProjects, n), "")
	}
	for _, p := range projects {
		found, err := backend.ListAll(d.ctx, d.service, backend.Query{Kind: r.Kind, Project: p.ID, Name: d.ref.Name})
		if errors.Is(err, backend.ErrNotFound) || errors.Is(err, backend.ErrDenied) {
			continue // deleted meanwhile, or not for this caller
		}
		if err != nil {
			return err
		}
		var places []string
		for _, o := range found {
			places = append(places, placeText(o.Environment, o.Scope))
		}
		if len(places) > 0 {
			r.trace = true
			r.add("projects", checkNote, "project "+backend.Quote(p.Name)+" has the name in "+backend.Enumerate(places),
				"use --project "+p.Name)
		}
	}
	return nil
}

// addSimilar names the entry with the nearest name where the reference looks, of either kind.
func (d nameDoctor) addSimilar(r *nameReport) error {
	for _, kind := range entryKinds {
		entries, err := backend.ListAll(d.ctx, d.service, backend.Query{Kind: kind, Project: d.ref.Project})
		if err != nil {
			return err
		}
		var visible []string
		for _, o := range entries {
			if backend.LookupRank(o.Scope, o.Environment, d.ref.Scope, d.ref.Environment) > 0 {
				visible = append(visible, o.Name)
			}
		}
		near := suggest.Name(d.ref.Name, visible)
		if near == "" {
			continue
		}
		text := kind.String() + " " + backend.Quote(near) + " has a similar name"
		if strings.EqualFold(near, d.ref.Name) {
			text = kind.String() + " " + backend.Quote(near) + " differs only in upper and lower case, which names distinguish"
		}
		r.add("similar", checkNote, text, "did you mean "+near+"?")
	}
	return nil
}

// placeText says where an entry is.
func placeText(environment, scope string) string {
	text := "environment " + environment
	if environment == backend.AnyEnvironment {
		text = "all environments (*)"
	}
	if scope != backend.ProjectScope {
		text += ", scope " + scope
	}
	return text
}

// print prints a report: where the reference looks, and a line for each check.
func (d nameDoctor) print(r *nameReport) {
	a := d.app
	a.println(fmt.Sprintf("%s %s in %s of project %s", r.Kind, backend.Quote(d.ref.Name),
		placeText(d.ref.Environment, d.ref.Scope), backend.Quote(d.ref.Project)))
	for i, s := range r.Lookup {
		result := "nothing"
		switch {
		case s.Used:
			result = "found, and used"
		case s.ID != "":
			result = "found, not used: an earlier one is nearer"
		}
		a.println(fmt.Sprintf("  looks %d. in %s: %s", i+1, placeText(s.Environment, s.Scope), result))
	}
	for _, c := range r.Checks {
		line := fmt.Sprintf("  %-8s %s", c.Status, c.Message)
		if c.Hint != "" {
			line += "; " + c.Hint
		}
		a.println(line)
	}
}
