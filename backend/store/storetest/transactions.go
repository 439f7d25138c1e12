// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

var storeTests = []test{
	{"deployment is a lasting id of its own", func(e env) {
		id, err := uuid.Parse(e.Deployment())
		if err != nil || id.Version() != 7 {
			e.Errorf("the deployment id is %q, want a UUIDv7", e.Deployment())
		}
		if again := e.reopen().Deployment(); again != e.Deployment() {
			e.Errorf("it is %s at first and %s after opening again", e.Deployment(), again)
		}
		other := e.open(e.T, e.TempDir())
		defer other.Close()
		if other.Deployment() == e.Deployment() {
			e.Error("two databases have one id")
		}
	}},
	{"what was committed is there after opening again", func(e env) {
		o := secret("p", "e", "project", "lasting")
		e.insert(o)
		if err := e.Close(); err != nil {
			e.Fatal(err)
		}
		e.Store = e.reopen()
		if got, ok := e.get(o.Kind, o.ID); !ok || !sameObject(got, o) {
			e.Errorf("found %+v, want %+v", got, o)
		}
	}},
	{"two stores on one database see each other", func(e env) {
		other := env{T: e.T, Store: e.reopen()}
		e.insert(secret("p", "e", "project", "a"))
		other.insert(secret("p", "e", "project", "b"))
		for _, one := range []env{e, other} {
			if got := strings.Join(one.names(store.Filter{Kind: backend.KindSecret}), " "); got != "a b" {
				e.Errorf("one of them sees %q, want both", got)
			}
		}
	}},
	{"check finds a new database sound", func(e env) {
		e.insert(secret("p", "e", "project", "a"))
		if err := e.Check(e.Context()); err != nil {
			e.Errorf("Check: %v", err)
		}
	}},
	{"records are accepted, also many at once", func(e env) {
		together(8, func(i int) {
			for j := range 10 {
				r := store.Record{At: moment, Principal: fmt.Sprint(i), Role: backend.RoleAdmin, Verb: "resolve", Code: "ok"}
				if j%2 == 0 {
					r.Phase, r.Detail = "outcome", []byte(`{"names":["a"]}`)
				}
				if err := e.AppendRecord(e.Context(), r); err != nil {
					e.Errorf("AppendRecord: %v", err)
				}
			}
		})
	}},
	{"a closed store refuses", func(e env) {
		if err := e.Close(); err != nil {
			e.Fatal(err)
		}
		nothing := func(store.Tx) error { e.Error("f ran"); return nil }
		e.wantError(e.View(e.Context(), nothing), backend.ErrUnavailable)
		e.wantError(e.Update(e.Context(), nothing), backend.ErrUnavailable)
		e.wantError(e.AppendRecord(e.Context(), store.Record{}), backend.ErrUnavailable)
		e.wantError(e.Check(e.Context()), backend.ErrUnavailable)
		if err := e.Close(); err != nil {
			e.Errorf("the second Close: %v", err)
		}
	}},
}

var errOwn = errors.New("f's own error")

