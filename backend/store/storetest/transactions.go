// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

var storeTests = []test{
	{"each database has a permanent deployment id", func(e env) {
		id, err := uuid.Parse(e.Deployment())
		if err != nil || id.Version() != 7 {
			e.Errorf("the deployment id is %q, want a UUIDv7", e.Deployment())
		}
		if again := e.reopen().Deployment(); again != e.Deployment() {
			e.Errorf("the id is %s at first and %s after reopening", e.Deployment(), again)
		}
		other := e.open(e.T, e.TempDir())
		defer other.Close()
		if other.Deployment() == e.Deployment() {
			e.Error("two databases have the same id")
		}
	}},
	{"commits are kept after reopening", func(e env) {
		o := secret("p", "e", "project", "committed")
		e.insert(o)
		if err := e.Close(); err != nil {
			e.Fatal(err)
		}
		e.Store = e.reopen()
		if got, ok := e.get(o.Kind, o.ID); !ok || !sameObject(got, o) {
			e.Errorf("got %+v, want %+v", got, o)
		}
	}},
	{"two stores of one database see the same objects", func(e env) {
		other := env{T: e.T, Store: e.reopen()}
		e.insert(secret("p", "e", "project", "a"))
		other.insert(secret("p", "e", "project", "b"))
		for _, one := range []env{e, other} {
			if got := strings.Join(one.names(store.Filter{Kind: backend.KindSecret}), " "); got != "a b" {
				e.Errorf("a store sees %q, want both objects", got)
			}
		}
	}},
	{"Check accepts an undamaged database", func(e env) {
		e.insert(secret("p", "e", "project", "a"))
		if err := e.Check(e.Context()); err != nil {
			e.Errorf("Check: %v", err)
		}
	}},
	{"concurrent records are accepted", func(e env) {
		runConcurrently(8, func(i int) {
			for j := range 10 {
				r := store.Record{
					At: testTime, Principal: fmt.Sprint(i), Role: backend.RoleAdmin, Verb: "resolve", Code: "ok",
				}
				if j%2 == 0 {
					r.Phase, r.Detail = "outcome", []byte(`{"names":["a"]}`)
				}
				if err := e.AppendRecords(e.Context(), r); err != nil {
					e.Errorf("AppendRecords: %v", err)
				}
			}
		})
	}},
	{"the oldest records are deleted, and their number is recorded", func(e env) {
		for _, at := range []time.Time{testTime, testTime, testTime, testTime.Add(time.Hour)} {
			if err := e.AppendRecords(e.Context(), store.Record{At: at, Verb: "resolve"}); err != nil {
				e.Fatal(err)
			}
		}
		for _, want := range []int{2, 1, 0, 0} {
			added := 0
			n, err := e.DeleteRecords(e.Context(), testTime.Add(time.Minute), 2, func(_ string, deleted int) store.Record {
				added = deleted
				return store.Record{At: testTime.Add(2 * time.Hour), Verb: "expire"}
			})
			if err != nil || n != want || added != want {
				e.Errorf("deleted %d records, %d of them recorded, %v; want %d", n, added, err, want)
			}
		}
		// The record of those hours, and one for each deletion.
		n, err := e.DeleteRecords(e.Context(), testTime.Add(3*time.Hour), 10,
			func(string, int) store.Record { return store.Record{} })
		if err != nil || n != 3 {
			e.Errorf("%d records were left, %v; want 3", n, err)
		}
	}},
	{"a closed store returns ErrUnavailable", func(e env) {
		if err := e.Close(); err != nil {
			e.Fatal(err)
		}
		f := func(store.Tx) error { e.Error("f was called"); return nil }
		e.wantError(e.View(e.Context(), f), backend.ErrUnavailable)
		e.wantError(e.Update(e.Context(), f), backend.ErrUnavailable)
		e.wantError(e.AppendRecords(e.Context(), store.Record{}), backend.ErrUnavailable)
		_, err := e.DeleteRecords(e.Context(), testTime, 1, func(string, int) store.Record { return store.Record{} })
		e.wantError(err, backend.ErrUnavailable)
		e.wantError(e.Check(e.Context()), backend.ErrUnavailable)
		if err := e.Close(); err != nil {
			e.Errorf("the second Close: %v", err)
		}
	}},
}

var errCallback = errors.New("error of the callback")

