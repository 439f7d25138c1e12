// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"maps"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// batchStates holds the states that the functions of one transaction have read and written. Every function of a signed
// store writes the same states. So they are written once, at the end of the transaction.
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

// write writes the changed states.
func (b *batchStates) write(ctx context.Context, c *conn) error {
	for _, name := range slices.Sorted(maps.Keys(b.changed)) {
		var err error
		if sealed := b.known[name]; sealed == nil {
			err = c.exec(ctx, deleteState, name)
		} else {
			err = c.exec(ctx, saveState, name, sealed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	deleteState = "DELETE FROM sealed_state WHERE name = ?"
	saveState   = "INSERT OR REPLACE INTO sealed_state (name, sealed) VALUES (?, ?)"
)

// State implements store.Tx.
func (t *tx) State(ctx context.Context, name string) ([]byte, error) {
	if err := t.usable(ctx, false); err != nil {
		return nil, err
	}
	if sealed, ok := t.written[name]; ok {
		return sealed, nil
	}
	if t.states != nil {
		if sealed, ok := t.states.known[name]; ok {
			return sealed, nil
		}
	}
	var sealed []byte
	_, err := t.queryFirst(ctx, "SELECT sealed FROM sealed_state WHERE name = ?", []any{name}, func(row scanner) error {
		return row.Scan(&sealed)
	})
	if err == nil && t.states != nil {
		t.states.known[name] = sealed
	}
	return sealed, err
}

const selectGeneration = "SELECT (SELECT sealed FROM sealed_state WHERE name = '" + store.GenerationState + "'), " +
	"(SELECT sealed FROM sealed_state WHERE name = '" + store.ContentsState + "')"

// Generation implements store.Tx. A View has read it at its start.
func (t *tx) Generation(ctx context.Context) ([]byte, error) {
	if t.writable {
		return t.State(ctx, store.GenerationState)
	}
	return t.generation, nil
}

// Contents implements store.Tx.
func (t *tx) Contents(context.Context) ([]byte, error) { return t.contents, nil }

// ProjectContents implements store.Tx. A View has read the state of all projects at its start.
func (t *tx) ProjectContents(context.Context, string) (store.State, error) {
	return store.State{Name: store.ContentsState, Sealed: t.contents}, nil
}

// States implements store.Tx.
func (t *tx) States(ctx context.Context) ([]store.State, error) {
	stored := map[string][]byte{}
	err := t.query(ctx, "SELECT name, sealed FROM sealed_state", nil, func(row scanner) error {
		var name string
		var sealed []byte
		err := row.Scan(&name, &sealed)
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
	if t.states == nil {
		_, err := t.exec(ctx, saveState, s.Name, blob(s.Sealed))
		return err
	}
	return t.writeState(ctx, s.Name, slices.Clone(blob(s.Sealed)))
}

// DeleteState implements store.Tx.
func (t *tx) DeleteState(ctx context.Context, name string) error {
	if t.states == nil {
		_, err := t.exec(ctx, deleteState, name)
		return err
	}
	return t.writeState(ctx, name, nil)
}

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
	_, err := t.exec(ctx, "UPDATE object SET deployment_mac = ? WHERE id = ?", blob(mac), id)
	return err
}

// SetVersionMAC implements store.Tx.
func (t *tx) SetVersionMAC(ctx context.Context, k store.VersionKey, mac []byte) error {
	_, err := t.exec(ctx, "UPDATE version SET deployment_mac = ? WHERE object = ? AND version = ?",
		blob(mac), k.Object, k.Version)
	return err
}

// texts runs a query for one column of text.
func (t *tx) texts(ctx context.Context, text string, args ...any) ([]string, error) {
	var out []string
	err := t.query(ctx, text, args, func(row scanner) error {
		var s string
		if err := row.Scan(&s); err != nil {
			return err
		}
		out = append(out, s)
		return nil
	})
	return out, err
}
