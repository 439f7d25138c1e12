// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// token returns the row of a token. All its fields are set, and its id is its name.
func token(name string) store.Token {
	hash := sha256.Sum256([]byte(name))
	return store.Token{
		ID: name, Name: name, Description: "for " + name, Role: backend.RoleRuntime, Hash: hash[:],
		CreatedAt: testTime, ExpiresAt: testTime.Add(24 * time.Hour),
	}
}

var keyTests = []test{
	{"environment keys are returned unchanged, oldest first", func(e env) {
		key := func(id, project, environment string, at time.Time) store.EnvironmentKey {
			return store.EnvironmentKey{
				ID: id, Project: project, Environment: environment, KMSKey: "file:///" + id, Wrapped: []byte{0, 0xff},
				CreatedAt: at,
			}
		}
		newer, older := key("a", "p", "dev", testTime.Add(time.Microsecond)), key("b", "p", "dev", testTime)
		otherEnvironment, otherProject := key("c", "p", "prod", testTime), key("d", "q", "dev", testTime)
		e.update(func(ctx context.Context, tx store.Tx) error {
			for _, k := range []store.EnvironmentKey{newer, otherEnvironment, older, otherProject} {
				if err := tx.InsertEnvironmentKey(ctx, k); err != nil {
					return err
				}
			}
			return nil
		})
		e.wantEnvironmentKeys("p", older, otherEnvironment, newer)
		e.wantEnvironmentKeys("q", otherProject)
		e.wantEnvironmentKeys("absent")
		e.refused(backend.ErrExists, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertEnvironmentKey(ctx, newer)
		})

		older.KMSKey, older.Wrapped = "file:///another", []byte{1, 2, 3}
		e.update(func(ctx context.Context, tx store.Tx) error { return tx.UpdateEnvironmentKey(ctx, older) })
		e.wantEnvironmentKeys("p", older, otherEnvironment, newer)
		e.refused(backend.ErrNotFound, func(ctx context.Context, tx store.Tx) error {
			return tx.UpdateEnvironmentKey(ctx, key("absent", "p", "dev", testTime))
		})

		e.update(func(ctx context.Context, tx store.Tx) error { return tx.DeleteEnvironmentKeys(ctx, "p", "dev") })
		e.wantEnvironmentKeys("p", otherEnvironment)
		e.wantEnvironmentKeys("q", otherProject)
		e.update(func(ctx context.Context, tx store.Tx) error { return tx.DeleteEnvironmentKeys(ctx, "p", "dev") })
	}},
	{"tokens are returned unchanged, sorted by name and id", func(e env) {
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
					e.Errorf("TokenByHash returned %+v (%v), want %+v", got, err, want)
				}
			}
			for _, hash := range [][]byte{nil, {}, b.Hash[:31], append(slices.Clone(b.Hash), 0), make([]byte, 32)} {
				got, err := tx.TokenByHash(ctx, hash)
				e.wantError(err, backend.ErrNotFound)
				if got.ID != "" {
					e.Errorf("the hash %x returned %+v", hash, got)
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
	{"a token can be deleted", func(e env) {
		k, other := token("a"), token("b")
		e.update(func(ctx context.Context, tx store.Tx) error {
			if err := tx.InsertToken(ctx, k); err != nil {
				return err
			}
			return tx.InsertToken(ctx, other)
		})
		for range 2 { // the second time, the token does not exist
			e.update(func(ctx context.Context, tx store.Tx) error { return tx.DeleteToken(ctx, k.ID) })
		}
		e.view(func(ctx context.Context, tx store.Tx) error {
			_, err := tx.TokenByHash(ctx, k.Hash)
			e.wantError(err, backend.ErrNotFound)
			all, err := tx.Tokens(ctx)
			if err != nil || len(all) != 1 || !sameToken(all[0], other) {
				e.Errorf("the remaining tokens are %+v (%v)", all, err)
			}
			return nil
		})
	}},
	{"idempotency records are kept until they are too old", func(e env) {
		full := store.IdempotencyRecord{
			Key: "key '1'", Request: []byte{0, 1}, Outcome: []byte(`[{"action":"create"}]`), At: testTime,
		}
		minimal := store.IdempotencyRecord{Key: "minimal", At: testTime.Add(time.Microsecond)}
		e.saveIdempotencyRecord(full, testTime.Add(-time.Hour))
		e.saveIdempotencyRecord(minimal, testTime) // full is exactly as old as allowed
		e.wantIdempotencyRecord(full)
		e.wantIdempotencyRecord(minimal)
		e.saveIdempotencyRecord(store.IdempotencyRecord{Key: "third", At: testTime.Add(time.Hour)}, minimal.At)
		e.wantIdempotencyRecord(minimal)
		for _, key := range []string{full.Key, "KEY '1'", "", "%"} {
			e.view(func(ctx context.Context, tx store.Tx) error {
				_, err := tx.IdempotencyRecord(ctx, key)
				e.wantError(err, backend.ErrNotFound)
				return nil
			})
		}
	}},
	{"idempotency records are listed by the beginning of their keys", func(e env) {
		records := map[string]store.IdempotencyRecord{}
		for _, key := range []string{
			"began a", "began b'", "began", "began!", "Began a", "began\x7f", "began é", "beg", "z",
		} {
			r := store.IdempotencyRecord{Key: key, Request: []byte{1}, Outcome: []byte(key), At: testTime}
			records[key] = r
			e.saveIdempotencyRecord(r, testTime)
		}
		for prefix, want := range map[string]string{"began ": "began a, began b', began é", "z": "z", "zz": "", "%": "",
			"B": "Began a"} {
			e.view(func(ctx context.Context, tx store.Tx) error {
				got, err := tx.IdempotencyRecords(ctx, prefix, 9, 100)
				var keys []string
				for _, r := range got {
					keys = append(keys, r.Key)
					if want := records[r.Key]; string(r.Outcome) != r.Key || string(r.Request) != string(want.Request) ||
						!r.At.Equal(want.At) {
						e.Errorf("the record is %+v, want %+v", r, want)
					}
				}
				if all := strings.Join(keys, ", "); err != nil || all != want {
					e.Errorf("with %q the keys are %q (%v), want %q", prefix, all, err, want)
				}
				return nil
			})
		}
	}},
	{"the latest idempotency records are listed, without large ones", func(e env) {
		for i, key := range []string{"began d", "began c", "began b", "began e", "began a"} {
			size := 10
			if key == "began b" {
				size = 11
			}
			e.saveIdempotencyRecord(store.IdempotencyRecord{Key: key, Outcome: make([]byte, size),
				At: testTime.Add(time.Duration(min(i, 3)) * time.Microsecond)}, testTime)
		}
		for limit, want := range []string{"", "began a", "began a, began e", "began a, began e, began c",
			"began a, began e, began c, began d", "began a, began e, began c, began d"} {
			e.view(func(ctx context.Context, tx store.Tx) error {
				got, err := tx.IdempotencyRecords(ctx, "began ", limit, 10)
				var keys []string
				for _, r := range got {
					keys = append(keys, r.Key)
				}
				if all := strings.Join(keys, ", "); err != nil || all != want {
					e.Errorf("the %d latest keys are %q (%v), want %q", limit, all, err, want)
				}
				return nil
			})
		}
	}},
	{"idempotency records are scanned by key", func(e env) {
		for _, key := range []string{"b", "a", "c", "é", ""} {
			e.saveIdempotencyRecord(store.IdempotencyRecord{Key: key, Outcome: []byte(key), At: testTime}, testTime)
		}
		for after, want := range map[string]string{"": " a", "a": "b c", "c": "é", "é": ""} {
			e.view(func(ctx context.Context, tx store.Tx) error {
				got, err := tx.ScanIdempotencyRecords(ctx, after, 2)
				var keys []string
				for _, r := range got {
					keys = append(keys, r.Key)
					if string(r.Outcome) != r.Key || !r.At.Equal(testTime) {
						e.Errorf("the record is %+v", r)
					}
				}
				if all := strings.Join(keys, " "); err != nil || all != want {
					e.Errorf("after %q the keys are %q (%v), want %q", after, all, err, want)
				}
				return nil
			})
		}
	}},
	{"an idempotency record is deleted by its key", func(e env) {
		for _, key := range []string{"a", "", "A", "%"} {
			e.saveIdempotencyRecord(store.IdempotencyRecord{Key: key, At: testTime}, testTime)
		}
		e.update(func(ctx context.Context, tx store.Tx) error {
			return errors.Join(tx.DeleteIdempotencyRecord(ctx, "%"), tx.DeleteIdempotencyRecord(ctx, "a"),
				tx.DeleteIdempotencyRecord(ctx, ""), tx.DeleteIdempotencyRecord(ctx, "missing"))
		})
		e.view(func(ctx context.Context, tx store.Tx) error {
			left, err := tx.ScanIdempotencyRecords(ctx, "", 9)
			if err != nil || len(left) != 1 || left[0].Key != "A" {
				e.Errorf("the records %+v are left (%v)", left, err)
			}
			return nil
		})
	}},
	{"comparisons are counted by day, principal and object, until another day", func(e env) {
		first := store.ComparisonKey{Day: "2026-11-25", Principal: "p", Object: "o"}
		others := []store.ComparisonKey{first, first, first}
		others[0].Day, others[1].Principal, others[2].Object = "2026-11-26", "q", "x"
		count := func(k store.ComparisonKey) (n int) {
			e.view(func(ctx context.Context, tx store.Tx) (err error) {
				n, err = tx.Comparisons(ctx, k)
				return err
			})
			return n
		}
		for want := 1; want <= 2; want++ {
			e.update(func(ctx context.Context, tx store.Tx) error {
				if n, err := tx.AddComparison(ctx, first); err != nil || n != want {
					e.Errorf("%d comparisons were counted (%v), want %d", n, err, want)
				}
				return nil
			})
		}
		for _, k := range others {
			if n := count(k); n != 0 {
				e.Errorf("%+v has %d comparisons of another key", k, n)
			}
		}
		if n := count(first); n != 2 {
			e.Errorf("%d comparisons are left, want 2", n)
		}
		e.update(func(ctx context.Context, tx store.Tx) error {
			_, err := tx.AddComparison(ctx, others[0])
			return err
		})
		if n := count(first); n != 0 {
			e.Errorf("%d comparisons of the day before are left", n)
		}
		if n := count(others[0]); n != 1 {
			e.Errorf("%d comparisons of the next day are counted, want 1", n)
		}
	}},
	{"an idempotency record replaces one with the same key", func(e env) {
		r := store.IdempotencyRecord{Key: "k", Request: []byte("1"), Outcome: []byte("1"), At: testTime}
		e.saveIdempotencyRecord(r, testTime)
		r.Request, r.Outcome, r.At = []byte("2"), []byte("2"), testTime.Add(time.Second)
		e.saveIdempotencyRecord(r, testTime)
		e.wantIdempotencyRecord(r)
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

func (e env) saveIdempotencyRecord(r store.IdempotencyRecord, olderThan time.Time) {
	e.Helper()
	e.update(func(ctx context.Context, tx store.Tx) error { return tx.SaveIdempotencyRecord(ctx, r, olderThan) })
}

func (e env) wantIdempotencyRecord(want store.IdempotencyRecord) {
	e.Helper()
	e.view(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.IdempotencyRecord(ctx, want.Key)
		if got.Key != want.Key || !bytes.Equal(got.Request, want.Request) ||
			!bytes.Equal(got.Outcome, want.Outcome) || !got.At.Equal(want.At) {
			e.Errorf("the idempotency record is %+v, want %+v", got, want)
		}
		return err
	})
}

// sameToken reports whether two tokens are equal. Times in different time zones and nil and empty bytes can be equal.
func sameToken(a, b store.Token) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Description == b.Description && a.Role == b.Role &&
		bytes.Equal(a.Hash, b.Hash) && a.CreatedAt.Equal(b.CreatedAt) &&
		a.ExpiresAt.Equal(b.ExpiresAt) && a.ExpiresAt.IsZero() == b.ExpiresAt.IsZero()
}