var transactionTests = []test{
	{"an error of f rolls back and is returned", func(e env) {
		o := secret("p", "e", "project", "kept")
		e.insert(o)
		e.update(func(ctx context.Context, tx store.Tx) error { return tx.InsertVersion(ctx, version(o.ID, 1)) })
		err := e.Update(e.Context(), func(tx store.Tx) error {
			writeEverything(e, tx)
			return errors.Join(tx.DeleteObject(e.Context(), o.ID), errCallback)
		})
		if !errors.Is(err, errCallback) {
			e.Errorf("Update returns %v, want the error of f", err)
		}
		e.wantOnly(o)
	}},
	{"the error of f is returned unchanged", func(e env) {
		if err := e.Update(e.Context(), func(store.Tx) error { return errCallback }); err != errCallback {
			e.Errorf("Update returns %v", err)
		}
		if err := e.View(e.Context(), func(store.Tx) error { return errCallback }); err != errCallback {
			e.Errorf("View returns %v", err)
		}
	}},
	{"a panic of f rolls back and is passed on", func(e env) {
		for name, run := range map[string]func(context.Context, func(store.Tx) error) error{
			"Update": e.Update, "View": e.View,
		} {
			func() {
				defer func() {
					if r := recover(); r != "boom" {
						e.Errorf("%s: recovered %v", name, r)
					}
				}()
				_ = run(e.Context(), func(tx store.Tx) error {
					if name == "Update" {
						writeEverything(e, tx)
					}
					panic("boom")
				})
			}()
		}
		o := secret("p", "e", "project", "after")
		e.insert(o)
		e.wantOnly(o)
	}},
	{"View refuses writes", func(e env) {
		o := secret("p", "e", "project", "kept")
		e.insert(o)
		changed := o
		changed.Revision++
		for name, write := range map[string]func(ctx context.Context, tx store.Tx) error{
			"InsertObject": func(ctx context.Context, tx store.Tx) error {
				return tx.InsertObject(ctx, secret("p", "e", "project", "x"))
			},
			"UpdateObject": func(ctx context.Context, tx store.Tx) error { return tx.UpdateObject(ctx, changed) },
			"DeleteVersion": func(ctx context.Context, tx store.Tx) error {
				return tx.DeleteVersion(ctx, store.VersionKey{Project: o.Project, Object: o.ID, Version: 1})
			},
			"DeleteObject": func(ctx context.Context, tx store.Tx) error { return tx.DeleteObject(ctx, o.ID) },
			"InsertVersion": func(ctx context.Context, tx store.Tx) error {
				return tx.InsertVersion(ctx, version(o.ID, 1))
			},
			"InsertEnvironmentKey": func(ctx context.Context, tx store.Tx) error {
				return tx.InsertEnvironmentKey(ctx, store.EnvironmentKey{ID: "k"})
			},
			"DeleteEnvironmentKeys": func(ctx context.Context, tx store.Tx) error {
				return tx.DeleteEnvironmentKeys(ctx, "p", "e")
			},
			"InsertToken": func(ctx context.Context, tx store.Tx) error { return tx.InsertToken(ctx, token("t")) },
			"DeleteToken": func(ctx context.Context, tx store.Tx) error { return tx.DeleteToken(ctx, "t") },
			"SaveIdempotencyRecord": func(ctx context.Context, tx store.Tx) error {
				return tx.SaveIdempotencyRecord(ctx, store.IdempotencyRecord{Key: "k", At: testTime}, testTime)
			},
		} {
			var writeErr error
			_ = e.View(e.Context(), func(tx store.Tx) error {
				writeErr = write(e.Context(), tx)
				return nil
			})
			if writeErr == nil {
				e.Errorf("%s in View returns no error", name)
			}
		}
		e.wantOnly(o)
	}},
	{"View sees one state, and an update does not wait for it", func(e env) {
		e.insert(secret("p", "e", "project", "a"))
		all := store.Filter{Kind: backend.KindSecret}
		e.view(func(ctx context.Context, tx store.Tx) error {
			before, err := tx.Count(ctx, all)
			if err != nil {
				return err
			}
			done := make(chan error)
			go func() {
				done <- e.Update(ctx, func(w store.Tx) error {
					return w.InsertObject(ctx, secret("p", "e", "project", "b"))
				})
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
	{"others see the writes of an update only after its end", func(e env) {
		all := store.Filter{Kind: backend.KindSecret}
		e.update(func(ctx context.Context, tx store.Tx) error {
			if err := tx.InsertObject(ctx, secret("p", "e", "project", "a")); err != nil {
				return err
			}
			if n, err := tx.Count(ctx, all); n != 1 || err != nil {
				e.Errorf("the update itself counts %d (%v), want 1", n, err)
			}
			others := make(chan int)
			go func() {
				n := -1
				_ = e.View(ctx, func(v store.Tx) (err error) { n, err = v.Count(ctx, all); return err })
				others <- n
			}()
			if n := <-others; n != 0 {
				e.Errorf("others count %d before the end of the update, want 0", n)
			}
			return nil
		})
		if got := len(e.names(all)); got != 1 {
			e.Errorf("others count %d after the update, want 1", got)
		}
	}},
	{"updates run one after the other", func(e env) {
		const writers, times = 8, 50
		o := secret("p", "e", "project", "counter")
		o.Version = 0
		e.insert(o)
		stores := []store.Store{e.Store, e.reopen()}
		runConcurrently(writers, func(i int) {
			for range times {
				err := stores[i%len(stores)].Update(e.Context(), func(tx store.Tx) error {
					objects, err := tx.Objects(e.Context(), store.Filter{Kind: o.Kind, ID: o.ID})
					if err != nil {
						return err
					}
					next := objects[0]
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
			e.Errorf("after %d increments the counter is %d (revision %d)", writers*times, got.Version, got.Revision)
		}
	}},
	{"a cancelled context rolls back", func(e env) {
		ctx, cancel := context.WithCancel(e.Context())
		err := e.Update(ctx, func(tx store.Tx) error {
			if err := tx.InsertObject(ctx, secret("p", "e", "project", "a")); err != nil {
				return err
			}
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			e.Errorf("Update returns %v, want context.Canceled", err)
		}
		e.wantOnly()
		for name, err := range map[string]error{
			"Update":        e.Update(ctx, func(store.Tx) error { return nil }),
			"AppendRecords": e.AppendRecords(ctx, store.Record{}),
			"View": e.View(ctx, func(tx store.Tx) error {
				_, err := tx.Tokens(ctx)
				return err
			}),
		} {
			if !errors.Is(err, context.Canceled) {
				e.Errorf("%s with a cancelled context returns %v", name, err)
			}
		}
	}},
	{"the wait for another update ends with the context", func(e env) {
		e.update(func(ctx context.Context, _ store.Tx) error {
			waiting, cancel := context.WithCancel(ctx)
			done := make(chan error)
			go func() {
				done <- e.Update(waiting, func(store.Tx) error { e.Error("two updates ran at the same time"); return nil })
			}()
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				e.Errorf("the second Update returns %v, want context.Canceled", err)
			}
			return nil
		})
	}},
	{"an ended transaction refuses writes", func(e env) {
		var kept store.Tx
		e.update(func(_ context.Context, tx store.Tx) error { kept = tx; return nil })
		if err := kept.InsertObject(e.Context(), secret("p", "e", "project", "late")); err == nil {
			e.Error("InsertObject after the end returns no error")
		}
		e.wantOnly()
	}},
}

// writeEverything writes a row of each type but a record.
func writeEverything(e env, tx store.Tx) {
	e.Helper()
	ctx := e.Context()
	o := secret("p", "e", "project", "rolled_back")
	for _, err := range []error{
		tx.InsertObject(ctx, o),
		tx.InsertVersion(ctx, version(o.ID, 1)),
		tx.InsertEnvironmentKey(ctx, store.EnvironmentKey{ID: "key", Project: "p", Environment: "e", CreatedAt: testTime}),
		tx.InsertToken(ctx, token("rolled_back")),
		tx.SaveIdempotencyRecord(ctx, store.IdempotencyRecord{Key: "rolled_back", At: testTime}, testTime),
	} {
		if err != nil {
			e.Errorf("writing: %v", err)
		}
	}
}

// wantOnly checks that the database holds these secrets and nothing else.
func (e env) wantOnly(want ...store.Object) {
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
			e.Errorf("the environment keys are %v (%v), want none", keys, err)
		}
		tokens, err := tx.Tokens(ctx)
		if err != nil || len(tokens) > 0 {
			e.Errorf("the tokens are %v (%v), want none", tokens, err)
		}
		_, err = tx.IdempotencyRecord(ctx, "rolled_back")
		e.wantError(err, backend.ErrNotFound)
		return nil
	})
}

// runConcurrently runs f(0) to f(n-1) at the same time and waits for all.
func runConcurrently(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
