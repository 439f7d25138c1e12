// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

var _ store.ResolvedNotes = (*ReadLog)(nil)

// noteResolved notes secrets in the transaction of the records. Another process may have noted one in the meantime.
func noteResolved(ctx context.Context, t *tx, notes []queue.Note) error {
	for _, n := range notes {
		_, err := t.exec(ctx, `INSERT INTO last_resolved AS l (project, object, at, principal)
			SELECT ?1, value, ?2, ?3 FROM json_each(?4) WHERE true
			ON CONFLICT DO UPDATE SET at = excluded.at, principal = excluded.principal WHERE excluded.at >= l.at + ?5`,
			n.Project, n.At.UnixMicro(), n.By, jsonArray(n.Secrets),
			store.ResolvedInterval.Microseconds())
		if err != nil {
			return err
		}
	}
	return nil
}

// LastResolved implements store.ResolvedNotes.
func (l *ReadLog) LastResolved(
	ctx context.Context, project string, secrets []string,
) (notes map[string]store.Resolved, since time.Time, err error) {
	err = l.store.View(ctx, func(inner store.Tx) error {
		notes, since = map[string]store.Resolved{}, time.Time{}
		return inner.(*tx).query(ctx, `SELECT project, object, at, principal FROM last_resolved
			WHERE project = ?1 AND object IN (SELECT value FROM json_each(?2)) OR project = '' AND object = ''`,
			[]any{project, jsonArray(secrets)}, func(row scanner) error {
				var in, id string
				var r store.Resolved
				if err := row.Scan(&in, &id, micros{&r.At}, &r.By); err != nil {
					return err
				}
				if in == "" {
					since = r.At
				} else {
					notes[id] = r
				}
				return nil
			})
	})
	return notes, since, err
}

// ForgetResolved implements store.ResolvedNotes.
func (l *ReadLog) ForgetResolved(ctx context.Context, project string, secrets []string) error {
	return l.store.updateOnce(ctx, func(t *tx) error {
		_, err := t.exec(ctx, `DELETE FROM last_resolved WHERE project = ?1 AND object <> ''
			AND object IN (SELECT value FROM json_each(?2))`, project, jsonArray(secrets))
		return err
	})
}

// NoteUsed implements store.ResolvedNotes.
func (l *ReadLog) NoteUsed(ctx context.Context, token string, use store.Resolved) error {
	return l.store.updateOnce(ctx, func(t *tx) error {
		return noteResolved(ctx, t, []queue.Note{{Resolved: use, Project: store.UsedTokens, Secrets: []string{token}}})
	})
}
