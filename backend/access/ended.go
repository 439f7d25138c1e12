// SPDX-License-Identifier: MPL-2.0

package access

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Sessions are the sessions of the dashboard of all servers of a deployment: a row for each, with what a list shows of
// it, and a row for each that a person has ended before its time. Rows are kept for a day: every session expires within
// 12 hours. Without its first row a session is valid nevertheless, and with the second one it is not.
type Sessions struct {
	store store.Store
	now   func() time.Time
}

const (
	sessionKept = 24 * time.Hour // how long a row is kept

	// These limit the memory for a list: anyone who may sign in can do so many times.
	maxNoted      = 10_000
	maxNotedBytes = 4 << 10
)

// NewSessions returns the Sessions of a Store. A nil now means time.Now.
func NewSessions(s store.Store, now func() time.Time) *Sessions {
	if now == nil {
		now = time.Now
	}
	return &Sessions{s, now}
}

// Note keeps what a list shows of a session, as JSON. It replaces what was noted before.
func (e *Sessions) Note(ctx context.Context, id string, about []byte) error {
	return e.save(ctx, stored.BegunKey+id, about)
}

// Noted returns what was noted of the sessions that have not ended before their time, by their ids. If they are many,
// it returns those that were noted last.
func (e *Sessions) Noted(ctx context.Context) (map[string][]byte, error) {
	var begun, ended []store.IdempotencyRecord
	err := e.store.View(ctx, func(tx store.Tx) (err error) {
		if begun, err = tx.IdempotencyRecords(ctx, stored.BegunKey, maxNoted, maxNotedBytes); err != nil {
			return err
		}
		ended, err = tx.IdempotencyRecords(ctx, stored.EndedKey, maxNoted, maxNotedBytes)
		return err
	})
	out := map[string][]byte{}
	for _, r := range begun {
		out[strings.TrimPrefix(r.Key, stored.BegunKey)] = r.Outcome
	}
	for _, r := range ended {
		delete(out, strings.TrimPrefix(r.Key, stored.EndedKey))
	}
	return out, err
}

// End ends a session, on every server with its next request.
func (e *Sessions) End(ctx context.Context, id string) error {
	return e.save(ctx, stored.EndedKey+id, []byte("{}"))
}

func (e *Sessions) save(ctx context.Context, key string, outcome []byte) error {
	now := e.now()
	return e.store.Update(ctx, func(tx store.Tx) error {
		return tx.SaveIdempotencyRecord(ctx, store.IdempotencyRecord{Key: key, Request: []byte("{}"), Outcome: outcome,
			At: now}, now.Add(-sessionKept))
	})
}

// HaveEnded returns which of some sessions have ended. It reads the primary, because a replica can be behind.
func (e *Sessions) HaveEnded(ctx context.Context, ids ...string) (map[string]bool, error) {
	var out map[string]bool
	err := e.store.View(ctx, func(tx store.Tx) error {
		out = map[string]bool{}
		for _, id := range ids {
			_, err := tx.IdempotencyRecord(ctx, stored.EndedKey+id)
			if err != nil && !errors.Is(err, backend.ErrNotFound) {
				return err
			}
			out[id] = err == nil
		}
		return nil
	})
	return out, err
}
