// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// When secrets were last resolved, and when tokens were last used. Package audit notes the first with the record of the
// read, and package access the second. Both are outside the database.

// asksResolved reports whether a query needs these notes.
func asksResolved(q backend.Query) bool { return q.LastResolved || !q.UnusedSince.IsZero() }

// checkResolved refuses a query for the notes of kinds that have no notes.
func checkResolved(q backend.Query, now time.Time) error {
	at := "last_resolved"
	if !q.UnusedSince.IsZero() {
		at = "unused_since"
	}
	switch {
	case !asksResolved(q):
		return nil
	case q.Kind == backend.KindEntry && q.UnusedSince.IsZero():
		return nil
	case q.Kind != backend.KindSecret || q.Deleted:
		return backend.Errorf(backend.CodeInvalid, "the selector %s is for existing secrets only", at).
			WithHint("leave it out, or list secrets").At(at)
	case q.UnusedSince.After(now):
		return backend.Errorf(backend.CodeInvalid, "unused_since is %s, which is in the future",
			q.UnusedSince.UTC().Format(time.RFC3339)).WithHint("give a time in the past").At(at)
	}
	return nil
}

// addResolved adds to the secrets of a page when they were last resolved, and removes those that the query does not
// select by it. project is the id of their project.
func (e *Engine) addResolved(ctx context.Context, q backend.Query, project string, page *backend.Page) error {
	ids := make([]string, len(page.Objects))
	for i, o := range page.Objects {
		ids[i] = o.ID
	}
	notes, since, err := e.resolved.LastResolved(ctx, project, ids)
	if err != nil {
		return err
	}
	page.ResolvedSince = since
	all := page.Objects
	page.Objects = make([]backend.Object, 0, len(all))
	for _, o := range all {
		if note, ok := notes[o.ID]; ok {
			o.LastResolvedAt, o.LastResolvedBy = note.At, note.By
		}
		if q.UnusedSince.IsZero() || o.UnusedSince(q.UnusedSince, since) {
			page.Objects = append(page.Objects, o)
		}
	}
	return nil
}

// addLastUsed adds to the tokens of a page when they were last used.
func (e *Engine) addLastUsed(ctx context.Context, page *backend.Page) error {
	ids := make([]string, len(page.Objects))
	for i, o := range page.Objects {
		ids[i] = o.ID
	}
	notes, _, err := e.resolved.LastResolved(ctx, store.UsedTokens, ids)
	for i := range page.Objects {
		o := &page.Objects[i]
		o.LastUsedAt, o.LastUsedFrom = notes[o.ID].At, notes[o.ID].By
	}
	return err
}

// notNoted knows nothing.
type notNoted struct{}

func (notNoted) LastResolved(context.Context, string, []string) (map[string]store.Resolved, time.Time, error) {
	return nil, time.Time{}, nil
}
