// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Rows in memory do not change. The test changes them, to see when they are verified: once with each key that the KMS
// has unwrapped.
func TestRowsInMemoryAreVerifiedAgainWithAKeyThatWasFetchedAgain(t *testing.T) {
	kmsKey := "file://" + filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key"))
	if err := kms.CreateFile(kmsKey); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	ring := envelope.New(envelope.Options{Deployment: newID(), TTL: time.Minute, Now: func() time.Time { return now }})
	p := &project{row: store.Object{ID: newID(), Kind: backend.KindProject, Name: "p"}}
	w, key, err := ring.Generate(t.Context(), envelope.WrappedKey{ID: newID(), Project: p.row.ID, Environment: newID(),
		KMSKey: kmsKey})
	if err != nil {
		t.Fatal(err)
	}
	p.environmentKeys = []store.EnvironmentKey{{ID: w.ID, Project: w.Project, Environment: w.Environment,
		KMSKey: w.KMSKey, Wrapped: w.Blob}}
	signed := func(o store.Object) store.Object {
		o.Project = w.Project
		sign(key, &o, p.row.Name)
		return o
	}
	rows := []*store.Object{environmentRow: {ID: w.Environment, Kind: backend.KindEnvironment, Name: "dev"},
		entryRow: {ID: newID(), Kind: backend.KindScopedValue, Environment: w.Environment, Name: "v"},
		linkRow:  {ID: newID(), Kind: backend.KindSecret, Environment: w.Environment, Name: "s"}}
	for _, o := range rows {
		*o = signed(*o)
	}
	inMemory := &match{project: p, verified: &verified{}}
	verifyAll := func(f *match) (refused int) {
		t.Helper()
		keys := newKeyset(ring) // of one call
		for which, o := range rows {
			err := f.verifyRow(which, *o, keys)
			if errors.Is(err, errNotReady) {
				if err := keys.fetch(t.Context()); err != nil {
					t.Fatal(err)
				}
				err = f.verifyRow(which, *o, keys)
			}
			switch {
			case errors.Is(err, backend.ErrCorrupt):
				refused++
			case err != nil:
				t.Fatal(err)
			}
		}
		return refused
	}
	want := func(f *match, refused int, when string) {
		t.Helper()
		if got := verifyAll(f); got != refused {
			t.Errorf("%s, %d rows are refused, want %d", when, got, refused)
		}
	}
	want(inMemory, 0, "at first")
	for _, o := range rows {
		o.Name += " changed"
	}
	want(&match{project: p}, matchRows, "as rows from the store")
	want(inMemory, 0, "with the same key")
	now = now.Add(time.Minute)
	want(inMemory, matchRows, "with a key that was fetched again")
	want(inMemory, matchRows, "after a refusal")
}