var transactionTests = []test{
	{"an error of f rolls back and comes back", func(e env) {
		o := secret("p", "e", "project", "kept")
		e.insert(o)
		e.update(func(ctx context.Context, tx store.Tx) error { return tx.InsertVersion(ctx, version(o.ID, 1)) })
		err := e.Update(e.Context(), func(tx store.Tx) error {
			fillEverything(e, tx)
			return errors.Join(tx.DeleteObject(e.Context(), o.ID), errOwn)
		})
		if !errors.Is(err, errOwn) {
			e.Errorf("Update gives %v, want f's error", err)
		}
		e.wantNothingBut(o)
	}},
	{"the error of f is the same value", func(e env) {
		if err := e.Update(e.Context(), func(store.Tx) error { return errOwn }); err != errOwn {
			e.Errorf("Update gives %v", err)
		}
		if err := e.View(e.Context(), func(store.Tx) error { return errOwn }); err != errOwn {
			e.Errorf("View gives %v", err)
		}
	}},
	{"a panic of f rolls back and goes on", func(e env) {
		for name, run := range map[string]func(context.Context, func(store.Tx) error) error{"Update": e.Update, "View": e.View} {
			func() {
				defer func() {
					if r := recover(); r != "boom" {
						e.Errorf("%s: recovered %v", name, r)
					}
				}()
				_ = run(e.Context(), func(tx store.Tx) error {
					if name == "Update" {
						fillEverything(e, tx)
					}
					panic("boom")
				})
			}()
		}
		o := secret("p", "e", "project", "afterwards")
		e.insert(o)
		e.wantNothingBut(o)
	}},
	{"writes inside View are refused", func(e env) {
		o := secret("p", "e", "project", "kept")
		e.insert(o)
		changed := o
		changed.Revision++
		for name, write := range map[string]func(ctx context.Context, tx store.Tx) error{
			"InsertObject": func(ctx context.Context, tx store.Tx) error {
				return tx.InsertObject(ctx, secret("p", "e", "project", "x"))
			},
			"UpdateObject":  func(ctx context.Context, tx store.Tx) error { return tx.UpdateObject(ctx, changed) },
			"DeleteObject":  func(ctx context.Context, tx store.Tx) error { return tx.DeleteObject(ctx, o.ID) },
			"InsertVersion": func(ctx context.Context, tx store.Tx) error { return tx.InsertVersion(ctx, version(o.ID, 1)) },
			"InsertEnvironmentKey": func(ctx context.Context, tx store.Tx) error {
				return tx.InsertEnvironmentKey(ctx, store.EnvironmentKey{ID: "k"})
			},
			"DeleteEnvironmentKeys": func(ctx context.Context, tx store.Tx) error { return tx.DeleteEnvironmentKeys(ctx, "p", "e") },
			"InsertToken":           func(ctx context.Context, tx store.Tx) error { return tx.InsertToken(ctx, token("t")) },
			"DeleteToken":           func(ctx context.Context, tx store.Tx) error { return tx.DeleteToken(ctx, "t") },
			"Remember": func(ctx context.Context, tx store.Tx) error {
				return tx.SaveIdempotencyRecord(ctx, store.IdempotencyRecord{Key: "k", At: moment}, moment)
			},
		} {
			var inner error
			_ = e.View(e.Context(), func(tx store.Tx) error {
				inner = write(e.Context(), tx)
				return nil
			})
			if inner == nil {
				e.Errorf("%s inside View gives no error", name)
			}
		}
		e.wantNothingBut(o)
	}},
	{"View sees one moment, and an update does not wait for it", func(e env) {
		e.insert(secret("p", "e", "project", "a"))
		all := store.Filter{Kind: backend.KindSecret}
		e.view(func(ctx context.Context, tx store.Tx) error {
			before, err := tx.Count(ctx, all)
			if err != nil {
				return err
			}
			done := make(chan error)
			go func() {
				done <- e.Update(ctx, func(w store.Tx) error { return w.InsertObject(ctx, secret("p", "e", "project", "b")) })
			}()
			if err := <-done; err != nil {
				return err
			}
			if after, err := tx.Count(ctx, all); err != nil || after != before {
				e.Errorf("the same View counts %d, then %d (%v)", before, after, err)
			}
			return nil
		})
		if got := len(e.names(all)); got != 2 {
			e.Errorf("the next View sees %d, want 2", got)
		}
	}},
	{"an update sees its own writes, others only once it is done", func(e env) {
		all := store.Filter{Kind: backend.KindSecret}
		e.update(func(ctx context.Context, tx store.Tx) error {
			if err := tx.InsertObject(ctx, secret("p", "e", "project", "a")); err != nil {
				return err
			}
			if n, err := tx.Count(ctx, all); n != 1 || err != nil {
				e.Errorf("it counts %d itself (%v), want 1", n, err)
			}
			others := make(chan int)
			go func() {
				n := -1
				_ = e.View(ctx, func(v store.Tx) (err error) { n, err = v.Count(ctx, all); return err })
				others <- n
			}()
			if n := <-others; n != 0 {
				e.Errorf("others count %d before it is done, want 0", n)
			}
			return nil
		})
		if got := len(e.names(all)); got != 1 {
			e.Errorf("others count %d afterwards, want 1", got)
		}
	}},
	{"updates come one after the other", func(e env) {
		const writers, times = 8, 50
		o := secret("p", "e", "project", "counter")
		o.Version = 0
		e.insert(o)
		stores := []store.Store{e.Store, e.reopen()}
		together(writers, func(i int) {
			for range times {
				err := stores[i%len(stores)].Update(e.Context(), func(tx store.Tx) error {
					found, err := tx.Objects(e.Context(), store.Filter{Kind: o.Kind, ID: o.ID})
					if err != nil {
						return err
					}
					next := found[0]
					next.Revision++
					next.Version++
					return tx.UpdateObject(e.Context(), next)
				})
				if err != nil {
					e.Errorf("Update: %v", err)
				}
			}
		})
		got, _ := e.get(o.Kind, o.ID)
		if got.Version != writers*times || got.Revision != 1+writers*times {
			e.Errorf("%d increments made %d (revision %d)", writers*times, got.Version, got.Revision)
		}
	}},
	{"a cancelled context stops and leaves nothing", func(e env) {
		ctx, cancel := context.WithCancel(e.Context())
		err := e.Update(ctx, func(tx store.Tx) error {
			if err := tx.InsertObject(ctx, secret("p", "e", "project", "a")); err != nil {
				return err
			}
			cancel()
			return nil // as if nothing had happened
		})
		if !errors.Is(err, context.Canceled) {
			e.Errorf("Update gives %v, want context.Canceled", err)
		}
		e.wantNothingBut()
		nothing := func(store.Tx) error { return nil }
		for name, err := range map[string]error{
			"Update":       e.Update(ctx, nothing),
			"AppendRecord": e.AppendRecord(ctx, store.Record{}),
			"View": e.View(ctx, func(tx store.Tx) error {
				_, err := tx.Tokens(ctx)
				return err
			}),
		} {
			if !errors.Is(err, context.Canceled) {
				e.Errorf("%s with a cancelled context gives %v", name, err)
			}
		}
	}},
	{"waiting for another update ends with the context", func(e env) {
		e.update(func(ctx context.Context, _ store.Tx) error {
			waiting, cancel := context.WithCancel(ctx)
			done := make(chan error)
			go func() {
				done <- e.Update(waiting, func(store.Tx) error { e.Error("two updates ran at once"); return nil })
			}()
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				e.Errorf("the second gives %v, want context.Canceled", err)
			}
			return nil
		})
	}},
	{"a transaction is of no use after its end", func(e env) {
		var kept store.Tx
		e.update(func(_ context.Context, tx store.Tx) error { kept = tx; return nil })
		if err := kept.InsertObject(e.Context(), secret("p", "e", "project", "late")); err == nil {
			e.Error("InsertObject after the end gives no error")
		}
		e.wantNothingBut()
	}},
}

