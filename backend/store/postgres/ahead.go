// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

// ahead holds the entries that a transaction has read for its calls before they run: see store.WithPlaces. Nobody else
// writes while the transaction has the lock of the changes. So an entry stays right until the transaction itself writes
// to it. A new version of a secret replaces it here too, so that many calls can write the same secret without a
// statement that reads.
type ahead struct {
	entries map[store.Place]*store.Entry // nil for a place without an object
	places  map[string]store.Place       // by the ids of the objects
	bytes   int

	// What the running function has written. If it fails, that is forgotten.
	changed  []string                 // objects whose entries were replaced
	inserted map[string]store.Version // the last version of each object
	awaiting map[string]store.Object  // objects without the version that they name
}

// maxAheadBytes limits the values that a transaction keeps for calls that have not run.
const maxAheadBytes = 4 << 20

// selectEntry reads the entry in one place.
const selectEntry = "SELECT " + entryColumns + " FROM object o " + currentVersion + `
	WHERE o.project = $1 AND o.kind = $2 AND o.name = $3 AND o.environment = $4 AND o.scope = $5`

// selectEntries reads those in many places. See Lookup for OFFSET.
const selectEntries = "SELECT " + entryColumns + `
	FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS n (project, kind, name, environment, scope)
	CROSS JOIN LATERAL (SELECT * FROM object WHERE project = n.project AND kind = n.kind AND name = n.name
		AND environment = n.environment AND scope = n.scope OFFSET 0) o ` + currentVersion

// entryArgs returns the arguments of selectEntry.
func entryArgs(p store.Place) []any {
	return []any{p.Project, string(p.Kind), p.Name, p.Environment, p.Scope}
}

// queue adds the statement that reads the entries in places, if there are any that are not known.
func (a *ahead) queue(b *pgx.Batch, places []store.Place) {
	var unknown []store.Place
	var rows [][]any
	for _, p := range places {
		if _, known := a.entries[p]; !known && !slices.Contains(unknown, p) {
			unknown, rows = append(unknown, p), append(rows, entryArgs(p))
		}
	}
	var q *pgx.QueuedQuery
	switch len(unknown) {
	case 0:
		return
	case 1:
		q = b.Queue(selectEntry, rows[0]...)
	default:
		q = b.Queue(selectEntries, columnsOf(rows)...)
	}
	q.Query(func(rows pgx.Rows) error {
		for _, p := range unknown {
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

// begin begins a function.
func (a *ahead) begin() {
	a.changed = nil
	clear(a.inserted)
	clear(a.awaiting)
}

// undo forgets what the function has written.
func (a *ahead) undo() {
	for _, id := range a.changed {
		a.forget(id, store.Place{})
	}
	a.begin()
}

// update replaces an object. Without the version that it names, the entry is forgotten until that is inserted.
func (a *ahead) update(o store.Object) {
	if a == nil {
		return
	}
	place, before := store.PlaceOf(o), a.entries[a.places[o.ID]]
	a.forget(o.ID, place)
	if before == nil || store.PlaceOf(before.Object) != place {
		return
	}
	v, inserted := a.inserted[o.ID]
	switch {
	case inserted && v.Version == o.Version:
		a.replace(o, v)
	case o.Version == before.Object.Version:
		a.replace(o, before.Current)
	default:
		a.awaiting[o.ID] = o
	}
}

// insert adds a version.
func (a *ahead) insert(v store.Version) {
	if a == nil {
		return
	}
	a.inserted[v.Object] = v
	if o, ok := a.awaiting[v.Object]; ok && o.Version == v.Version {
		a.replace(o, v)
	} else if e := a.entries[a.places[v.Object]]; e != nil && e.Object.Version == v.Version {
		a.forget(v.Object, store.Place{})
	}
}

// replace keeps an entry as the database would return it.
func (a *ahead) replace(o store.Object, v store.Version) {
	o.Attributes, o.MAC, o.DeploymentMAC = bytea(o.Attributes), bytea(o.MAC), bytea(o.DeploymentMAC)
	o.CreatedAt, o.UpdatedAt = timeOf(o.CreatedAt.UnixMicro()), timeOf(o.UpdatedAt.UnixMicro())
	if v.Object != "" {
		v.Sealed, v.Attributes, v.DeploymentMAC = bytea(v.Sealed), bytea(v.Attributes), bytea(v.DeploymentMAC)
		v.CreatedAt = timeOf(v.CreatedAt.UnixMicro())
	}
	a.changed = append(a.changed, o.ID)
	a.keep(store.Entry{Object: o, Current: v})
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
		a.begin()
	}
}

func newAhead() *ahead {
	return &ahead{entries: map[store.Place]*store.Entry{}, places: map[string]store.Place{},
		inserted: map[string]store.Version{}, awaiting: map[string]store.Object{}}
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
