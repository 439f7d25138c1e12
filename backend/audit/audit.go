// SPDX-License-Identifier: MPL-2.0

// Package audit is a Service that records every Resolve and Apply. It fails
// closed: a call that cannot be recorded returns no values and changes nothing.
//
// A Resolve has one record, written before its values are returned. An Apply has
// two: the intent, without which nothing is applied, and the outcome. After a
// crash between the two, the intent shows that a change may have been made. A
// dry run has one record: "compare", or "fingerprint" if it returns fingerprints.
// The end of a recovery window has one, "sweep", after it.
//
// A server that finds rows changed outside Pouncet writes one record, "verify".
// Accepting such rows writes two, "accept": the intent and the outcome.
//
// Records hold names, ids, versions and error codes, never values. Queries are
// not recorded, because they return metadata only.
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

type log struct {
	next backend.Service
	sink Sink
	now  func() time.Time
}

var _ backend.Service = (*log)(nil)

// Log returns a Service that records calls and passes them to next. A nil now
// means time.Now.
func Log(next backend.Service, sink Sink, now func() time.Time) backend.Service {
	l := newLog(sink, now)
	l.next = next
	return l
}

func newLog(sink Sink, now func() time.Time) *log {
	if now == nil {
		now = time.Now
	}
	return &log{sink: sink, now: now}
}

func (l *log) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	return l.next.Query(ctx, q)
}

func (l *log) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out, err := l.next.Resolve(ctx, refs)
	detail := resolved(refs, out)
	verb := "resolve"
	for _, r := range refs {
		if r.Reveal {
			verb = "reveal"
		}
	}
	if recordErr := l.record(ctx, verb, "", err, detail); recordErr != nil {
		return nil, backend.Errorf(backend.CodeUnavailable, "the audit log cannot be written, so nothing was resolved: %w",
			recordErr).
			WithHint("check the storage of the backend")
	}
	return out, err
}

func (l *log) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	verb, phase := "apply", "intent"
	switch {
	case set.FingerprintKey != nil:
		verb, phase = "fingerprint", ""
	case set.DryRun:
		verb, phase = "compare", ""
	}
	if err := l.record(ctx, verb, phase, nil, intended(set)); err != nil {
		return nil, backend.Errorf(backend.CodeUnavailable, "the audit log cannot be written, so nothing was applied: %w",
			err).
			WithHint("check the storage of the backend")
	}
	out, err := l.next.Apply(ctx, set)
	if !set.DryRun {
		l.recordOutcome(ctx, verb, err, done(out))
	}
	return out, err
}

// recordOutcome records what a change did. It is made, so a failure to record it must not make the call fail. The
// intent is already on record.
func (l *log) recordOutcome(ctx context.Context, verb string, outcome error, detail any) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = l.record(ctx, verb, "outcome", outcome, detail)
}

func (l *log) record(ctx context.Context, verb, phase string, outcome error, detail any) error {
	text, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	code := "ok"
	if outcome != nil {
		code = string(backend.AsError(outcome).Code)
	}
	p, _ := backend.PrincipalFrom(ctx)
	return l.sink.AppendRecord(ctx, store.Record{
		At: l.now().UTC(), Principal: p.Name, Role: p.Role, Verb: verb, Phase: phase, Code: code, Detail: text,
	})
}
