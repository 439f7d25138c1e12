// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// errNotReady ends a transaction that needs a key which is not in memory (see keyset), or the result of a check that
// was put off (see checks).
var errNotReady = errors.New("a key must be fetched, or a value must be checked, outside the transaction")

// keyset holds the environment keys of one call. No transaction waits for the
// KMS: get records a missing key and returns errNotReady; the caller leaves the
// transaction, calls fetch, and begins again.
type keyset struct {
	keyring *envelope.Keyring
	mu      sync.Mutex                     // values are opened in parallel
	held    map[string]*envelope.Key       // by id of the environment key
	made    map[string]envelope.WrappedKey // by environment: generated, not stored yet
	missing map[string]envelope.WrappedKey // by id: to be unwrapped or, without a blob, generated

	rewraps map[string]*rewrap // by id and blob of the stored key, and new KMS key
}

// rewrap wraps an environment key under another KMS key. It is done when again
// has a blob.
type rewrap struct {
	stored envelope.WrappedKey
	kmsKey string
	again  envelope.WrappedKey
}

func newKeyset(k *envelope.Keyring) *keyset {
	return &keyset{
		keyring: k,
		held:    map[string]*envelope.Key{},
		made:    map[string]envelope.WrappedKey{},
		missing: map[string]envelope.WrappedKey{},

		rewraps: map[string]*rewrap{},
	}
}

// incomplete reports whether fetch has something to do.
func (s *keyset) incomplete() bool {
	for _, w := range s.rewraps {
		if w.again.Blob == nil {
			return true
		}
	}
	return len(s.missing) > 0
}

// get returns the unwrapped key, or records it as missing and returns errNotReady. A key that the keyring has in
// memory is not missing.
func (s *keyset) get(w envelope.WrappedKey) (*envelope.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.held[w.ID]; ok {
		return k, nil
	}
	if k := s.keyring.Cached(w); k != nil {
		s.held[w.ID] = k
		return k, nil
	}
	s.missing[w.ID] = w
	return nil, errNotReady
}

// hold adds an unwrapped key to the set.
func (s *keyset) hold(id string, key *envelope.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[id] = key
}

// generate returns a new key for an environment, which the caller stores, or
// records that one is needed and returns errNotReady. The map's keys include
// the project, because AnyEnvironment has the same id in each.
func (s *keyset) generate(project, environment, kmsKey string) (envelope.WrappedKey, *envelope.Key, error) {
	if w, ok := s.made[project+"/"+environment]; ok {
		return w, s.held[w.ID], nil
	}
	id := newID()
	s.missing[id] = envelope.WrappedKey{ID: id, Project: project, Environment: environment, KMSKey: kmsKey}
	return envelope.WrappedKey{}, nil, errNotReady
}

// rewrap returns a key wrapped under another KMS key, which the caller stores, or
// records that it is needed and returns errNotReady.
func (s *keyset) rewrap(w envelope.WrappedKey, kmsKey string) (envelope.WrappedKey, error) {
	name := fmt.Sprintf("%q %q %q", w.ID, w.Blob, kmsKey)
	if s.rewraps[name] == nil {
		s.rewraps[name] = &rewrap{stored: w, kmsKey: kmsKey}
	}
	if again := s.rewraps[name].again; again.Blob != nil {
		return again, nil
	}
	return envelope.WrappedKey{}, errNotReady
}

// fetch unwraps, generates or wraps the missing keys, with one or two KMS calls
// each.
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
	for _, w := range s.rewraps {
		if w.again.Blob != nil {
			continue
		}
		again, err := s.keyring.Rewrap(ctx, w.stored, w.kmsKey)
		if err != nil {
			return err
		}
		w.again = again
	}
	return nil
}

// seal encrypts a value as one version of an object.
func seal(key *envelope.Key, o store.Object, v *store.Version, plaintext []byte) error {
	sealed, err := key.Seal(binding(o, *v), plaintext)
	v.Sealed = sealed
	return err
}

