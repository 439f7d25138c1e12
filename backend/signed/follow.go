// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Trees remembers the trees of all logs from one checkpoint to the next. The zero value remembers none. It is for one
// caller at a time.
type Trees struct{ logs map[merkle.LogID]knownTree }

type knownTree struct {
	first int64 // the number of the first record
	tree  merkle.Tree
}

// NextCheckpoint returns a signed checkpoint, as Checkpoint does, after it has verified that each log continues the one
// that trees remembers, and has the heads known of a checkpoint that was kept elsewhere. It reads the hashes of the
// records since the last call only. ErrCorrupt says which log does not continue.
func (s *Store) NextCheckpoint(
	ctx context.Context, reads store.RecordLog, trees *Trees, known []merkle.Head, now time.Time,
) ([]byte, error) {
	if err := s.heads.readKey(ctx); err != nil {
		return nil, err
	}
	key, err := s.checkpointKey(ctx)
	if err != nil {
		return nil, err
	}
	f := &follower{key: s.heads.key.Load(), before: trees.logs, known: known, after: map[merkle.LogID]knownTree{}}
	for kind, from := range map[store.LogKind]store.RecordLog{store.ChangeLog: s.Store, store.ReadLog: reads} {
		if err := from.ViewRecords(ctx, func(tx store.RecordTx) error { return f.follow(ctx, kind, tx) }); err != nil {
			return nil, err
		}
	}
	if err := f.checkAll(); err != nil {
		return nil, err
	}
	trees.logs = f.after
	c := merkle.Checkpoint{Deployment: s.Deployment(), At: now.UTC().Truncate(time.Second), Heads: f.heads}
	slices.SortFunc(c.Heads, func(a, b merkle.Head) int { return a.Compare(b.LogID) })
	return c.Sign(key)
}

// follower verifies that logs continue.
type follower struct {
	key           *headKey
	before, after map[merkle.LogID]knownTree
	known         []merkle.Head
	heads         []merkle.Head
}

func (f *follower) follow(ctx context.Context, kind store.LogKind, tx store.RecordTx) error {
	logs, err := tx.Logs(ctx)
	if err != nil {
		return err
	}
	for _, l := range logs {
		id := merkle.LogID{Records: kind, Log: l.Log}
		head, err := f.key.open(kind, l)
		if err != nil {
			return err
		}
		last, ok := f.before[id]
		if !ok || l.First > last.first { // an owner has accepted the log, and its tree has begun again
			last = knownTree{first: l.First}
		}
		tree, err := merkle.Parse(last.tree.Size, last.tree.Append(nil)) // a copy
		if err == nil {
			err = f.extend(ctx, tx, l, id, &tree, head, last.first)
		}
		if err != nil {
			return err
		}
		f.after[id] = knownTree{l.First, tree}
		f.heads = append(f.heads, merkle.Head{LogID: id, First: l.First, Size: tree.Size, Root: tree.Root()})
	}
	return nil
}

// extend adds the further hashes of a log to its tree, which must then have the head of the log.
func (f *follower) extend(
	ctx context.Context, tx store.RecordTx, l store.Log, id merkle.LogID, tree *merkle.Tree, head merkle.Tree, first int64,
) error {
	i := slices.IndexFunc(f.known, func(h merkle.Head) bool { return h.LogID == id && h.First == l.First })
	differs := func() bool {
		return i >= 0 && f.known[i].Size == tree.Size && f.known[i].Root != tree.Root()
	}
	if l.First != first || head.Size < tree.Size || i >= 0 && head.Size < f.known[i].Size {
		return continuesNot(id, logShorter)
	}
	if differs() {
		return continuesNot(id, logDiffers)
	}
	err := hashesFrom(ctx, tx, l, l.First+tree.Size, func(h merkle.Hash) error {
		if tree.Size == head.Size {
			return errEnough // it was added after the head was read
		}
		tree.Add(h)
		if differs() {
			return continuesNot(id, logDiffers)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if tree.Size != head.Size || tree.Root() != head.Root() {
		return continuesNot(id, recordsDiffer)
	}
	return nil
}

// checkAll verifies that all logs of before still exist.
func (f *follower) checkAll() error {
	for id := range f.before {
		if _, ok := f.after[id]; !ok {
			return continuesNot(id, logMissing)
		}
	}
	for _, h := range f.known {
		if _, ok := f.after[h.LogID]; !ok {
			return continuesNot(h.LogID, logMissing)
		}
	}
	return nil
}

func continuesNot(id merkle.LogID, problem string) error {
	name := "the log of the deployment"
	if id.Log != "" {
		name = "the log of project " + id.Log
	}
	return backend.Errorf(backend.CodeCorrupt, "%s (%s) does not continue the last checkpoint: %s", name, id.Records,
		problem).WithHint("compare the log with the last checkpoint that was kept: pouncet audit verify --since FILE")
}

// hashesFrom calls each with the hashes of a log from a record on. If a retention has deleted this record, it reads
// all.
func hashesFrom(
	ctx context.Context, tx store.RecordTx, l store.Log, first int64, each func(merkle.Hash) error,
) error {
	found, err := tx.RecordsFrom(ctx, l.Log, first, 1)
	if err != nil || first >= l.Next {
		return err
	}
	if len(found) > 0 && found[0].Number == first {
		return recordHashes(ctx, tx, l, first, each)
	}
	next := l.First
	return eachHash(ctx, tx, l, func(h merkle.Hash) error {
		if next++; next <= first {
			return nil
		}
		return each(h)
	})
}
