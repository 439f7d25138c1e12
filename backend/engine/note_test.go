// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

func TestNoteIsStoredWithItsVersion(t *testing.T) {
	parts := embedded(t, open.Config{})
	note := "rotated after the incident"
	noted := secret("dev", "s", "two")
	noted.Note = &note
	var id string
	for _, c := range []backend.Change{environment("dev"), secret("dev", "s", "one"), noted, secret("dev", "s", "three")} {
		out, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{c}})
		if err != nil {
			t.Fatal(err)
		}
		id = out[0].Object.ID
	}
	err := parts.Store.View(context.Background(), func(tx store.Tx) error {
		for number, want := range map[int64]string{1: `{}`, 2: `{"note":"` + note + `"}`, 3: `{}`} {
			rows, err := tx.Versions(context.Background(), []store.VersionKey{{Object: id, Version: number}})
			if err != nil {
				return err
			}
			if len(rows) != 1 || string(rows[0].Attributes) != want {
				t.Errorf("version %d has %+v, want the attributes %s", number, rows, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
