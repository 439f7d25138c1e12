// SPDX-License-Identifier: MPL-2.0

package merkle_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// hashes holds the hashes that tlog stores for a tree.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		out[i] = h[n]
	}
	return out, nil
}

func TestTreeHasTheRootOfTlog(t *testing.T) {
	var tree merkle.Tree
	var all hashes
	for n := int64(0); n < 600; n++ {
		want, err := tlog.TreeHash(n, all)
		if err != nil || tree.Root() != want || tree.Size != n {
			t.Fatalf("%d leaves: root %v, want %v, %v", n, tree.Root(), want, err)
		}
		again, err := merkle.Parse(n, tree.Append(nil))
		if err != nil || again.Root() != want {
			t.Fatalf("%d leaves, parsed: %v, %v", n, again.Root(), err)
		}
		leaf := tlog.RecordHash([]byte(fmt.Sprint(n)))
		added, err := tlog.StoredHashesForRecordHash(n, leaf, all)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, added...)
		tree.Add(leaf)
	}
}

func TestParseRefusesAnotherNumberOfHashes(t *testing.T) {
	for _, c := range []struct {
		size  int64
		edge  int
		valid bool
	}{{0, 0, true}, {3, 64, true}, {4, 32, true}, {3, 32, false}, {4, 64, false}, {3, 63, false}, {-1, 0, false},
		{-1, 64 * 32, false}} {
		if _, err := merkle.Parse(c.size, make([]byte, c.edge)); (err == nil) != c.valid {
			t.Errorf("size %d with %d bytes: %v", c.size, c.edge, err)
		}
	}
}

func record() store.Numbered {
	return store.Numbered{Number: 7, Record: store.Record{Log: "p", At: time.UnixMicro(1_700_000_000_000_001),
		Principal: "a \"b\"", Role: "admin", Verb: "apply", Code: "ok", Detail: []byte(`{"x":1}`)}}
}

// The form of a leaf never changes: a record with another form would not fit its hash.
func TestLeafNeverChanges(t *testing.T) {
	want := `{"records":"changes","log":"p","number":7,"at":"2023-11-14T22:13:20.000001Z","principal":"a \"b\"",` +
		`"role":"admin","verb":"apply","phase":"","code":"ok","detail":{"x":1}}`
	if got := string(merkle.Leaf(store.ChangeLog, record())); got != want {
		t.Errorf("the leaf is\n%s, want\n%s", got, want)
	}
	if got := merkle.LeafHash(store.ChangeLog, record()); got != sha256.Sum256([]byte("\x00"+want)) {
		t.Errorf("the hash is %v", got)
	}
}

func TestEachFieldOfARecordChangesItsHash(t *testing.T) {
	r := record()
	hash := merkle.LeafHash(store.ReadLog, r)
	r.Hash = hash[:]
	if !merkle.Fits(store.ReadLog, r) {
		t.Error("the record does not fit its hash")
	}
	if merkle.Fits(store.ChangeLog, r) {
		t.Error("the record fits the hash of another kind")
	}
	for name, change := range map[string]func(*store.Numbered){
		"log":       func(r *store.Numbered) { r.Log = "" },
		"number":    func(r *store.Numbered) { r.Number++ },
		"at":        func(r *store.Numbered) { r.At = r.At.Add(time.Microsecond) },
		"principal": func(r *store.Numbered) { r.Principal = "a" },
		"role":      func(r *store.Numbered) { r.Role = "" },
		"verb":      func(r *store.Numbered) { r.Verb, r.Phase = "", "apply" },
		"phase":     func(r *store.Numbered) { r.Phase = "intent" },
		"code":      func(r *store.Numbered) { r.Code = "denied" },
		"detail":    func(r *store.Numbered) { r.Detail = []byte(`{"x":2}`) },
		"spaces":    func(r *store.Numbered) { r.Detail = []byte(`{"x": 1}`) },
		"hash":      func(r *store.Numbered) { r.Hash = r.Hash[:31] },
		"no hash":   func(r *store.Numbered) { r.Hash = nil },
		"a text that is not UTF-8": func(r *store.Numbered) {
			r.Principal = strings.Repeat("\ufffd", 1)
			hash := merkle.LeafHash(store.ReadLog, *r)
			r.Principal, r.Hash = "\xff", hash[:]
		},
	} {
		changed := r
		if change(&changed); merkle.Fits(store.ReadLog, changed) {
			t.Errorf("%s: the changed record fits its hash", name)
		}
	}
}
