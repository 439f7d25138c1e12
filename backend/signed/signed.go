// SPDX-License-Identifier: MPL-2.0

// Package signed wraps a [store.Store] whose file others can write. It signs every row that decides something, verifies
// each row that a transaction reads, and keeps a sum of the rows of each project. The sum no longer fits if somebody
// removes a row or puts an older one back.
//
// # Rows
//
// A row has a MAC under a key that is derived from the deployment key. The MAC covers all columns: see rows.go. A row
// without a valid MAC is returned with Untrusted set if it is a secret, a scoped value or a deleted object: the engine
// can delete it, and refuses every other use. Otherwise the call returns an error. A token without a valid MAC lets
// nobody in.
//
// # States
//
// The state of a project holds a counter and the sum of its rows. The state "access" has them for the tokens: see
// state.go. The state "projects" sums up the other states. A write updates them in its transaction. TokenByHash
// compares the sum of the tokens; Verify compares all sums.
//
// # Audit log
//
// The records of the audit log are the leaves of trees: see package merkle. The head of a tree has a MAC, and is
// written with the records: see heads.go. VerifyLogs compares the heads with all records.
//
// # Limits
//
// A MAC is symmetric: someone who can verify a row can also sign it. Count counts rows without verifying them. If an
// older copy replaces the whole database, its sums fit. Only a process that has seen higher counters refuses it.
package signed

import (
	"context"
	"crypto/cipher"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
	"github.com/pouncet/terraform-provider-pouncet/backend/trace"
)

// Store is a store.Store whose rows are signed. It is safe for concurrent use.
type Store struct {
	store.Store
	keys    *envelope.Keyring
	wrapped envelope.WrappedKey
	report  func(error)
	deleted func(ctx context.Context, project string, secrets []string)

	signers atomic.Pointer[signers]
	tokens  atomic.Pointer[trustedTokens]
	states  openStates

	raising  sync.Mutex
	counters atomic.Pointer[counters]

	heads heads
	begun begunLogs
}

// counters are the highest counters that this process has seen, by the name of the state.
type counters struct {
	timeline  int64             // of the database: see timeline
	seen      map[string]uint64 // includes committed
	committed map[string]uint64 // by this process
}

var _ store.Store = (*Store)(nil)

// New returns a Store over a database whose rows are signed under the deployment key that w wraps.
func New(s store.Store, keys *envelope.Keyring, w envelope.WrappedKey) *Store {
	out := &Store{Store: s, keys: keys, wrapped: w, report: func(error) {},
		deleted: func(context.Context, string, []string) {}}
	out.counters.Store(&counters{timeline: out.timeline()})
	out.begun.store = out
	out.heads.unlock, out.heads.begun = out.unlock, &out.begun
	s.UseProver(&out.heads)
	return out
}

// Report sets what is called with the error of a token that was changed outside Pouncet. Call it before the first
// transaction.
func (s *Store) Report(report func(error)) { s.report = report }

// OnDelete sets what is called after a transaction with the ids of the secrets of a project that it has deleted for
// good. For deleted tokens, it is called with the project store.UsedTokens and their ids. Call it before the first
// transaction.
func (s *Store) OnDelete(f func(ctx context.Context, project string, secrets []string)) {
	s.deleted = f
}

// DeploymentKey returns what a deployment key is wrapped for.
func DeploymentKey(id, kmsKey string, blob []byte) envelope.WrappedKey {
	return envelope.WrappedKey{
		ID: id, Project: stored.DeploymentKey, Environment: stored.DeploymentKey, KMSKey: kmsKey, Blob: blob,
	}
}

// signers are what is derived from the deployment key.
type signers struct {
	deployment     string
	key            *envelope.Key
	rows, summands *envelope.Signer
	revisions      cipher.Block // of revision tokens
	values         *envelope.Signer
}

func newSigners(deployment string, key *envelope.Key) (*signers, error) {
	rows, err := key.Signer(stored.DeploymentRowKey)
	if err != nil {
		return nil, err
	}
	summands, err := key.Signer(stored.StateSummand)
	if err != nil {
		return nil, err
	}
	revisions, err := key.Block(stored.RevisionToken)
	if err != nil {
		return nil, err
	}
	values, err := key.Signer(stored.ValueTag)
	if err != nil {
		return nil, err
	}
	return &signers{deployment: deployment, key: key, rows: rows, summands: summands, revisions: revisions,
		values: values}, nil
}

// unlock returns the signers. It calls the KMS if the deployment key is not in memory.
func (s *Store) unlock(ctx context.Context) (*signers, error) {
	key, err := s.keys.Key(ctx, s.wrapped)
	if err != nil {
		return nil, err
	}
	if known := s.signers.Load(); known != nil && known.key == key {
		return known, nil
	}
	made, err := newSigners(s.Deployment(), key)
	if err == nil {
		s.signers.Store(made)
	}
	return made, err
}

// valueTagSize is the size of the tag of a value, in bytes. It is short, so that a tag tells less of a value, and long
// enough that different values of a project have different tags.
const valueTagSize = 8

// ValueTag returns the same bytes for equal values of a project, under a key that is derived from the deployment key.
func (s *Store) ValueTag(ctx context.Context, project string, value []byte) ([]byte, error) {
	keys, err := s.unlock(ctx)
	if err != nil {
		return nil, err
	}
	text := append(append([]byte(project), 0), value...)
	return keys.values.MAC(nil, text)[:valueTagSize], nil
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, f func(store.Tx) error) error {
	if replica := store.ReplicaOf(ctx); replica != nil {
		return s.viewReplica(ctx, replica, f)
	}
	keys, err := s.unlock(ctx)
	if err != nil {
		return err
	}
	counted := s.seenCounters()
	ctx, span := trace.Start(ctx, "store.view", trace.Internal)
	err = s.Store.View(ctx, func(inner store.Tx) error {
		t := &tx{Tx: inner, store: s, signers: keys, seen: counted.seen, timeline: counted.timeline}
		if err := t.seeView(ctx); err != nil {
			return err
		}
		if err := store.CheckCondition(ctx, t); err != nil {
			return err
		}
		return f(t)
	})
	span.End(err)
	return err
}

// Update implements store.Store. It updates the states of the projects that f has changed.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	keys, err := s.unlock(ctx)
	if err == nil {
		err = s.heads.readKey(ctx)
	}
	if err != nil {
		return err
	}
	var t *tx
	var revision uint64
	var own error // of f
	counted, call := s.seenCounters(), store.CallOf(ctx)
	ctx, span := trace.Start(ctx, "store.update", trace.Internal)
	err = s.Store.Update(ctx, func(inner store.Tx) (err error) {
		t, own = newWriter(inner, s, keys, counted), nil
		if revision, err = t.revisionOfUpdate(ctx, call); err != nil {
			return err
		}
		if err := store.CheckCondition(ctx, t); err != nil {
			return err
		}
		if own = f(t); own != nil {
			return own
		}
		return t.saveStates(ctx)
	})
	span.End(err)
	if t != nil {
		s.begun.end(t.logs, err == nil)
	}
	if err == nil {
		s.raiseCommitted(t.counters)
		revision = max(revision, t.counters[projectsState])
		for project, secrets := range t.deleted {
			s.deleted(ctx, project, secrets)
		}
	}
	if call != nil && (err == nil || own != nil && errors.Is(err, own)) { // otherwise what it has seen may not exist
		call.See(revision)
	}
	return err
}
