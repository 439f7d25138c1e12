// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// token is a token's row with all fields set; its id is its name.
func token(name string) store.Token {
	hash := sha256.Sum256([]byte(name))
	return store.Token{
		ID: name, Name: name, Description: "for " + name, Role: backend.RoleRuntime, Hash: hash[:],
		CreatedAt: moment, ExpiresAt: moment.Add(24 * time.Hour),
	}
}

var keyTests = []test{
	{"environment keys come back as they were, oldest first", func(e env) {
		key := func(id, project, environment string, at time.Time) store.EnvironmentKey {
			return store.EnvironmentKey{ID: id, Project: project, Environment: environment, KMSKey: "file:///" + id, Wrapped: []byte{0, 0xff}, CreatedAt: at}
		}
		late, early := key("a", "p", "dev", moment.Add(time.Microsecond)), key("b", "p", "dev", moment)
		same, other := key("c", "p", "prod", moment), key("d", "q", "dev", moment)
		e.update(func(ctx context.Context, tx store.Tx) error {
			for _, k := range []store.EnvironmentKey{late, same, early, other} {
				if err := tx.InsertEnvironmentKey(ctx, k); err != nil {
					return err
				}
			}
			return nil
		})
		e.wantEnvironmentKeys("p", early, same, late)
		e.wantEnvironmentKeys("q", other)
		e.wantEnvironmentKeys("absent")
		e.refused(backend.ErrExists, func(ctx context.Context, tx store.Tx) error { return tx.InsertEnvironmentKey(ctx, late) })

		e.update(func(ctx context.Context, tx store.Tx) error { return tx.DeleteEnvironmentKeys(ctx, "p", "dev") })
		e.wantEnvironmentKeys("p", same)
		e.wantEnvironmentKeys("q", other)
		e.update(func(ctx context.Context, tx store.Tx) error { return tx.DeleteEnvironmentKeys(ctx, "p", "dev") })
	}},
	{"tokens come back as they were, in order of name and id", func(e env) {
		b, a2, a1 := token("b"), token("a2"), token("a1")
		a1.Name, a2.Name = "a", "a"
		a1.ExpiresAt = time.Time{}
		e.update(func(ctx context.Context, tx store.Tx) error {
			for _, k := range []store.Token{b, a2, a1} {
				if err := tx.InsertToken(ctx, k); err != nil {
					return err
				}
			}
			return nil
		})
		e.view(func(ctx context.Context, tx store.Tx) error {
			all, err := tx.Tokens(ctx)
			if err != nil || !slices.EqualFunc(all, []store.Token{a1, a2, b}, sameToken) {
				e.Errorf("listed %+v (%v)", all, err)
			}
			for _, want := range []store.Token{a1, b} {
				if got, err := tx.TokenByHash(ctx, want.Hash); err != nil || !sameToken(got, want) {
					e.Errorf("found by its hash: %+v (%v), want %+v", got, err, want)
				}
			}
			for _, hash := range [][]byte{nil, {}, b.Hash[:31], append(slices.Clone(b.Hash), 0), make([]byte, 32)} {
				got, err := tx.TokenByHash(ctx, hash)
				e.wantError(err, backend.ErrNotFound)
				if got.ID != "" {
					e.Errorf("the hash %x finds %+v", hash, got)
				}
			}
			return nil
		})
	}},
	{"a token's id and hash are unique", func(e env) {
		k := token("a")
		e.update(func(ctx context.Context, tx store.Tx) error { return tx.InsertToken(ctx, k) })
		sameID, sameHash := token("b"), token("c")
		sameID.ID, sameHash.Hash = k.ID, k.Hash
		for _, again := range []store.Token{sameID, sameHash} {
			e.refused(backend.ErrExists, func(ctx context.Context, tx store.Tx) error { return tx.InsertToken(ctx, again) })
		}
	}},
	{"a deleted token is gone", func(e env) {
		k, other := token("a"), token("b")
		e.update(func(ctx context.Context, tx store.Tx) error {
			if err := tx.InsertToken(ctx, k); err != nil {
				return err
			}
			return tx.InsertToken(ctx, other)
		})
		for range 2 { // the second time, there is nothing to delete
			e.update(func(ctx context.Context, tx store.Tx) error { return tx.DeleteToken(ctx, k.ID) })
		}
		e.view(func(ctx context.Context, tx store.Tx) error {
			_, err := tx.TokenByHash(ctx, k.Hash)
			e.wantError(err, backend.ErrNotFound)
			all, err := tx.Tokens(ctx)
			if err != nil || len(all) != 1 || !sameToken(all[0], other) {
				e.Errorf("left are %+v (%v)", all, err)
			}
			return nil
		})
	}},
	{"what is remembered is recalled until it is too old", func(e env) {
		r := store.IdempotencyRecord{Key: "key '1'", Request: []byte{0, 1}, Outcome: []byte(`[{"action":"create"}]`), At: moment}
		bare := store.IdempotencyRecord{Key: "bare", At: moment.Add(time.Microsecond)}
		e.remember(r, moment.Add(-time.Hour))
		e.remember(bare, moment) // r is exactly as old as allowed
		e.wantRecalled(r)
		e.wantRecalled(bare)
		e.remember(store.IdempotencyRecord{Key: "third", At: moment.Add(time.Hour)}, bare.At)
		e.wantRecalled(bare)
		for _, key := range []string{r.Key, "KEY '1'", "", "%"} {
			e.view(func(ctx context.Context, tx store.Tx) error {
				_, err := tx.IdempotencyRecord(ctx, key)
				e.wantError(err, backend.ErrNotFound)
				return nil
			})
		}
	}},
	{"the last outcome under a key is the one", func(e env) {
		r := store.IdempotencyRecord{Key: "k", Request: []byte("1"), Outcome: []byte("1"), At: moment}
		e.remember(r, moment)
		r.Request, r.Outcome, r.At = []byte("2"), []byte("2"), moment.Add(time.Second)
		e.remember(r, moment)
		e.wantRecalled(r)
	}},
}

