// SPDX-License-Identifier: MPL-2.0

// Package merkle is the tree over the records of an audit log.
//
// The records of a log are the leaves of a tree of hashes, in their order. The hash at its root stands for all of them:
// a record that was changed, removed or put elsewhere gives another root. The tree is the one of RFC 6962, section 2.1,
// which certificate transparency uses; golang.org/x/mod/sumdb/tlog computes its hashes.
//
// A [Leaf] is one line of JSON, and "pouncet audit export" writes the same line. So anybody can compute the hash of a
// record from an export: it is the SHA-256 of a zero byte and the line without its line break.
//
// A [Tree] keeps only the hashes of the complete subtrees at its right edge, at most one for each bit of its size. That
// is enough to add records and to compute the root.
//
// # Limits
//
// A root shows a change only to somebody who has the earlier root from elsewhere. So roots are signed: see
// [Checkpoint].
package merkle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Hash is a SHA-256.
type Hash = tlog.Hash

// timeLayout is RFC 3339 in UTC with microseconds.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// line is a record as a leaf has it. The fields and their order never change.
type line struct {
	Records   store.LogKind   `json:"records"`
	Log       string          `json:"log"`
	Number    int64           `json:"number"`
	At        string          `json:"at"`
	Principal string          `json:"principal"`
	Role      string          `json:"role"`
	Verb      string          `json:"verb"`
	Phase     string          `json:"phase"`
	Code      string          `json:"code"`
	Detail    json.RawMessage `json:"detail"`
}

// Leaf returns the line of a record.
func Leaf(kind store.LogKind, r store.Numbered) []byte {
	l := line{kind, r.Log, r.Number, r.At.UTC().Format(timeLayout), r.Principal, string(r.Role), r.Verb, r.Phase, r.Code,
		nil}
	text, err := json.Marshal(l)
	if err != nil {
		panic(err) // the fields are texts and a number
	}
	// The detail is copied as it is, because the hash covers its bytes. It is the last field, so that no other text can
	// have the same bytes.
	const null = "null}"
	return append(append(text[:len(text)-len(null)], r.Detail...), '}')
}

// LeafHash returns the hash of a record.
func LeafHash(kind store.LogKind, r store.Numbered) Hash { return tlog.RecordHash(Leaf(kind, r)) }

// Fits reports whether a record has its hash.
func Fits(kind store.LogKind, r store.Numbered) bool {
	for _, text := range []string{r.Log, r.Principal, string(r.Role), r.Verb, r.Phase, r.Code} {
		if !utf8.ValidString(text) { // JSON would show several texts as the same
			return false
		}
	}
	hash := LeafHash(kind, r)
	return string(hash[:]) == string(r.Hash)
}

// Tree is a tree without its leaves. The zero value is an empty tree.
type Tree struct {
	Size int64
	// edge has the hashes of the complete subtrees, the largest and leftmost first: one for each bit of Size that is set.
	edge []Hash
}

// Add adds a leaf.
func (t *Tree) Add(leaf Hash) { t.add(leaf, func(int, int64, Hash) {}) }

// add adds a leaf, and calls visit for each subtree that it completes: number n of its level, with 2^level leaves.
func (t *Tree) add(h Hash, visit func(level int, n int64, h Hash)) {
	n := t.Size
	visit(0, n, h)
	for level := 1; n&1 == 1; level++ {
		last := len(t.edge) - 1
		h, t.edge = tlog.NodeHash(t.edge[last], h), t.edge[:last]
		n >>= 1
		visit(level, n, h)
	}
	t.edge = append(t.edge, h)
	t.Size++
}

// emptyRoot is the SHA-256 of nothing, which RFC 6962 says is the root of an empty tree.
var emptyRoot = func() Hash {
	h, err := tlog.TreeHash(0, nil)
	if err != nil {
		panic(err)
	}
	return h
}()

// Root returns the hash that stands for all leaves.
func (t Tree) Root() Hash {
	if t.Size == 0 {
		return emptyRoot
	}
	root := t.edge[len(t.edge)-1]
	for i := len(t.edge) - 2; i >= 0; i-- {
		root = tlog.NodeHash(t.edge[i], root)
	}
	return root
}

// Append appends the hashes of the edge to out.
func (t Tree) Append(out []byte) []byte {
	for _, h := range t.edge {
		out = append(out, h[:]...)
	}
	return out
}

// Parse returns the tree of a size whose edge Append has written.
func Parse(size int64, edge []byte) (Tree, error) {
	t := Tree{Size: size}
	for n := size; n > 0; n &= n - 1 {
		if len(edge) < len(Hash{}) {
			return Tree{}, fmt.Errorf("a tree of size %d has too few hashes", size)
		}
		t.edge = append(t.edge, Hash(edge[:len(Hash{})]))
		edge = edge[len(Hash{}):]
	}
	if size < 0 || len(edge) > 0 {
		return Tree{}, fmt.Errorf("a tree of size %d has too many hashes", size)
	}
	return t, nil
}

// LogID names a log.
type LogID struct {
	Records store.LogKind `json:"records"`
	Log     string        `json:"log"` // the id of a project, or "" for the deployment
}

// Compare orders logs by kind and name.
func (id LogID) Compare(other LogID) int {
	return cmp.Or(cmp.Compare(id.Records, other.Records), cmp.Compare(id.Log, other.Log))
}

// Head says which records a log has: their number and the root of their tree.
type Head struct {
	LogID
	First int64 `json:"first"` // the number of the first record of the tree
	Size  int64 `json:"size"`
	Root  Hash  `json:"root"`
}
