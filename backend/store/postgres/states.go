// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// batchStates holds the states that the functions of one transaction have read and written. Every function of a signed
// store writes the same states. So they are written once, with the commit.
type batchStates struct {
	known   map[string][]byte // nil for one that does not exist
	changed map[string]bool
}

func newBatchStates() *batchStates {
	return &batchStates{known: map[string][]byte{}, changed: map[string]bool{}}
}

// keep adds the states that a function has written, after its success.
func (b *batchStates) keep(written map[string][]byte) {
	for name, sealed := range written {
		b.known[name], b.changed[name] = sealed, true
	}
}

// queue adds the statements that write the changed states.
func (b *batchStates) queue(batch *pgx.Batch) {
	var names, gone []string
	var sealed [][]byte
	for _, name := range slices.Sorted(maps.Keys(b.changed)) {
		if b.known[name] == nil {
			gone = append(gone, name)
			continue
		}
		names, sealed = append(names, name), append(sealed, b.known[name])
	}
	if len(names) > 0 {
		batch.Queue(`INSERT INTO sealed_state (name, sealed) SELECT * FROM unnest($1::text[], $2::bytea[])
			ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed`, names, sealed)
	}
	if len(gone) > 0 {
		batch.Queue("DELETE FROM sealed_state WHERE name = ANY($1::text[])", gone)
	}
}

// State implements store.Tx.
func (t *tx) State(ctx context.Context, name string) ([]byte, error) {
	if err := t.usable(ctx, false); err != nil {
		return nil, err
	}
	if sealed, ok := t.written[name]; ok {
		return sealed, nil
	}
	if sealed, ok := t.read[name]; ok {
		return sealed, nil
	}
	if t.states != nil {
		if sealed, ok := t.states.known[name]; ok {
			return sealed, nil
		}
	}
	var sealed []byte
	_, err := t.first(ctx, "SELECT sealed FROM sealed_state WHERE name = $1", []any{name}, &sealed)
	if err == nil && t.states != nil {
		t.states.known[name] = sealed
	}
	return sealed, err
}

// Generation implements store.Tx. A View has read it at its start.
func (t *tx) Generation(ctx context.Context) ([]byte, error) {
	return t.State(ctx, store.GenerationState)
}

// Contents implements store.Tx. A View has read it at its start.
func (t *tx) Contents(context.Context) ([]byte, error) { return t.read[store.ContentsState], nil }

// ProjectContents implements store.Tx. A View has read the states of the projects in store.WithProjects.
func (t *tx) ProjectContents(ctx context.Context, project string) (store.State, error) {
	if t.writable {
		return store.State{}, nil
	}
	name := store.ProjectPrefix + project
	sealed, err := t.State(ctx, name)
	return store.State{Name: name, Sealed: sealed}, err
}

// States implements store.Tx.
func (t *tx) States(ctx context.Context) ([]store.State, error) {
	stored := map[string][]byte{}
	err := t.query(ctx, "SELECT name, sealed FROM sealed_state", nil, func(rows pgx.Rows) error {
		var name string
		var sealed []byte
		err := rows.Scan(&name, &sealed)
		stored[name] = sealed
		return err
	})
	if err != nil {
		return nil, err
	}
	if t.states != nil {
		for name := range t.states.changed {
			stored[name] = t.states.known[name]
		}
	}
	maps.Copy(stored, t.written)
	var out []store.State
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		if sealed := stored[name]; sealed != nil {
			out = append(out, store.State{Name: name, Sealed: sealed})
		}
	}
	return out, nil
}

// SaveState implements store.Tx.
func (t *tx) SaveState(ctx context.Context, s store.State) error {
	return t.writeState(ctx, s.Name, slices.Clone(bytea(s.Sealed)))
}

// DeleteState implements store.Tx.
func (t *tx) DeleteState(ctx context.Context, name string) error { return t.writeState(ctx, name, nil) }

func (t *tx) writeState(ctx context.Context, name string, sealed []byte) error {
	if err := t.usable(ctx, true); err != nil {
		return err
	}
	if t.written == nil {
		t.written = map[string][]byte{}
	}
	t.written[name] = sealed
	return nil
}

// SetObjectMAC implements store.Tx.
func (t *tx) SetObjectMAC(ctx context.Context, id string, mac []byte) error {
	_, err := t.exec(ctx, `UPDATE object o SET deployment_mac = $1 FROM object_id i
		WHERE i.id = $2 AND o.project = i.project AND o.id = i.id`, bytea(mac), id)
	return err
}

// SetVersionMAC implements store.Tx.
func (t *tx) SetVersionMAC(ctx context.Context, k store.VersionKey, mac []byte) error {
	_, err := t.exec(ctx, "UPDATE version SET deployment_mac = $1 WHERE project = $2 AND object = $3 AND version = $4",
		bytea(mac), k.Project, k.Object, k.Version)
	return err
}