func (e env) wantEnvironmentKeys(project string, want ...store.EnvironmentKey) {
	e.Helper()
	e.view(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.EnvironmentKeys(ctx, project)
		same := slices.EqualFunc(got, want, func(a, b store.EnvironmentKey) bool {
			return a.ID == b.ID && a.Project == b.Project && a.Environment == b.Environment && a.KMSKey == b.KMSKey &&
				bytes.Equal(a.Wrapped, b.Wrapped) && a.CreatedAt.Equal(b.CreatedAt)
		})
		if !same {
			e.Errorf("the environment keys of %s are %+v, want %+v", project, got, want)
		}
		return err
	})
}

func (e env) remember(r store.IdempotencyRecord, olderThan time.Time) {
	e.Helper()
	e.update(func(ctx context.Context, tx store.Tx) error { return tx.SaveIdempotencyRecord(ctx, r, olderThan) })
}

func (e env) wantRecalled(want store.IdempotencyRecord) {
	e.Helper()
	e.view(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.IdempotencyRecord(ctx, want.Key)
		if got.Key != want.Key || !bytes.Equal(got.Request, want.Request) || !bytes.Equal(got.Outcome, want.Outcome) || !got.At.Equal(want.At) {
			e.Errorf("recalled %+v, want %+v", got, want)
		}
		return err
	})
}

// sameToken compares two tokens, times as moments and bytes by content.
func sameToken(a, b store.Token) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Description == b.Description && a.Role == b.Role &&
		bytes.Equal(a.Hash, b.Hash) && a.CreatedAt.Equal(b.CreatedAt) &&
		a.ExpiresAt.Equal(b.ExpiresAt) && a.ExpiresAt.IsZero() == b.ExpiresAt.IsZero()
}
