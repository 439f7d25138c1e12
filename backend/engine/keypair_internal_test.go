// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"crypto/rsa"
	"errors"
	"testing"
)

// An RSA key can take seconds, and a transaction holds the lock for writing.
func TestKeyPairsAreMadeOutsideTransactions(t *testing.T) {
	c := newChecks()
	c.begin()
	made := 0
	job := func() error { made++; return nil }
	if err := c.later(checkKey{1}, job); !errors.Is(err, errNotReady) || made != 0 || !c.incomplete() {
		t.Fatalf("inside a transaction: %v, %d made", err, made)
	}
	if err := c.run(t.Context()); err != nil || made != 1 {
		t.Fatalf("outside: %v, %d made", err, made)
	}
	c.begin()
	if err := c.later(checkKey{1}, job); err != nil || made != 1 || c.incomplete() {
		t.Errorf("in the next transaction: %v, %d made", err, made)
	}
}

func TestRSAKeysHaveTheirSize(t *testing.T) {
	for kind, want := range map[string]int{"rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096} {
		key, err := newPrivateKey(kind)
		if err != nil {
			t.Fatal(err)
		}
		if got := key.(*rsa.PrivateKey).N.BitLen(); got != want {
			t.Errorf("%s has %d bits", kind, got)
		}
	}
}
