// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/google/uuid"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// errKeyMissing ends a transaction that needs a key which is not at hand.
var errKeyMissing = errors.New("an environment key has to be fetched first")

// keyset is the environment keys of one call. Within a transaction nothing waits for
// the KMS: a key that is not at hand is noted and errKeyMissing returned; the
// caller leaves the transaction, calls obtain, and begins again.
type keyset struct {
	keyring *envelope.Keyring
	mu      sync.Mutex                     // values are opened in parallel
	held    map[string]*envelope.Key       // by id of the environment key
	made    map[string]envelope.WrappedKey // by environment: generated, not stored yet
	missing map[string]envelope.WrappedKey // by id: to be unwrapped or, without a blob, generated
}

func newKeyset(k *envelope.Keyring) *keyset {
	return &keyset{
		keyring: k,
		held:    map[string]*envelope.Key{},
		made:    map[string]envelope.WrappedKey{},
		missing: map[string]envelope.WrappedKey{},
	}
}

// get returns the unwrapped key, or notes it and returns errKeyMissing.
func (s *keyset) get(w envelope.WrappedKey) (*envelope.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.held[w.ID]; ok {
		return k, nil
	}
	s.missing[w.ID] = w
	return nil, errKeyMissing
}

// hold adds a key that is at hand.
func (s *keyset) hold(id string, key *envelope.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[id] = key
}

// generate returns the new key of an environment that has none, to be stored
// by the caller, or notes it and returns errKeyMissing. The environment's name
// in the map is project and id, since the shared one is called the same everywhere.
func (s *keyset) generate(project, environment, kmsKey string) (envelope.WrappedKey, *envelope.Key, error) {
	if w, ok := s.made[project+"/"+environment]; ok {
		return w, s.held[w.ID], nil
	}
	id := newID()
	s.missing[id] = envelope.WrappedKey{ID: id, Project: project, Environment: environment, KMSKey: kmsKey}
	return envelope.WrappedKey{}, nil, errKeyMissing
}

// obtain fetches what was noted, each by at most one KMS call.
func (s *keyset) fetch(ctx context.Context) error {
	for id, w := range s.missing {
		if w.Blob == nil {
			w, key, err := s.keyring.Generate(ctx, w)
			if err != nil {
				return err
			}
			s.made[w.Project+"/"+w.Environment], s.held[id] = w, key
		} else {
			key, err := s.keyring.Key(ctx, w)
			if err != nil {
				return err
			}
			s.held[id] = key
		}
		delete(s.missing, id)
	}
	return nil
}

// seal encrypts a value as one version of an object.
func seal(key *envelope.Key, o store.Object, v *store.Version, plaintext []byte) error {
	sealed, err := key.Seal(binding(o, *v), plaintext)
	v.Sealed = sealed
	return err
}

// openVersion decrypts one version of an object. ErrCorrupt names the object.
func openVersion(key *envelope.Key, o store.Object, v store.Version) ([]byte, error) {
	plaintext, err := key.Open(binding(o, v), v.Sealed)
	if err != nil {
		return nil, corrupt(o, "version %d does not open: it was changed or moved outside Pouncet", v.Version)
	}
	return plaintext, nil
}

// binding is what a sealed value is tied to, beyond what the key itself adds.
func binding(o store.Object, v store.Version) envelope.Binding {
	return envelope.Binding{
		Project: o.Project, Environment: o.Environment, Scope: o.Scope, Object: o.ID,
		Version: v.Version, Type: v.Type, SchemaHash: v.SchemaHash,
	}
}

// sign sets the MAC of a row: the id of the environment key (a UUID, 16 bytes), then
// the MAC under it.
func sign(key *envelope.Key, o *store.Object, projectName string) {
	id := uuid.MustParse(key.ID())
	o.MAC = append(id[:], key.MAC(rowFields(*o, projectName)...)...)
}

// signer is the id of the environment key that a row says it is signed with.
func signer(o store.Object) (string, error) {
	if len(o.MAC) < 16 {
		return "", corrupt(o, "its row is not signed")
	}
	return uuid.UUID(o.MAC[:16]).String(), nil
}

// verify checks the MAC of a row: ErrCorrupt when it is not what was written.
func verify(key *envelope.Key, o store.Object, projectName string) error {
	if len(o.MAC) < 16 || !key.VerifyMAC(o.MAC[16:], rowFields(o, projectName)...) {
		return corrupt(o, "its row was changed or moved outside Pouncet")
	}
	return nil
}

// rowFields is everything in a row that must not change behind the engine's
// back. The row of an environment includes its project's name, so that two projects'
// names cannot be swapped either; times do not matter.
func rowFields(o store.Object, projectName string) [][]byte {
	number := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	fields := [][]byte{
		[]byte(stored.Row), []byte(o.Kind), []byte(o.ID), []byte(o.Project), []byte(o.Environment), []byte(o.Scope), []byte(o.Name),
		[]byte(o.Type), []byte(o.Link), number(o.Version), number(o.Revision), bytes.Clone(o.Attributes),
	}
	if o.Kind == backend.KindEnvironment {
		fields = append(fields, []byte(projectName))
	}
	return fields
}

func corrupt(o store.Object, format string, args ...any) error {
	args = append([]any{o.Kind, o.Name, o.ID}, args...)
	return backend.Errorf(backend.CodeCorrupt, "%s %q (%s) cannot be trusted: "+format, args...).
		WithHint("restore the database from a backup; or delete the entry and set it anew")
}
