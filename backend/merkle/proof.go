// SPDX-License-Identifier: MPL-2.0

package merkle

import (
	"encoding/json"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Proof shows that a record is in a log whose head a checkpoint names. Who verifies it needs the verifier key of the
// deployment, and nothing else.
type Proof struct {
	// Record is the leaf, byte for byte.
	Record string `json:"record"`
	// Hashes lead from the leaf to the root, as RFC 6962 says.
	Hashes     []Hash `json:"hashes"`
	Checkpoint string `json:"checkpoint"` // a signed note
}

// Prove returns the hashes that lead from the leaf with an index to the root of a tree of a size. leaves calls its
// argument with the hashes of the leaves, in their order; it is called once.
func Prove(size, index int64, leaves func(each func(Hash) error) error) ([]Hash, error) {
	return tlog.ProveRecord(size, index, tlog.HashReaderFunc(func(indexes []int64) ([]Hash, error) {
		wanted := map[int64]int{} // the place in the result, by the index that tlog gives a node
		for i, n := range indexes {
			wanted[n] = i
		}
		out, found := make([]Hash, len(indexes)), 0
		var t Tree
		err := leaves(func(leaf Hash) error {
			if t.Size < size {
				t.add(leaf, func(level int, n int64, h Hash) {
					if i, ok := wanted[tlog.StoredHashIndex(level, n)]; ok {
						out[i] = h
						found++
					}
				})
			}
			return nil
		})
		if err == nil && found != len(indexes) {
			err = fmt.Errorf("the log has %d hashes, and the proof needs %d", t.Size, size)
		}
		return out, err
	}))
}

// Check returns the record of a proof as a log entry, and the checkpoint, if the key has signed the checkpoint and the
// record is in one of its logs.
func (p Proof) Check(verifierKey string) (Checkpoint, error) {
	c, err := OpenCheckpoint([]byte(p.Checkpoint), verifierKey)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint is not valid: %w", err)
	}
	var l struct {
		Records store.LogKind `json:"records"`
		Log     string        `json:"log"`
		Number  int64         `json:"number"`
	}
	if err := json.Unmarshal([]byte(p.Record), &l); err != nil {
		return Checkpoint{}, fmt.Errorf("the record is not valid JSON")
	}
	i := slices.IndexFunc(c.Heads, func(h Head) bool { return h.LogID == LogID{l.Records, l.Log} })
	if i < 0 {
		return Checkpoint{}, fmt.Errorf("the checkpoint does not name the log of the record")
	}
	head := c.Heads[i]
	index := l.Number - head.First
	if index < 0 || index >= head.Size {
		return Checkpoint{}, fmt.Errorf("record %d is not among the %d records of the checkpoint", l.Number, head.Size)
	}
	if tlog.CheckRecord(p.Hashes, head.Size, head.Root, index, tlog.RecordHash([]byte(p.Record))) != nil {
		return Checkpoint{}, fmt.Errorf("the record and the hashes do not lead to the root of the checkpoint")
	}
	return c, nil
}
