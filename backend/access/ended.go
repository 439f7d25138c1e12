// SPDX-License-Identifier: MPL-2.0

package access

import (
	"context"
	"errors"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// EndedSessions are the sessions of the dashboard that people have ended before their time, for all servers of a
// deployment. Only an ended session has a row, for a day: every session expires within 12 hours.
type EndedSessions struct {
	store store.Store
	now   func() time.Time
}

// endedKept is how long the row of an ended session is kept.
const endedKept = 24 * time.Hour

// NewEndedSessions returns the EndedSessions of a Store. A nil now means time.Now.
func NewEndedSessions(s store.Store, now func() time.Time) *EndedSessions {
	if now == nil {
		now = time.Now
	}
	return &EndedSessions{s, now}
}

// End ends a session, on every server with its next request.
func (e *EndedSessions) End(ctx context.Context, id string) error {
	now := e.now()
	return e.store.Update(ctx, func(tx store.Tx) error {
		return tx.SaveIdempotencyRecord(ctx, store.IdempotencyRecord{Key: stored.EndedKey + id, Request: []byte("{}"),
			Outcome: []byte("{}"), At: now}, now.Add(-endedKept))
	})
}

// HaveEnded returns which of some sessions have ended. It reads the primary, because a replica can be behind.
func (e *EndedSessions) HaveEnded(ctx context.Context, ids ...string) (map[string]bool, error) {
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
