// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A server that nobody changes ends recovery windows too: when it starts, and then at every interval.
func TestKeepSwept(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	opentest.Init(t, c)
	parts, err := open.Embedded(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		change := func(op backend.Op, name string) {
			t.Helper()
			_, err := parts.Engine.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{
				{Op: op, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: name}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		deletedRows := func(want int, when string) {
			t.Helper()
			synctest.Wait()
			err := parts.Store.View(ctx, func(tx store.Tx) error {
				n, err := tx.Count(ctx, store.Filter{Kind: "deleted_environment"})
				if n != want {
					t.Errorf("%s, %d deleted environments are stored, want %d", when, n, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		change(backend.OpCreate, "dev")
		change(backend.OpDelete, "dev")
		deletedRows(1, "after the deletion")
		time.Sleep(8 * 24 * time.Hour)
		go parts.KeepSwept(ctx, time.Hour, func(err error) { t.Errorf("sweeping: %v", err) })
		deletedRows(0, "after the start")

		change(backend.OpCreate, "dev")
		change(backend.OpDelete, "dev")
		time.Sleep(6 * 24 * time.Hour)
		deletedRows(1, "within the window")
		time.Sleep(2 * 24 * time.Hour)
		deletedRows(0, "after the window")
		cancel()
	})
}
