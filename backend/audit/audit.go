// SPDX-License-Identifier: MPL-2.0

// Package audit is a Service that records calls. It fails closed: a call that cannot be recorded returns no values and
// changes nothing.
//
// A guard decides inside the log, so that a refused call has a record too:
//
//   - A Resolve has one record, written before its values are returned. It holds the result of each reference.
//   - An Apply has two: the intent, without which nothing is applied, and the outcome. After a crash between the two,
//     the intent shows that a change may have been made.
//   - A dry run has one record, written before its outcomes are returned: "compare", or "fingerprint" if it returns
//     fingerprints.
//   - A call that the guard refuses has one record, with the code of the error. A Query has a record only then, because
//     it returns metadata only.
//
// Several records have no caller, or another one: "login" counts refused tokens, "refused" counts further refusals of a
// principal, and "expire" counts records that were deleted. "sweep" lists what was removed after its recovery window,
// "verify" the rows that were changed outside Pouncet, "accept" (intent and outcome) those that were signed again, and
// "upgrade" the tokens that an upgrade signed.
//
// Records hold names, ids, versions and error codes, never values.
//
// # Limits
//
// Any caller can cause refusals, so they cost the server little: [Log.Refused] says how many records they have. A
// record lists at most 100 items that were refused or failed, and counts the others. Each text has at most 300 bytes.
package audit

import (
	"context"
	"encoding/json"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Sink stores records durably, as store.Store does.
type Sink interface {
	AppendRecord(ctx context.Context, r store.Record) error
}

// Options configure a Log.
type Options struct {
	Guard func(next backend.Service) backend.Service // decides which calls are allowed; nil allows all calls
	Now   func() time.Time                           // nil means time.Now
}

// Log is a Service that records calls.
type Log struct {
	recorder
	next     backend.Service
	refusals refusals
}

var _ backend.Service = (*Log)(nil)

// New returns a Log that passes the calls which the guard allows to next. A server also calls [Log.Keep].
func New(next backend.Service, sink Sink, o Options) *Log {
	l := &Log{recorder: newRecorder(sink, o.Now)}
	l.next = &intents{next, l.recorder}
	if o.Guard != nil {
		l.next = o.Guard(l.next)
	}
	return l
}

// Query records a call only if it is refused.
func (l *Log) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	page, err := l.next.Query(ctx, q)
	if err != nil && refused(err) {
		l.recordFailure(ctx, "query", err, queried(q, err))
	}
	return page, err
}

// Resolve records which references got a value, and why the others did not.
func (l *Log) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out, err := l.next.Resolve(ctx, refs)
	verb := string(backend.VerbResolve)
	for _, r := range refs {
		if r.Reveal {
			verb = string(backend.VerbReveal)
		}
	}
	if err != nil {
		l.recordFailure(ctx, verb, err, resolved(refs, nil, err))
		return nil, err
	}
	var refusal error // the record has its code, if any reference was refused
	for _, r := range out {
		if r.Err != nil && refused(r.Err) {
			refusal = r.Err
		}
	}
	if err := l.record(ctx, verb, "", refusal, resolved(refs, out, nil)); err != nil {
		return nil, unrecorded("resolved", err)
	}
	return out, nil
}

// Apply records the intent and the outcome of a change, or the answer to a dry run.
func (l *Log) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	call := &applying{}
	out, err := l.next.Apply(context.WithValue(ctx, applyingKey{}, call), set)
	switch {
	case call.recorded:
		l.recordOutcome(ctx, verbOf(set), err, done(set, out))
	case out == nil && err != nil:
		l.recordFailure(ctx, verbOf(set), err, changes(set, nil, err))
	default: // a dry run
		refusal := err
		for _, o := range out {
			switch {
			case o.Err != nil && refused(o.Err):
				refusal = o.Err
			case o.Unchecked == "value":
				refusal = backend.ErrDenied
			}
		}
		if recordErr := l.record(ctx, verbOf(set), "", refusal, changes(set, out, nil)); recordErr != nil {
			return nil, unrecorded("compared", recordErr)
		}
	}
	return out, err
}

// applying is what a Log knows of a running Apply.
type applying struct{ recorded bool } // whether its intent is on record

type applyingKey struct{}

// intents records the intent of each change that the guard has allowed.
type intents struct {
	backend.Service
	recorder
}

func (i *intents) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if call, ok := ctx.Value(applyingKey{}).(*applying); ok && !set.DryRun {
		if err := i.record(ctx, verbOf(set), "intent", nil, changes(set, nil, nil)); err != nil {
			return nil, unrecorded("applied", err)
		}
		call.recorded = true
	}
	return i.Service.Apply(ctx, set)
}

func verbOf(set backend.ChangeSet) string {
	switch {
	case set.FingerprintKey != nil:
		return "fingerprint"
	case set.DryRun:
		return "compare"
	}
	return string(backend.VerbApply)
}

func unrecorded(what string, err error) error {
	return backend.Errorf(backend.CodeUnavailable, "the audit log cannot be written, so nothing was %s: %w", what, err).
		WithHint("check the storage of the backend")
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
	return recorder{sink, now}
}

// recordTime limits the time for a record that is written after the end of its call.
const recordTime = 5 * time.Second

// recordOutcome records what a change did. It is made, so a failure to record it must not make the call fail. The
// intent is already on record.
func (r recorder) recordOutcome(ctx context.Context, verb string, outcome error, d detail) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	_ = r.record(ctx, verb, "outcome", outcome, d)
}

func (r recorder) record(ctx context.Context, verb, phase string, outcome error, d detail) error {
	row, err := r.row(ctx, verb, phase, outcome, d)
	if err != nil {
		return err
	}
	return r.sink.AppendRecord(ctx, row)
}

func (r recorder) row(ctx context.Context, verb, phase string, outcome error, d detail) (store.Record, error) {
	code := "ok"
	if outcome != nil {
		code = string(backend.AsError(outcome).Code)
	}
	p, _ := backend.PrincipalFrom(ctx)
	o := backend.OriginFrom(ctx)
	d.PrincipalID, d.PrincipalKind, d.Address, d.RequestID = p.ID, p.Kind, o.Address, o.RequestID
	text, err := json.Marshal(d)
	return store.Record{
		At: r.now().UTC(), Principal: p.Name, Role: p.Role, Verb: verb, Phase: phase, Code: code, Detail: text,
	}, err
}
