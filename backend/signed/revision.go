// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"bytes"
	"context"
	"crypto/aes"
	"encoding/base64"
	"encoding/binary"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A revision token is a revision for clients. It is one block of AES under a key that is derived from the deployment
// key: the revision and eight bytes of zero, which a made-up token does not have. So it tells nothing but whether two
// tokens are the same, and each server makes the same token of a revision.

var tokenEncoding = base64.RawURLEncoding.Strict()

// RevisionToken returns the token of a revision.
func (s *Store) RevisionToken(ctx context.Context, revision uint64) (string, error) {
	keys, err := s.unlock(ctx)
	if err != nil {
		return "", err
	}
	var block [aes.BlockSize]byte
	binary.BigEndian.PutUint64(block[:], revision)
	keys.revisions.Encrypt(block[:], block[:])
	return tokenEncoding.EncodeToString(block[:]), nil
}

// Revision returns the revision of a token. ErrInvalid means that this deployment has not made it.
func (s *Store) Revision(ctx context.Context, token string) (uint64, error) {
	keys, err := s.unlock(ctx)
	if err != nil {
		return 0, err
	}
	block, err := tokenEncoding.DecodeString(token)
	if err != nil || len(block) != aes.BlockSize {
		return 0, revisionError()
	}
	keys.revisions.Decrypt(block, block)
	if binary.BigEndian.Uint64(block[8:]) != 0 {
		return 0, revisionError()
	}
	return binary.BigEndian.Uint64(block), nil
}

func revisionError() error {
	return backend.Errorf(backend.CodeInvalid,
		"the revision token of the request is from another deployment, or not valid").
		WithHint("send the tokens that this server has returned, or none; a client that has used another deployment starts " +
			"again")
}

// seeView notes the revision that a View sees.
func (t *tx) seeView(ctx context.Context) error {
	call := store.CallOf(ctx)
	if call == nil {
		return nil
	}
	contents, err := t.Tx.Contents(ctx)
	if err != nil || contents == nil {
		return err
	}
	revision, err := t.revision(call, contents)
	if err == nil {
		call.See(revision)
	}
	return err
}

// revisionOfUpdate returns the revision with which an Update begins.
func (t *tx) revisionOfUpdate(ctx context.Context, call *store.Call) (uint64, error) {
	if call == nil {
		return 0, nil
	}
	contents, err := t.State(ctx, store.ContentsState)
	if err != nil || contents == nil {
		return 0, err
	}
	return t.revision(call, contents)
}

// revision returns the revision of a state, which must be at least that which a call must see.
func (t *tx) revision(call *store.Call, contents []byte) (uint64, error) {
	st, err := t.openStored(store.ContentsState, contents)
	if err != nil {
		return 0, err
	}
	if st.counter < call.Want() {
		return 0, backend.Errorf(backend.CodeUnavailable,
			"the database does not have all changes that the client has seen: an older copy took its place").
			WithHint("if a backup was restored, start the client again; otherwise find the newer database")
	}
	return st.counter, nil
}

// viewReplica is View on a replica. ErrBehind means that the replica does not have what the call must see, or an older
// generation than this process has seen. What the call reads is valid if the primary has the same generation: see
// store.Call.Decided.
func (s *Store) viewReplica(ctx context.Context, replica store.Viewer, f func(store.Tx) error) error {
	keys, err := s.unlock(ctx)
	if err != nil {
		return err
	}
	call, seen := store.CallOf(ctx), s.seenCounters().seen
	return replica.View(ctx, func(inner store.Tx) error {
		t := &tx{Tx: inner, store: s, signers: keys} // a replica may be older than what was seen
		revision, generation, err := t.position(ctx)
		if err != nil {
			return err
		}
		if revision < call.Want() || generation < seen[store.GenerationState] {
			return store.ErrBehind
		}
		sealed, err := t.Tx.Generation(ctx)
		if err == nil {
			err = call.Decide(sealed)
		}
		if err != nil {
			return err
		}
		call.See(revision)
		if err := store.CheckCondition(ctx, t); err != nil {
			return err
		}
		return f(t)
	})
}

// position returns the counters of the contents and of the generation that a View sees.
func (t *tx) position(ctx context.Context) (contents, generation uint64, err error) {
	for name, read := range map[string]struct {
		sealed  func(context.Context) ([]byte, error)
		counter *uint64
	}{
		store.ContentsState:   {t.Tx.Contents, &contents},
		store.GenerationState: {t.Tx.Generation, &generation},
	} {
		sealed, err := read.sealed(ctx)
		if err != nil {
			return 0, 0, err
		}
		st, err := t.openStored(name, sealed)
		if err != nil {
			return 0, 0, err
		}
		*read.counter = st.counter
	}
	return contents, generation, nil
}

// RevisionOf returns the revision of a replica, or of the primary if the replica is nil.
func (s *Store) RevisionOf(ctx context.Context, replica store.Viewer) (revision uint64, err error) {
	keys, err := s.unlock(ctx)
	if err != nil {
		return 0, err
	}
	if replica == nil {
		replica = s.Store
	}
	err = replica.View(ctx, func(inner store.Tx) error {
		revision, _, err = (&tx{Tx: inner, store: s, signers: keys}).position(ctx)
		return err
	})
	return revision, err
}

// Confirm returns ErrChanged if the primary does not have the generation under which a replica has answered a call.
func (s *Store) Confirm(ctx context.Context, call *store.Call) error {
	return s.Store.View(ctx, func(inner store.Tx) error {
		generation, err := inner.Generation(ctx)
		if err == nil && !bytes.Equal(generation, call.Decided()) {
			err = store.ErrChanged
		}
		return err
	})
}
