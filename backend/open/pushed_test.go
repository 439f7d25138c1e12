// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/push"
)

// A checkpoint is sent only if the log continues the one before, also after a restart.
func TestNoCheckpointIsSentOfALogThatWasChanged(t *testing.T) {
	f := newForgery(t)
	f.work(t, 12)
	file := filepath.Join(t.TempDir(), "checkpoint.txt")
	target, err := push.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	// send sends a checkpoint from a new process.
	send := func() error {
		parts, err := open.Embedded(t.Context(), open.Config{Path: f.folder})
		if err != nil {
			t.Fatal(err)
		}
		defer parts.Close()
		_, err = push.NewPusher(parts, target, push.MinInterval).Push(t.Context())
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	yesterday, reads := f.read(t), f.readFile(t, readsName)
	f.work(t, 3)
	if err := send(); err != nil {
		t.Fatal(err)
	}
	sent, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	today, todayReads := f.read(t), f.readFile(t, readsName)
	for name, forge := range map[string]func(){
		"the database of yesterday": func() { f.replace(t, databaseName, yesterday) },
		"the reads of yesterday":    func() { f.replace(t, readsName, reads) },
		"another hash": func() {
			f.forgeIn(t, databaseName, `UPDATE change_record SET hash = randomblob(32) WHERE `+ofProject+` AND number = 8`)
		},
		"a removed record": func() {
			f.forgeIn(t, readsName, `DELETE FROM read_record WHERE `+ofProject+` AND number = 8`)
		},
		"a removed log": func() { f.forgeIn(t, readsName, `DELETE FROM read_log WHERE `+ofProject) },
		"another head":  func() { f.forgeIn(t, databaseName, `UPDATE change_log SET first = first + 1`) },
	} {
		f.replace(t, databaseName, today)
		f.replace(t, readsName, todayReads)
		forge()
		if err := send(); !errors.Is(err, backend.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := os.ReadFile(file); err != nil || string(now) != string(sent) {
			t.Errorf("%s: a checkpoint was sent, %v", name, err)
		}
	}
}

// Each checkpoint of a process reads only the records since the one before, and continues it.
func TestCheckpointsOfAProcessContinueEachOther(t *testing.T) {
	f := newForgery(t)
	f.work(t, 3)
	parts, err := open.Embedded(t.Context(), open.Config{Path: f.folder})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	var last []merkle.Head
	for range 3 {
		note, err := parts.NextCheckpoint(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		c, err := parts.OpenCheckpoint(t.Context(), note)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := parts.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		same, err := parts.OpenCheckpoint(t.Context(), plain)
		if err != nil || len(same.Heads) != len(c.Heads) {
			t.Fatalf("%d heads instead of %d, %v", len(c.Heads), len(same.Heads), err)
		}
		for i := range c.Heads {
			if c.Heads[i] != same.Heads[i] {
				t.Errorf("head %+v, want %+v", c.Heads[i], same.Heads[i])
			}
		}
		last = c.Heads
		f.work(t, 2)
	}
	// A record whose hash was changed since is found before the next one.
	f.work(t, 2)
	f.forgeIn(t, databaseName, `UPDATE change_record SET hash = randomblob(32) WHERE `+ofProject+
		` AND number = (SELECT max(number) FROM change_record WHERE `+ofProject+`)`)
	if _, err := parts.NextCheckpoint(t.Context(), nil); !errors.Is(err, backend.ErrCorrupt) {
		t.Errorf("after a change: %v", err)
	}
}
