// SPDX-License-Identifier: MPL-2.0

// Package audit is a Service that records calls. It fails closed: a call that cannot be recorded returns no values and
// changes nothing.
//
// A guard decides inside the log, so that a refused call has a record too:
//
//   - A Resolve has one record, written before its values are returned. It holds the result of each reference. Its verb
//     is "reveal" if a value is shown to a person, and "probe" if no value is returned.
//   - An Apply has one, which [Changes] makes and the engine adds in the transaction of the change. So neither exists
//     without the other.
//   - A dry run has one record, written before its outcomes are returned: "compare", or "fingerprint" if it returns
//     fingerprints.
//   - Changes that are added to a draft have a record "stage". A deployment is recorded like an Apply: its record holds
//     the draft, and each of its changes with the names of those who staged it.
//   - A call that changes nothing because it is refused or fails has one record, with the code of the error. A Query
//     has a record only then, because it returns metadata only.
//
// A call that concerns several projects has a record in the log of each, with its part only. What concerns no existing
// project is in the log of the deployment.
//
// A sign-in at the dashboard has a record "sign-in", and so has a session that is not confirmed.
//
// A login with an identity token has a record "login", which is written with it, with the trust and the subject.
//
// Several records have no caller, or another one: "login" counts refused tokens and sign-ins, "refused" counts
// further refusals of a principal, and "expire" counts records that were deleted. "sweep" lists what was removed after
// its recovery window, "verify" the rows that were changed outside Pouncet, "accept" (intent and outcome) those that
// were signed again, and "upgrade" the tokens that an upgrade signed. "create" says that the file for the records of
// reads was created, and "move" that the backend was moved to another database.
//
// Records hold names, ids, versions and error codes, never values.
//
// # Limits
//
// Any caller can cause refusals, so they cost the server little: [Log.Refused] says how many records they have. A
// record lists at most 100 items that were refused or failed, and counts the others. Each text has at most 300 bytes.
package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/trace"
)

// Sink stores records durably, as store.RecordLog does.
type Sink interface {
	AppendRecords(ctx context.Context, records ...store.Record) error
}

// Options configure a Log.
type Options struct {
	Guard func(next backend.Service) backend.Service // decides which calls are allowed; nil allows all calls
	Now   func() time.Time                           // nil means time.Now
	// Projects returns the ids of the projects that exist, by the names and ids that a call used for them. It is asked for
	// calls that failed. Nil knows no projects.
	Projects func(ctx context.Context, used []string) map[string]string
}

// Log is a Service that records calls.
type Log struct {
	recorder
	next     backend.Service
	projects func(ctx context.Context, used []string) map[string]string
	refusals refusals
}

var _ backend.Service = (*Log)(nil)

// New returns a Log that passes the calls which the guard allows to next, and records reads, dry runs and refusals in
// reads. The engine behind next has [Changes] as its recorder. A server also calls [Log.Keep].
func New(next backend.Service, reads Sink, o Options) *Log {
	l := &Log{recorder: newRecorder(reads, o.Now), next: next, projects: o.Projects}
	if o.Guard != nil {
		l.next = o.Guard(next)
	}
	if o.Projects == nil {
		l.projects = func(context.Context, []string) map[string]string { return nil }
	}
	return l
}

// Query records a call only if it is refused.
func (l *Log) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	page, err := l.next.Query(ctx, q)
	if err != nil && refused(err) {
		l.recordFailure(ctx, "query", err, func() *parts {
			p, log := itemsOf(err), l.projects(ctx, []string{q.Project})[q.Project]
			p.add(log, q.Project, q.Environment, q.Scope, item{Kind: q.Kind, Name: q.Name, ID: q.ID})
			return p
		})
	}
	return page, err
}

// Resolve records which references got a value, and why the others did not. If what a replica has answered is not valid
// any more, the call runs again, on the primary.
func (l *Log) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out, err := l.resolve(ctx, refs)
	if call := store.CallOf(ctx); call != nil && errors.Is(err, store.ErrChanged) {
		call.UsePrimary(ctx)
		return l.resolve(ctx, refs)
	}
	return out, err
}

