// SPDX-License-Identifier: MPL-2.0

// Package audit is a Service that leaves a record of every Resolve and Apply,
// and fails closed: what cannot be recorded does not happen.
//
// A Resolve is recorded once, when its values are at hand and before they are
// returned; without the record they are withheld. An Apply is recorded twice:
// its intent, without which nothing is applied, and its outcome. A crash
// between the two leaves a question on record rather than a silence. A dry run
// compares values, and is recorded as that; so is handing out fingerprints.
//
// Records hold names, ids, versions and error codes, never values. Queries,
// which see metadata only, are not recorded.
package audit

import (
	"context"
	"encoding/json"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Sink is where records go. *sqlite.Store is one.
type Sink interface {
	AppendRecord(ctx context.Context, r store.Record) error
}

type log struct {
	next backend.Service
	sink Sink
	now  func() time.Time
}

var _ backend.Service = (*log)(nil)

// Log records what passes through it to next. A nil now means time.Now.
func Log(next backend.Service, sink Sink, now func() time.Time) backend.Service {
	if now == nil {
		now = time.Now
	}
	return &log{next, sink, now}
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
		return nil, backend.Errorf(backend.CodeUnavailable, "the audit log cannot be written, so that nothing was resolved: %w", recordErr).
			WithHint("see to the backend's storage")
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
		return nil, backend.Errorf(backend.CodeUnavailable, "the audit log cannot be written, so that nothing was applied: %w", err).
			WithHint("see to the backend's storage")
	}
	out, err := l.next.Apply(ctx, set)
	if !set.DryRun {
		// The change is made, whether or not this succeeds and the caller still
		// listens; the intent is on record.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = l.record(ctx, verb, "outcome", err, done(out))
	}
	return out, err
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