// keyOf identifies the current version of a secret.
func keyOf(o store.Object) store.VersionKey {
	return store.VersionKey{Project: o.Project, Object: o.ID, Version: o.Version}
}

// openVersion decrypts one version of an object. ErrCorrupt names the object.
func openVersion(key *envelope.Key, o store.Object, v store.Version) ([]byte, error) {
	if v.Untrusted != nil {
		return nil, v.Untrusted
	}
	plaintext, err := key.Open(binding(o, v), v.Sealed)
	if err != nil {
		return nil, corrupt(o, "version %d cannot be decrypted: it was changed or moved outside Pouncet", v.Version)
	}
	return plaintext, nil
}

// binding returns what a sealed value is bound to, in addition to what the key adds.
func binding(o store.Object, v store.Version) envelope.Binding {
	return envelope.Binding{
		Project: o.Project, Environment: o.Environment, Scope: o.Scope, Object: o.ID,
		Version: v.Version, Type: v.Type, SchemaHash: v.SchemaHash,
		Metadata: envelope.Metadata{
			Form: v.Form, CreatedAt: v.CreatedAt.UnixMicro(), CreatedBy: v.CreatedBy, Attributes: string(v.Attributes),
		},
	}
}

// sign sets the MAC of a row: the id of the environment key (a UUID, 16 bytes), then
// the MAC under it.
func sign(key *envelope.Key, o *store.Object, projectName string) {
	id := uuid.MustParse(key.ID())
	o.MAC = append(id[:], key.MAC(rowFields(*o, projectName)...)...)
}

// signer returns the id of the environment key that signed a row, as the row says.
func signer(o store.Object) (string, error) {
	if len(o.MAC) < 16 {
		return "", corrupt(o, "its row is not signed")
	}
	return uuid.UUID(o.MAC[:16]).String(), nil
}

// verify checks the MAC of a row. ErrCorrupt means that the row was changed.
func verify(key *envelope.Key, o store.Object, projectName string) error {
	if len(o.MAC) < 16 || !key.VerifyMAC(o.MAC[16:], rowFields(o, projectName)...) {
		return corrupt(o, "its row was changed or moved outside Pouncet")
	}
	return nil
}

// verifyRow checks the MAC of a row under a key of the environment that the row
// belongs to.
func (p *project) verifyRow(o store.Object, keys *keyset) error {
	key, err := p.keyOfRow(o, keys)
	if err != nil {
		return err
	}
	return verify(key, o, p.row.Name)
}

// keyOfRow returns the key that signs a row. It refuses a key that the environment of the row may not have.
func (p *project) keyOfRow(o store.Object, keys *keyset) (*envelope.Key, error) {
	if o.Untrusted != nil {
		return nil, o.Untrusted
	}
	id, err := signer(o)
	if err != nil {
		return nil, err
	}
	home := o.Environment
	if isEnvironment(o.Kind) {
		home = o.ID
	}
	w, ok := p.environmentKeyByID(id)
	if !ok || w.Environment != home {
		return nil, corrupt(o, "its row is signed with a key of another environment, or with a missing key")
	}
	return keys.get(w)
}

// rowFields lists what the MAC of a row covers: all but its times. For an
// environment that includes the name of its project, so that the names of two
// projects cannot be swapped in the database.
func rowFields(o store.Object, projectName string) [][]byte {
	number := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	fields := [][]byte{
		[]byte(stored.Row), []byte(o.Kind), []byte(o.ID), []byte(o.Project), []byte(o.Environment), []byte(o.Scope),
		[]byte(o.Name),
		[]byte(o.Type), []byte(o.Link), number(o.Version), number(o.Revision), o.Attributes,
	}
	if isEnvironment(o.Kind) {
		fields = append(fields, []byte(projectName))
	}
	return fields
}

func corrupt(o store.Object, format string, args ...any) error {
	args = append([]any{formerKind(o.Kind), shownName(o), o.ID}, args...)
	return backend.Errorf(backend.CodeCorrupt, "%s %q (%s) cannot be trusted: "+format, args...).
		WithHint("restore the database from a backup, or delete the entry and set it again")
}