func (l *Log) resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out, err := l.next.Resolve(ctx, refs)
	verb := verbOfRefs(refs)
	if err != nil {
		l.recordFailure(ctx, verb, err, func() *parts { return resolved(refs, l.failedRefs(ctx, refs), err) })
		return nil, err
	}
	err = l.record(ctx, verb, nil, resolved(refs, l.withProjects(ctx, refs, out), nil))
	switch {
	case errors.Is(err, store.ErrChanged):
		return nil, err
	case err != nil:
		return nil, unrecorded("resolved", err)
	}
	return out, nil
}

// verbOfRefs returns the verb of a Resolve. References that only probe get no value.
func verbOfRefs(refs []backend.Ref) string {
	probes := 0
	for _, r := range refs {
		switch {
		case r.Probe:
			probes++
		case r.Reveal:
			return string(backend.VerbReveal)
		}
	}
	if probes > 0 && probes == len(refs) {
		return "probe"
	}
	return string(backend.VerbResolve)
}

// withProjects adds the projects of references that the guard has refused. The engine did not see them.
func (l *Log) withProjects(ctx context.Context, refs []backend.Ref, out []backend.Resolution) []backend.Resolution {
	var used []string
	for n, r := range out {
		if r.ProjectID == "" && r.Err != nil && refused(r.Err) {
			used = append(used, refs[n].Project)
		}
	}
	if used == nil {
		return out
	}
	ids, out := l.projects(ctx, used), slices.Clone(out)
	for n := range out {
		out[n].ProjectID = cmp.Or(out[n].ProjectID, ids[refs[n].Project])
	}
	return out
}

// failedRefs returns the results of references without results: their projects.
func (l *Log) failedRefs(ctx context.Context, refs []backend.Ref) []backend.Resolution {
	var used []string
	for _, r := range refs {
		used = append(used, r.Project)
	}
	ids, out := l.projects(ctx, used), make([]backend.Resolution, len(refs))
	for n, r := range refs {
		out[n].ProjectID = ids[r.Project]
	}
	return out
}

// failedChanges does the same for changes.
func (l *Log) failedChanges(ctx context.Context, set backend.ChangeSet) []backend.Outcome {
	nameOf := func(c backend.Change) string {
		if c.Kind == backend.KindProject {
			return cmp.Or(c.ID, c.Name)
		}
		return c.Project
	}
	var used []string
	for _, c := range set.Changes {
		used = append(used, nameOf(c))
	}
	ids, out := l.projects(ctx, used), make([]backend.Outcome, len(set.Changes))
	for n, c := range set.Changes {
		out[n].ProjectID = ids[nameOf(c)]
	}
	return out
}

// Apply records a change that is not made, or the answer to a dry run. The engine records a change that is made.
func (l *Log) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	call := &applying{}
	out, err := l.next.Apply(context.WithValue(ctx, applyingKey{}, call), set)
	switch {
	case err != nil && out == nil:
		l.recordFailure(ctx, verbOf(set), err, func() *parts { return sent(set, l.failedChanges(ctx, set), err) })
	case err != nil:
		l.recordFailure(ctx, verbOf(set), err, func() *parts { return sent(set, out, nil) })
	case set.DryRun:
		if err := l.record(ctx, verbOf(set), nil, sent(set, out, nil)); err != nil {
			return nil, unrecorded("compared", err)
		}
	case !call.recorded: // the outcomes of an earlier call with the same idempotency key
		p := made(set, out)
		p.each(func(d *detail) { d.Repeated = true })
		if err := l.record(ctx, verbOf(set), nil, p); err != nil {
			return nil, unrecorded("applied again", err)
		}
	}
	return out, err
}

// applying is what a Log knows of a running Apply.
type applying struct{ recorded bool } // whether the engine has made its records

type applyingKey struct{}

// Changes makes a record of each change of an engine. It is the engine's Recorder.
type Changes struct{ recorder }

var _ engine.Recorder = Changes{}

// NewChanges returns a Changes. A nil now means time.Now.
func NewChanges(now func() time.Time) Changes { return Changes{newRecorder(nil, now)} }

// Changed implements engine.Recorder.
func (c Changes) Changed(ctx context.Context, set backend.ChangeSet, outcomes []backend.Outcome) []store.Record {
	if call, ok := ctx.Value(applyingKey{}).(*applying); ok {
		call.recorded = true
	}
	return c.rows(ctx, verbOf(set), "", nil, made(set, outcomes))
}

