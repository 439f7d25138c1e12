// SPDX-License-Identifier: MPL-2.0

package audit

import (
	"context"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Accept calls accept, which signs rows that were changed outside Pouncet. It records the intent with what was found
// before, without which accept is not called, and the outcome with what was signed. A nil now means time.Now.
func Accept(
	ctx context.Context, changes Sink, now func() time.Time, found []signed.Finding,
	accept func(context.Context) ([]signed.Finding, error),
) ([]signed.Finding, error) {
	r := newRecorder(changes, now)
	if err := changes.AppendRecords(ctx, r.rows(ctx, "accept", "intent", nil, findings(found))...); err != nil {
		return nil, unrecorded("accepted", err)
	}
	accepted, err := accept(ctx)
	// The rows are signed, so a failure to record that must not make the call fail. The intent is already on record.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	_ = changes.AppendRecords(ctx, r.rows(ctx, "accept", "outcome", err, findings(accepted))...)
	return accepted, err
}

// ChangedOutside records that a check of a server has found rows that were changed outside Pouncet. A nil now means
// time.Now.
func ChangedOutside(ctx context.Context, reads Sink, now func() time.Time, found []signed.Finding) error {
	ctx = backend.WithPrincipal(ctx, backend.Principal{Name: ownPrincipal})
	return newRecorder(reads, now).record(ctx, "verify", &backend.Error{Code: backend.CodeCorrupt}, findings(found))
}

// Upgraded records the tokens that an upgrade has signed as it found them. The upgrade is done by then, so a failure to
// record it changes nothing. A nil now means time.Now.
func Upgraded(ctx context.Context, changes Sink, now func() time.Time, tokens []store.Token) {
	p := &parts{}
	for _, t := range tokens {
		i := item{Kind: backend.KindToken, Name: t.Name, ID: t.ID, Role: t.Role, Principal: t.Principal}
		if t.Untrusted != nil {
			i.Problem = t.Untrusted.Error()
		}
		p.add("", "", "", "", i)
	}
	_ = newRecorder(changes, now).record(ctx, "upgrade", nil, p)
}

// ReadsCreated records that an existing backend gets a new file for the records of reads, because it has none. A nil
// now means time.Now.
func ReadsCreated(ctx context.Context, changes Sink, now func() time.Time) error {
	ctx = backend.WithPrincipal(ctx, backend.Principal{Name: ownPrincipal})
	return newRecorder(changes, now).record(ctx, "create", nil, whole(detail{File: "reads"}))
}

// Moved records that a backend was moved from one database to another. A nil now means time.Now.
func Moved(ctx context.Context, changes Sink, now func() time.Time, from, to string) error {
	return newRecorder(changes, now).record(ctx, "move", nil, whole(detail{From: from, To: to}))
}

func findings(found []signed.Finding) *parts {
	p := &parts{}
	for _, f := range found {
		p.add("", f.Project, "", "", item{Kind: backend.Kind(f.Kind), Name: f.Name, ID: f.ID, Problem: f.Problem})
	}
	return p
}
