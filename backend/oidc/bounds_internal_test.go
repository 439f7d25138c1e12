// SPDX-License-Identifier: MPL-2.0

package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

func keyWithID(t *testing.T, id string) publicKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return publicKey{id, k.Public()}
}

// A signature is not compared with all keys of an issuer.
func TestOnlyTheNamedKeyIsTried(t *testing.T) {
	a, b, unnamed := keyWithID(t, "a"), keyWithID(t, "b"), keyWithID(t, "")
	for i, c := range []struct {
		keys []publicKey
		id   string
		want []publicKey
	}{
		{[]publicKey{a, b}, "a", []publicKey{a}},
		{[]publicKey{a, b}, "c", nil},
		{[]publicKey{a, b}, "", nil},
		{[]publicKey{a}, "", []publicKey{a}},
		{[]publicKey{a}, "b", nil},
		{[]publicKey{unnamed}, "b", []publicKey{unnamed}},
		{[]publicKey{unnamed, a}, "", nil},
		{[]publicKey{unnamed, a}, "b", nil},
		{nil, "", nil},
	} {
		got := named(c.keys, c.id)
		if len(got) != len(c.want) || len(got) == 1 && got[0] != c.want[0].key {
			t.Errorf("case %d: %d keys, want %d", i, len(got), len(c.want))
		}
	}
}

// The callers of an issuer that does not answer leave places for the callers of other issuers.
func TestFewCallersWaitForOneIssuer(t *testing.T) {
	now := time.Now()
	s := newIssuers(func() time.Time { return now }).issuer("http://127.0.0.1:1")
	s.waiting = maxWaiting
	if _, err := s.current(t.Context(), keyNamed("a")); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("without keys: %v", err)
	}
	s.keys, s.fetched = []publicKey{keyWithID(t, "a"), keyWithID(t, "b")}, now.Add(-2*freshKeys)
	if keys, err := s.current(t.Context(), keyNamed("a")); err != nil || len(keys.keys) != 2 {
		t.Errorf("with old keys: %d keys, %v", len(keys.keys), err)
	}
	if _, err := s.current(t.Context(), keyNamed("c")); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("with another key: %v", err)
	}
	if !s.asked.IsZero() {
		t.Error("the issuer was asked")
	}
}

// slowStore is a transaction that reports a lock which is held while it reads.
type slowStore struct {
	store.Tx
	t     *testing.T
	known *knownTrusts
	reads int
}

func (*slowStore) Generation(context.Context) ([]byte, error) { return []byte("g"), nil }

func (s *slowStore) Objects(context.Context, store.Filter) ([]store.Object, error) {
	s.reads++
	if !s.known.mu.TryLock() {
		s.t.Fatal("a lock is held while the store is read")
	}
	s.known.mu.Unlock()
	return nil, nil
}

// Anyone can send a token of any issuer.
func TestTrustsAreReadOncePerGeneration(t *testing.T) {
	var known knownTrusts
	tx := &slowStore{t: t, known: &known}
	for range 3 {
		if found, err := known.all(t.Context(), tx); err != nil || len(found.byIssuer) > 0 {
			t.Error(found, err)
		}
	}
	if tx.reads != 1 {
		t.Errorf("the trusts were read %d times", tx.reads)
	}
}
