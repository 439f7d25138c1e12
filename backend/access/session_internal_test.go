// SPDX-License-Identifier: MPL-2.0

package access

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// slowStore is a transaction that reports a lock which is held while it reads.
type slowStore struct {
	store.Tx
	t     *testing.T
	known *trusts
	reads int
}

func (*slowStore) Generation(context.Context) ([]byte, error) { return []byte("g"), nil }

func (s *slowStore) Objects(context.Context, store.Filter) ([]store.Object, error) {
	s.reads++
	if !s.known.mu.TryLock() {
		s.t.Fatal("a lock is held while the store is read")
	}
	s.known.mu.Unlock()
	return []store.Object{{ID: "a"}}, nil
}

// A slow database must not make all sessions wait for each other.
func TestNoLockIsHeldWhileTrustsAreRead(t *testing.T) {
	var known trusts
	tx := &slowStore{t: t, known: &known}
	for range 2 {
		if row, err := known.byID(t.Context(), tx, "a"); err != nil || row.ID != "a" {
			t.Error(row, err)
		}
		if _, err := known.byID(t.Context(), tx, "b"); !errors.Is(err, backend.ErrNotFound) {
			t.Error(err)
		}
	}
	if tx.reads != 1 {
		t.Errorf("the trusts were read %d times", tx.reads)
	}
}

// TestOlderServersOpenNoSessionOfACertificate opens sessions as servers do that know none of certificates.
func TestOlderServersOpenNoSessionOfACertificate(t *testing.T) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	c := Cipher(func(context.Context) (cipher.AEAD, error) { return aead, nil })
	for certificate, opens := range map[string]bool{"": true, "fingerprint": false} {
		token, err := c.Seal(t.Context(), store.Object{ID: "a"}, "subject", time.Now().Add(time.Hour), certificate)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, SessionPrefix))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := aead.Open(nil, nil, sealed, nil); (err == nil) != opens {
			t.Errorf("a session with the certificate %q: %v", certificate, err)
		}
		if _, err := c.open(t.Context(), token, time.Now, &trusts{}); err != nil {
			t.Errorf("this server: %v", err)
		}
	}
}
