// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"context"
	"encoding/binary"
	"sync/atomic"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// A head is a byte for its format, the size of the tree and the number of its first record, the hashes of its edge, and
// a MAC over all of that and the log.

const (
	headFormat  = 1
	headNumbers = 1 + 8 + 8
	headMACSize = 32
)

// heads makes the heads of the audit log. It implements store.Prover.
//
// Once it has its key, it keeps the key as long as the process runs: a KMS that cannot be reached must not prevent that
// its failure is recorded. The key can sign heads, and nothing else.
type heads struct {
	unlock func(context.Context) (*signers, error)
	key    atomic.Pointer[headKey]
	begun  *begunLogs
}

var _ store.Prover = (*heads)(nil)

type headKey struct {
	deployment string
	signer     *envelope.Signer
}

// Prover returns what makes the heads of the audit log. It serves the records of reads and of changes.
func (s *Store) Prover() store.Prover { return &s.heads }

// Ready implements store.Prover. It calls the KMS the first time, unless the deployment key is in memory.
func (h *heads) Ready(ctx context.Context, kind store.LogKind, logs []string) error {
	if err := h.readKey(ctx); err != nil {
		return err
	}
	h.begun.expect(ctx, kind, logs)
	return nil
}

// Added implements store.Prover.
func (h *heads) Added(kind store.LogKind, logs []string) { h.begun.note(kind, logs) }

// readKey reads the key, unless it is in memory.
func (h *heads) readKey(ctx context.Context) error {
	if h.key.Load() != nil {
		return nil
	}
	keys, err := h.unlock(ctx)
	if err != nil {
		return err
	}
	signer, err := keys.key.Signer(stored.LogHeadKey)
	if err != nil {
		return err
	}
	h.key.Store(&headKey{keys.deployment, signer})
	return nil
}

// Extend implements store.Prover.
func (h *heads) Extend(kind store.LogKind, before store.Log, records []store.Numbered) ([]byte, error) {
	key := h.key.Load()
	if key == nil {
		return nil, backend.Errorf(backend.CodeInternal, "a record was added before the key of the audit log was read")
	}
	tree, err := key.open(kind, before)
	if err == nil {
		err = h.begun.check(kind, before)
	}
	if err != nil {
		return nil, err
	}
	for i := range records {
		leaf := merkle.LeafHash(kind, records[i])
		records[i].Hash = leaf[:]
		tree.Add(leaf)
	}
	return key.seal(kind, before, tree), nil
}

// open returns the tree of a log, if its head is genuine.
func (k *headKey) open(kind store.LogKind, l store.Log) (merkle.Tree, error) {
	if len(l.Head) == 0 && l.Next == l.First {
		return merkle.Tree{}, nil // no record has a hash yet
	}
	signed := len(l.Head) - headMACSize
	if signed < headNumbers || l.Head[0] != headFormat ||
		!k.signer.Verify(l.Head[signed:], k.row(kind, l.Log, l.Head[:signed])) {
		return merkle.Tree{}, headError(kind, l.Log)
	}
	size := int64(binary.BigEndian.Uint64(l.Head[1:]))
	first := int64(binary.BigEndian.Uint64(l.Head[9:]))
	tree, err := merkle.Parse(size, l.Head[headNumbers:signed])
	if err != nil || first != l.First || l.Next != first+size {
		return merkle.Tree{}, headError(kind, l.Log)
	}
	return tree, nil
}

func (k *headKey) seal(kind store.LogKind, l store.Log, tree merkle.Tree) []byte {
	head := binary.BigEndian.AppendUint64([]byte{headFormat}, uint64(tree.Size))
	head = tree.Append(binary.BigEndian.AppendUint64(head, uint64(l.First)))
	return k.signer.MAC(head, k.row(kind, l.Log, head))
}

// row returns the bytes that the MAC of a head covers.
func (k *headKey) row(kind store.LogKind, log string, head []byte) []byte {
	return row(nil).text(stored.LogHead).text(k.deployment).text(string(kind)).text(log).bytes(head)
}

func headError(kind store.LogKind, log string) error {
	return backend.Errorf(backend.CodeCorrupt, "the audit log cannot be trusted: the head of the %s of %s was changed "+
		"outside Pouncet", kind, ownerOfLog(log)).WithHint(restoreOrAccept)
}

func ownerOfLog(log string) string {
	if log == "" {
		return "the deployment"
	}
	return "project " + log
}
