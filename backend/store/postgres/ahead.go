// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

// ahead holds the entries that a transaction has read for its calls before they run: see store.WithPlaces. Nobody else
// writes while the transaction has the lock of the changes. So an entry stays right until the transaction itself writes
// to it.
type ahead struct {
	entries map[store.Place]*store.Entry // nil for a place without an object
	places  map[string]store.Place       // by the ids of the objects
	bytes   int
}

// maxAheadBytes limits the values that a transaction keeps for calls that have not run.
const maxAheadBytes = 4 << 20

// queue adds the statement that reads the entries in places, if there are any.
func (a *ahead) queue(b *pgx.Batch, places []store.Place) {
	if len(places) == 0 {
		return
	}
	var columns [5][]string
	for _, p := range places {
		for i, text := range []string{string(p.Kind), p.Project, p.Environment, p.Scope, p.Name} {
			columns[i] = append(columns[i], text)
		}
	}
	const text = "SELECT " + entryColumns + ` FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[],
			$4::text[], $5::text[])) AS n (kind, project, environment, scope, name)
		CROSS JOIN LATERAL (SELECT * FROM object WHERE project = n.project AND kind = n.kind AND name = n.name
			AND environment = n.environment AND scope = n.scope OFFSET 0) o ` + currentVersion
	args := []any{columns[0], columns[1], columns[2], columns[3], columns[4]}
	b.Queue(text, args...).Query(func(rows pgx.Rows) error {
		for _, p := range places {
			a.entries[p] = nil
		}
		return scanAll(rows, func(rows pgx.Rows) error {
			e, err := scanEntry(rows)
			if err == nil {
				a.keep(e)
			}
			return err
		})
	})
}

func (a *ahead) keep(e store.Entry) {
	p := store.PlaceOf(e.Object)
	a.bytes += len(e.Object.Attributes) + len(e.Current.Sealed)
	if a.bytes > maxAheadBytes {
		delete(a.entries, p)
		return
	}
	a.entries[p], a.places[e.Object.ID] = &e, p
}

// lookup answers a Lookup, and reports whether it could.
func (a *ahead) lookup(l store.Lookup, each func(store.Entry)) bool {
	p, one := l.Place()
	if !one || a == nil {
		return false
	}
	e, known := a.entries[p]
	if e != nil {
		each(*e)
	}
	return known
}

// forget forgets an object that is written, and what was in its place.
func (a *ahead) forget(id string, place store.Place) {
	if a == nil {
		return
	}
	delete(a.entries, place)
	if before, ok := a.places[id]; ok {
		delete(a.entries, before)
	}
}

// clear forgets everything.
func (a *ahead) clear() {
	if a != nil {
		clear(a.entries)
	}
}

func newAhead() *ahead {
	return &ahead{entries: map[store.Place]*store.Entry{}, places: map[string]store.Place{}}
}

var _ queue.Preparer = (*changes)(nil)

// Prepare implements queue.Preparer. It needs one round trip for any number of calls.
func (b *changes) Prepare(calls []context.Context) {
	var places []store.Place
	for _, ctx := range calls {
		places = append(places, store.PlacesOf(ctx)...)
	}
	batch := &pgx.Batch{}
	b.ahead.queue(batch, places)
	if batch.Len() == 0 {
		return
	}
	ctx, cancel := b.store.uninterrupted(context.Background())
	defer cancel()
	if err := b.conn.SendBatch(ctx, batch).Close(); err != nil {
		b.broken = b.store.translate(err)
	}
}
