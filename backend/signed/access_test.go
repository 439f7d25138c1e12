// SPDX-License-Identifier: MPL-2.0

package signed_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// readingStore counts the rows of the deployment and the tokens that transactions read from the database.
type readingStore struct {
	store.Store
	rows int
}

func (s *readingStore) Update(ctx context.Context, f func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error { return f(readingTx{tx, s}) })
}

type readingTx struct {
	store.Tx
	s *readingStore
}

func (t readingTx) ScanObjects(ctx context.Context, project, after string, limit int) ([]store.Object, error) {
	out, err := t.Tx.ScanObjects(ctx, project, after, limit)
	t.s.rows += len(out)
	return out, err
}

func (t readingTx) Tokens(ctx context.Context) ([]store.Token, error) {
	out, err := t.Tx.Tokens(ctx)
	t.s.rows += len(out)
	return out, err
}

// openReading opens a signed store, and returns the store below, which counts.
func openReading(t *testing.T) (*signed.Store, *readingStore) {
	reading := &readingStore{}
	s := openOver(t, t.TempDir(), func(database store.Store) store.Store {
		reading.Store = database
		return reading
	}).(*signed.Store)
	t.Cleanup(func() { _ = s.Close() }) // nothing is read afterwards
	return s, reading
}

// Each deletion of a binding is compared with the sum of all of them. A transaction reads them once for that, and its
// own writes count.
func TestATransactionReadsTheBindingsOnce(t *testing.T) {
	const many = 300
	s, reading := openReading(t)
	binding := func(i int, revision int64) store.Object {
		return store.Object{Kind: backend.KindBinding, ID: fmt.Sprintf("id %03d", i), Project: stored.DeploymentKey,
			Name: fmt.Sprintf("b%03d", i), Revision: revision, Attributes: []byte("{}")}
	}
	update := func(f func(tx store.Tx) error) {
		t.Helper()
		reading.rows = 0
		if err := s.Update(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx store.Tx) error {
		for i := range many {
			if err := tx.InsertObject(t.Context(), binding(i, 1)); err != nil {
				return err
			}
		}
		return nil
	})
	update(func(tx store.Tx) error {
		for i := range many {
			if err := tx.DeleteObject(t.Context(), binding(i, 1).ID); err != nil {
				return err
			}
			if i%3 > 0 { // these are written before they are deleted
				continue
			}
			if err := tx.InsertObject(t.Context(), binding(many+i, 1)); err != nil {
				return err
			}
			if err := tx.UpdateObject(t.Context(), binding(many+i, 2)); err != nil {
				return err
			}
			if i%2 > 0 { // the others stay
				continue
			}
			if err := tx.DeleteObject(t.Context(), binding(many+i, 2).ID); err != nil {
				return err
			}
		}
		return nil
	})
	if reading.rows > 2*many {
		t.Errorf("deleting %d bindings reads %d rows", many, reading.rows)
	}
	if found, err := s.Verify(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("after the deletions: %v, %v", found, err)
	}
	if changed, err := s.CheckAccess(t.Context()); err != nil || len(changed) > 0 {
		t.Errorf("after the deletions: %v, %v", changed, err)
	}
}

// Tokens are read once too. A set can create and delete thousands of them.
func TestATransactionReadsTheTokensOnce(t *testing.T) {
	const many = 200
	s, reading := openReading(t)
	token := func(i int) store.Token { return newToken(fmt.Sprintf("t%03d", i)) }
	names := func(tx store.Tx) (out []string) {
		tokens, err := tx.Tokens(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range tokens {
			out = append(out, k.Name)
		}
		return out
	}
	var written []string // as the transaction lists them at its end
	for _, c := range []struct {
		name  string
		write func(tx store.Tx, i int) error
		left  int
	}{
		{"creating", func(tx store.Tx, i int) error { return tx.InsertToken(t.Context(), token(many-i)) }, many},
		{"updating", func(tx store.Tx, i int) error {
			k := token(i + 1)
			k.Revision++
			return tx.UpdateToken(t.Context(), k)
		}, many},
		{"deleting", func(tx store.Tx, i int) error {
			if i%4 == 0 {
				return nil
			}
			return tx.DeleteToken(t.Context(), token(i+1).ID)
		}, many / 4},
		{"creating and deleting", func(tx store.Tx, i int) error {
			if err := tx.InsertToken(t.Context(), token(many+i+1)); err != nil {
				return err
			}
			return tx.DeleteToken(t.Context(), token(many+i+1).ID)
		}, many / 4},
	} {
		reading.rows = 0
		err := s.Update(t.Context(), func(tx store.Tx) error {
			for i := range many {
				names(tx)
				if err := c.write(tx, i); err != nil {
					return err
				}
			}
			written = names(tx)
			return nil
		})
		if err != nil || reading.rows > 2*many {
			t.Errorf("%s %d tokens reads %d rows, %v", c.name, many, reading.rows, err)
		}
		err = s.View(t.Context(), func(tx store.Tx) error {
			if stored := names(tx); len(stored) != c.left || !slices.Equal(stored, written) {
				t.Errorf("%s: the transaction lists %v, and the database has %v", c.name, written, stored)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if changed, err := s.CheckAccess(t.Context()); err != nil || len(changed) > 0 {
			t.Errorf("after %s: %v, %v", c.name, changed, err)
		}
	}
	if found, err := s.Verify(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("at the end: %v, %v", found, err)
	}
}
