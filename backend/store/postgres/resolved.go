// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

var _ store.ResolvedNotes = (*ReadLog)(nil)

// noteResolved notes secrets. Another server may have noted one in the meantime. The order of the rows keeps two of
// these statements from waiting for each other.
const noteResolved = `INSERT INTO last_resolved AS l (project, object, at, principal)
	SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS n (project, object, at, principal)
	ORDER BY project, object
	ON CONFLICT (project, object) DO UPDATE SET at = excluded.at, principal = excluded.principal
	WHERE excluded.at >= l.at + $5`

// noting returns the statement that notes secrets, or nil for none.
func noting(notes []queue.Note) []later {
	if len(notes) == 0 {
		return nil
	}
	var projects, secrets, principals []string
	var at []int64
	for _, n := range notes {
		for _, id := range n.Secrets {
			projects, secrets, principals = append(projects, n.Project), append(secrets, id), append(principals, n.By)
			at = append(at, n.At.UnixMicro())
		}
	}
	return []later{{text: noteResolved,
		args: []any{projects, secrets, at, principals, store.ResolvedInterval.Microseconds()}}}
}

// LastResolved implements store.ResolvedNotes.
func (l *ReadLog) LastResolved(
	ctx context.Context, project string, secrets []string,
) (notes map[string]store.Resolved, since time.Time, err error) {
	if secrets == nil {
		secrets = []string{}
	}
	rows, err := l.store.changes.Query(ctx, `SELECT project, object, at, principal FROM last_resolved
		WHERE project = $1 AND object = ANY($2) OR project = '' AND object = ''`, project, secrets)
	if err != nil {
		return nil, since, l.store.translate(err)
	}
	notes = map[string]store.Resolved{}
	var in, id, by string
	var at int64
	_, err = pgx.ForEachRow(rows, []any{&in, &id, &at, &by}, func() error {
		if in == "" {
			since = timeOf(at)
		} else {
			notes[id] = store.Resolved{At: timeOf(at), By: by}
		}
		return nil
	})
	return notes, since, l.store.translate(err)
}

// ForgetResolved implements store.ResolvedNotes.
func (l *ReadLog) ForgetResolved(ctx context.Context, project string, secrets []string) error {
	_, err := l.store.changes.Exec(ctx, `DELETE FROM last_resolved
		WHERE project = $1 AND object <> '' AND object = ANY($2)`, project, secrets)
	return l.store.translate(err)
}

// NoteUsed implements store.ResolvedNotes.
func (l *ReadLog) NoteUsed(ctx context.Context, token string, use store.Resolved) error {
	for _, n := range noting([]queue.Note{{Resolved: use, Project: store.UsedTokens, Secrets: []string{token}}}) {
		if _, err := l.store.changes.Exec(ctx, n.text, n.args...); err != nil {
			return l.store.translate(err)
		}
	}
	return nil
}
