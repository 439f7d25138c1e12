// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// checkpointKey derives the key that signs checkpoints.
func (s *Store) checkpointKey(ctx context.Context) (ed25519.PrivateKey, error) {
	keys, err := s.unlock(ctx)
	if err != nil {
		return nil, err
	}
	return keys.key.SigningKey(stored.CheckpointKey)
}

// VerifierKey returns the key with which others verify checkpoints. It is not secret.
func (s *Store) VerifierKey(ctx context.Context) (string, error) {
	key, err := s.checkpointKey(ctx)
	if err != nil {
		return "", err
	}
	return merkle.VerifierKey(s.Deployment(), key.Public().(ed25519.PublicKey))
}

// Checkpoint returns a signed checkpoint of all logs, as a signed note. It reads the heads only, so its cost does not
// depend on the number of records.
func (s *Store) Checkpoint(ctx context.Context, reads store.RecordLog, now time.Time) ([]byte, error) {
	key, err := s.checkpointKey(ctx)
	if err != nil {
		return nil, err
	}
	c := merkle.Checkpoint{Deployment: s.Deployment(), At: now.UTC().Truncate(time.Second)}
	if c.Heads, err = s.logHeads(ctx, reads); err != nil {
		return nil, err
	}
	return c.Sign(key)
}

// logHeads returns the heads of all logs, sorted.
func (s *Store) logHeads(ctx context.Context, reads store.RecordLog) (heads []merkle.Head, err error) {
	if err := s.heads.readKey(ctx); err != nil {
		return nil, err
	}
	key := s.heads.key.Load()
	for kind, from := range map[store.LogKind]store.RecordLog{store.ChangeLog: s.Store, store.ReadLog: reads} {
		err := from.ViewRecords(ctx, func(tx store.RecordTx) error {
			logs, err := tx.Logs(ctx)
			if err != nil {
				return err
			}
			for _, l := range logs {
				tree, err := key.open(kind, l)
				if err != nil {
					return err
				}
				heads = append(heads, merkle.Head{LogID: merkle.LogID{Records: kind, Log: l.Log}, First: l.First,
					Size: tree.Size, Root: tree.Root()})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(heads, func(a, b merkle.Head) int { return a.Compare(b.LogID) })
	return heads, nil
}

// OpenCheckpoint returns a checkpoint that this deployment has signed.
func (s *Store) OpenCheckpoint(ctx context.Context, signed []byte) (merkle.Checkpoint, error) {
	key, err := s.VerifierKey(ctx)
	if err != nil {
		return merkle.Checkpoint{}, err
	}
	c, err := merkle.OpenCheckpoint(signed, key)
	if err != nil {
		return c, backend.Errorf(backend.CodeInvalid, "the checkpoint is not valid: %w", err).
			WithHint("use a checkpoint of this backend, as pouncet audit checkpoint has written it")
	}
	return c, nil
}

// Prove returns a proof that a record is in its log, with a checkpoint. Without an earlier checkpoint, it makes one.
func (s *Store) Prove(
	ctx context.Context, reads store.RecordLog, id merkle.LogID, number int64, signed []byte, now time.Time,
) (p merkle.Proof, err error) {
	if signed == nil {
		if signed, err = s.Checkpoint(ctx, reads, now); err != nil {
			return p, err
		}
	}
	c, err := s.OpenCheckpoint(ctx, signed)
	if err != nil {
		return p, err
	}
	i := slices.IndexFunc(c.Heads, func(h merkle.Head) bool { return h.LogID == id })
	if i < 0 {
		return p, backend.Errorf(backend.CodeNotFound, "the checkpoint does not name the log")
	}
	head, from := c.Heads[i], reads
	if id.Records == store.ChangeLog {
		from = s.Store
	}
	if number < head.First || number >= head.First+head.Size {
		return p, backend.Errorf(backend.CodeNotFound, "record %d is not among the records of the checkpoint, which has "+
			"those from %d to %d of this log", number, head.First, head.First+head.Size-1).
			WithHint("choose one of them, another log (--project, --deployment, --records), or a newer checkpoint")
	}
	p.Checkpoint = string(signed)
	err = from.ViewRecords(ctx, func(tx store.RecordTx) error {
		found, err := tx.RecordsFrom(ctx, id.Log, number, 1)
		if err != nil {
			return err
		}
		if len(found) == 0 || found[0].Number != number {
			return backend.Errorf(backend.CodeNotFound, "a retention has deleted record %d", number).
				WithHint("only its hash is left")
		}
		p.Record = string(merkle.Leaf(id.Records, found[0]))
		p.Hashes, err = merkle.Prove(head.Size, number-head.First, func(each func(merkle.Hash) error) error {
			return untilEnough(ctx, tx, store.Log{Log: id.Log, First: head.First}, head.Size, each)
		})
		return err
	})
	if err != nil {
		return p, err
	}
	key, err := s.VerifierKey(ctx)
	if err != nil {
		return p, err
	}
	if _, err := p.Check(key); err != nil {
		return p, backend.Errorf(backend.CodeCorrupt, "record %d cannot be proved: %w", number, err).
			WithHint(restoreOrAccept)
	}
	return p, nil
}

// untilEnough calls each with the first hashes of a log.
func untilEnough(
	ctx context.Context, tx store.RecordTx, l store.Log, size int64, each func(merkle.Hash) error,
) error {
	n := int64(0)
	err := eachHash(ctx, tx, l, func(h merkle.Hash) error {
		if n++; n > size {
			return errEnough
		}
		return each(h)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