// fillEverything writes a row of each kind.
func fillEverything(e env, tx store.Tx) {
	e.Helper()
	ctx := e.Context()
	o := secret("p", "e", "project", "gone")
	for _, err := range []error{
		tx.InsertObject(ctx, o),
		tx.InsertVersion(ctx, version(o.ID, 1)),
		tx.InsertEnvironmentKey(ctx, store.EnvironmentKey{ID: "key", Project: "p", Environment: "e", CreatedAt: moment}),
		tx.InsertToken(ctx, token("gone")),
		tx.SaveIdempotencyRecord(ctx, store.IdempotencyRecord{Key: "gone", At: moment}, moment),
	} {
		if err != nil {
			e.Errorf("writing: %v", err)
		}
	}
}

// wantNothingBut makes sure that the database holds these secrets and nothing else.
func (e env) wantNothingBut(want ...store.Object) {
	e.Helper()
	e.view(func(ctx context.Context, tx store.Tx) error {
		objects, err := tx.Objects(ctx, store.Filter{Kind: backend.KindSecret})
		if err != nil {
			return err
		}
		same := len(objects) == len(want)
		for i := 0; same && i < len(want); i++ {
			same = sameObject(objects[i], want[i])
		}
		if !same {
			e.Errorf("the secrets are %+v, want %+v", objects, want)
		}
		keys, err := tx.EnvironmentKeys(ctx, "p")
		if err != nil || len(keys) > 0 {
			e.Errorf("there are environment keys: %v (%v)", keys, err)
		}
		tokens, err := tx.Tokens(ctx)
		if err != nil || len(tokens) > 0 {
			e.Errorf("there are tokens: %v (%v)", tokens, err)
		}
		_, err = tx.IdempotencyRecord(ctx, "gone")
		e.wantError(err, backend.ErrNotFound)
		return nil
	})
}

// together runs f(0) to f(n-1) at once and waits for all.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