// Swept implements engine.Recorder.
func (c Changes) Swept(ctx context.Context, removed []backend.Outcome) []store.Record {
	p := &parts{}
	for _, r := range removed {
		o := r.Object
		p.add(r.ProjectID, o.Project, "", "", item{Kind: o.Kind, Name: o.Name, ID: o.ID, Action: r.Action})
	}
	return c.rows(backend.WithPrincipal(ctx, backend.Principal{Name: ownPrincipal}), "sweep", "", nil, p)
}

// LoggedIn returns the record of a login with an identity token or a client certificate, which a trust has accepted.
func (c Changes) LoggedIn(ctx context.Context, trust store.Object) []store.Record {
	p := &parts{}
	p.add("", "", "", "", item{Kind: trust.Kind, Name: trust.Name, ID: trust.ID, Version: trust.Revision})
	if c := backend.OriginFrom(ctx).Certificate; c != nil {
		p.each(func(d *detail) { d.Certificate = backend.CertificateFingerprint(c) })
	}
	return c.rows(ctx, "login", "", nil, p)
}

// ownPrincipal is the principal in records of changes that the backend makes on its own.
const ownPrincipal = "pouncet"

func verbOf(set backend.ChangeSet) string {
	switch {
	case set.FingerprintKey != nil:
		return "fingerprint"
	case set.DryRun:
		return "compare"
	case set.Draft != "":
		return "stage"
	}
	return string(backend.VerbApply)
}

func unrecorded(what string, err error) error {
	code := backend.CodeUnavailable
	if errors.Is(err, backend.ErrStorageFull) {
		code = backend.CodeStorageFull
	}
	cause := backend.AsError(err)
	e := backend.Errorf(code, "the audit log cannot be written, so nothing was %s: %s", what, cause.Message)
	e.Err, e.Hint = err, cmp.Or(cause.Hint, "check the storage of the backend")
	return e
}

// recorder writes records.
type recorder struct {
	sink Sink
	now  func() time.Time
}

func newRecorder(sink Sink, now func() time.Time) recorder {
	if now == nil {
		now = time.Now
	}
	return recorder{tracedSink{sink}, now}
}

// tracedSink is a Sink with a span for each call that waits for it.
type tracedSink struct{ next Sink }

func (s tracedSink) AppendRecords(ctx context.Context, records ...store.Record) error {
	ctx, span := trace.Start(ctx, "audit.record", trace.Internal)
	err := s.next.AppendRecords(ctx, records...)
	span.End(err)
	return err
}

// recordTime limits the time for a record that is written after the end of its call.
const recordTime = 5 * time.Second

// canceled is the code of a call whose client went away. It is no error of the server.
const canceled = backend.CodeCanceled

// record writes the records of a call that has succeeded, or failed with an error.
func (r recorder) record(ctx context.Context, verb string, outcome error, p *parts) error {
	rows := r.rows(ctx, verb, "", outcome, p)
	if call := store.CallOf(ctx); call != nil && call.Decided() != nil {
		confirm := &store.Confirmation{Generation: call.Decided()}
		for i := range rows {
			rows[i].Confirm = confirm
		}
	}
	return r.sink.AppendRecords(ctx, rows...)
}

// rows returns a record for each part of a call.
func (r recorder) rows(ctx context.Context, verb, phase string, outcome error, p *parts) []store.Record {
	who, _ := backend.PrincipalFrom(ctx)
	o, at := backend.OriginFrom(ctx), r.now().UTC()
	all := p.all()
	rows := make([]store.Record, 0, len(all))
	for _, part := range all {
		code := "ok"
		switch {
		case errors.Is(outcome, context.Canceled):
			code = canceled
		case outcome != nil:
			code = string(backend.AsError(outcome).Code)
		case part.refused != "":
			code = string(part.refused)
		}
		d := part.detail
		d.PrincipalID, d.PrincipalKind, d.Address, d.RequestID = who.ID, who.Kind, o.Address, o.RequestID
		text, err := json.Marshal(d)
		if err != nil {
			panic(err) // the fields are plain data
		}
		rows = append(rows, store.Record{Log: part.log, At: at, Principal: who.Name, Role: who.Role, Verb: verb,
			Phase: phase, Code: code, Detail: text, Resolved: part.resolved})
	}
	return rows
}
