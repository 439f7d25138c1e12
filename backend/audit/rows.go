// SPDX-License-Identifier: MPL-2.0

package audit

import (
	"context"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Accept calls accept, which signs rows that were changed outside Pouncet, and records it as an Apply: the intent with
// what was found before, without which accept is not called, and the outcome with what was signed. A nil now means
// time.Now.
func Accept(
	ctx context.Context, sink Sink, now func() time.Time, found []signed.Finding,
	accept func(context.Context) ([]signed.Finding, error),
) ([]signed.Finding, error) {
	l := newRecorder(sink, now)
	if err := l.record(ctx, "accept", "intent", nil, findings(found)); err != nil {
		return nil, backend.Errorf(backend.CodeUnavailable, "the audit log cannot be written, so nothing was accepted: %w",
			err).WithHint("check the storage of the backend")
	}
	accepted, err := accept(ctx)
	l.recordOutcome(ctx, "accept", err, findings(accepted))
	return accepted, err
}

// Found records that a check of a server has found rows that were changed outside Pouncet. A nil now means time.Now.
func Found(ctx context.Context, sink Sink, now func() time.Time, found []signed.Finding) error {
	ctx = backend.WithPrincipal(ctx, backend.Principal{Name: ownPrincipal})
	return newRecorder(sink, now).record(ctx, "verify", "", &backend.Error{Code: backend.CodeCorrupt}, findings(found))
}

// Upgraded records the tokens that an upgrade has signed as it found them. The upgrade is done by then, so a failure to
// record it changes nothing. A nil now means time.Now.
func Upgraded(ctx context.Context, sink Sink, now func() time.Time, tokens []store.Token) {
	var p groups
	for _, t := range tokens {
		i := item{Kind: backend.KindToken, Name: t.Name, ID: t.ID, Role: t.Role, Principal: t.Principal}
		if t.Untrusted != nil {
			i.Problem = t.Untrusted.Error()
		}
		p.add("", "", "", i)
	}
	_ = newRecorder(sink, now).record(ctx, "upgrade", "", nil, p.detail())
}

func findings(found []signed.Finding) detail {
	var p groups
	for _, f := range found {
		p.add(f.Project, "", "", item{Kind: backend.Kind(f.Kind), Name: f.Name, ID: f.ID, Problem: f.Problem})
	}
	return p.detail()
}
