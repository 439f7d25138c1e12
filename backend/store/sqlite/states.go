// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// State implements store.Tx.
func (t *tx) State(ctx context.Context, name string) ([]byte, error) {
	var sealed []byte
	_, err := t.queryFirst(ctx, "SELECT sealed FROM sealed_state WHERE name = ?", []any{name}, func(row scanner) error {
		return row.Scan(&sealed)
	})
	return sealed, err
}

const selectGeneration = "SELECT (SELECT sealed FROM sealed_state WHERE name = '" + store.GenerationState + "')"

// Generation implements store.Tx. A View has read it at its start.
func (t *tx) Generation(ctx context.Context) ([]byte, error) {
	if t.writable {
		return t.State(ctx, store.GenerationState)
	}
	return t.generation, nil
}

// States implements store.Tx.
func (t *tx) States(ctx context.Context) ([]store.State, error) {
	var out []store.State
	err := t.query(ctx, "SELECT name, sealed FROM sealed_state ORDER BY name", nil, func(row scanner) error {
		var s store.State
		if err := row.Scan(&s.Name, &s.Sealed); err != nil {
			return err
		}
		out = append(out, s)
		return nil
	})
	return out, err
}

// SaveState implements store.Tx.
func (t *tx) SaveState(ctx context.Context, s store.State) error {
	_, err := t.exec(ctx, "INSERT OR REPLACE INTO sealed_state (name, sealed) VALUES (?, ?)", s.Name, blob(s.Sealed))
	return err
}

// DeleteState implements store.Tx.
func (t *tx) DeleteState(ctx context.Context, name string) error {
	_, err := t.exec(ctx, "DELETE FROM sealed_state WHERE name = ?", name)
	return err
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
