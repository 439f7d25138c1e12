// SPDX-License-Identifier: MPL-2.0

package kmstest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
)

// RunSuite tests what every kms.Key must do. It takes the URI of one key and the URI of another existing key.
func RunSuite(t *testing.T, uri, other string) {
	ctx := t.Context()
	keyContext := map[string]string{
		"pouncet:deployment": "d", "pouncet:project": "p", "pouncet:environment": "e", "pouncet:scope-key": "k",
	}

	open := func(t *testing.T, uri string) kms.Key {
		t.Helper()
		k, err := kms.Open(ctx, uri)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	generate := func(t *testing.T) (plaintext, wrapped []byte) {
		t.Helper()
		plaintext, wrapped, err := open(t, uri).GenerateDataKey(ctx, keyContext)
		if err != nil {
			t.Fatal(err)
		}
		return plaintext, wrapped
	}
	refuses := func(t *testing.T, k kms.Key, wrapped []byte, keyContext map[string]string) {
		t.Helper()
		got, err := k.Decrypt(ctx, wrapped, keyContext)
		if !errors.Is(err, backend.ErrKeyUnusable) || got != nil {
			t.Fatalf("got %d bytes and error %v, want ErrKeyUnusable", len(got), err)
		}
		if backend.AsError(err).Hint == "" {
			t.Errorf("error %q has no hint", err)
		}
	}

	t.Run("URI returns the given URI", func(t *testing.T) {
		if got := open(t, uri).URI(); got != uri {
			t.Errorf("got %s, want %s", got, uri)
		}
	})
	t.Run("Decrypt returns the data key", func(t *testing.T) {
		plaintext, wrapped := generate(t)
		if len(plaintext) != kms.DataKeySize {
			t.Fatalf("the data key has %d bytes, want %d", len(plaintext), kms.DataKeySize)
		}
		if bytes.Contains(wrapped, plaintext) {
			t.Fatal("the wrapped key contains the data key")
		}
		got, err := open(t, uri).Decrypt(ctx, wrapped, maps.Clone(keyContext))
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("Decrypt returned another key, or an error: %v", err)
		}
	})
	t.Run("Encrypt wraps a data key that another key has made", func(t *testing.T) {
		plaintext := bytes.Repeat([]byte{7}, kms.DataKeySize)
		wrapped, err := open(t, uri).Encrypt(ctx, plaintext, keyContext)
		if err != nil || bytes.Contains(wrapped, plaintext) {
			t.Fatalf("Encrypt returned %d bytes, or the data key in plain text: %v", len(wrapped), err)
		}
		got, err := open(t, uri).Decrypt(ctx, wrapped, maps.Clone(keyContext))
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("Decrypt returned another key, or an error: %v", err)
		}
		elsewhere := maps.Clone(keyContext)
		elsewhere["pouncet:environment"] = "another"
		refuses(t, open(t, uri), wrapped, elsewhere)
	})
	t.Run("every data key is different", func(t *testing.T) {
		p1, w1 := generate(t)
		p2, w2 := generate(t)
		if bytes.Equal(p1, p2) || bytes.Equal(w1, w2) {
			t.Error("two data keys are equal")
		}
	})
	t.Run("a different encryption context is refused", func(t *testing.T) {
		_, wrapped := generate(t)
		k := open(t, uri)
		for name := range keyContext {
			changed, less := maps.Clone(keyContext), maps.Clone(keyContext)
			changed[name] += "x"
			delete(less, name)
			refuses(t, k, wrapped, changed)
			refuses(t, k, wrapped, less)
		}
		more := maps.Clone(keyContext)
		more["another"] = "one"
		refuses(t, k, wrapped, more)
		refuses(t, k, wrapped, nil)
	})
	t.Run("a changed wrapped key is refused", func(t *testing.T) {
		_, wrapped := generate(t)
		k := open(t, uri)
		for at := 0; at < len(wrapped); at += 1 + len(wrapped)/32 {
			altered := bytes.Clone(wrapped)
			altered[at] ^= 0x10
			refuses(t, k, altered, keyContext)
		}
		for _, cut := range []int{0, 1, 8, len(wrapped) / 2, len(wrapped) - 1} {
			refuses(t, k, wrapped[:cut], keyContext)
		}
	})
	t.Run("another KMS key cannot unwrap the data key", func(t *testing.T) {
		_, wrapped := generate(t)
		refuses(t, open(t, other), wrapped, keyContext)
	})
	t.Run("the error of a cancelled call wraps context.Canceled", func(t *testing.T) {
		_, wrapped := generate(t)
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		k := open(t, uri)
		_, err1 := k.Decrypt(cancelled, wrapped, keyContext)
		_, _, err2 := k.GenerateDataKey(cancelled, keyContext)
		for _, err := range []error{err1, err2} {
			if !errors.Is(err, context.Canceled) || !errors.Is(err, backend.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable around context.Canceled", err)
			}
		}
	})
	t.Run("concurrent calls succeed", func(t *testing.T) {
		plaintext, wrapped := generate(t)
		k := open(t, uri)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if got, err := k.Decrypt(ctx, wrapped, keyContext); err != nil || !bytes.Equal(got, plaintext) {
					t.Errorf("Decrypt returned another key, or an error: %v", err)
				}
			})
		}
		all.Wait()
	})
}
