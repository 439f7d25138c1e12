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

// RunSuite is what every kms.Key does. It is given the URI of a key that works,
// and of one that exists but is another.
func RunSuite(t *testing.T, uri, other string) {
	ctx := t.Context()
	place := map[string]string{"pouncet:deployment": "d", "pouncet:project": "p", "pouncet:environment": "e", "pouncet:scope-key": "k"}

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
		plaintext, wrapped, err := open(t, uri).GenerateDataKey(ctx, place)
		if err != nil {
			t.Fatal(err)
		}
		return plaintext, wrapped
	}
	refuses := func(t *testing.T, k kms.Key, wrapped []byte, place map[string]string) {
		t.Helper()
		got, err := k.Decrypt(ctx, wrapped, place)
		if !errors.Is(err, backend.ErrKeyUnusable) || got != nil {
			t.Fatalf("got %d bytes and error %v, want ErrKeyUnusable", len(got), err)
		}
		if backend.AsError(err).Hint == "" {
			t.Errorf("error %q shows no way out", err)
		}
	}

	t.Run("URI is the one given", func(t *testing.T) {
		if got := open(t, uri).URI(); got != uri {
			t.Errorf("got %s, want %s", got, uri)
		}
	})
	t.Run("a data key unwraps to what it was", func(t *testing.T) {
		plaintext, wrapped := generate(t)
		if len(plaintext) != kms.DataKeySize || bytes.Contains(wrapped, plaintext) {
			t.Fatalf("data key of %d bytes, in a wrapping of %d that may show it", len(plaintext), len(wrapped))
		}
		got, err := open(t, uri).Decrypt(ctx, wrapped, maps.Clone(place))
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("it does not: %v", err)
		}
	})
	t.Run("no two data keys are the same", func(t *testing.T) {
		p1, w1 := generate(t)
		p2, w2 := generate(t)
		if bytes.Equal(p1, p2) || bytes.Equal(w1, w2) {
			t.Error("two are")
		}
	})
	t.Run("the encryption context must be the same", func(t *testing.T) {
		_, wrapped := generate(t)
		k := open(t, uri)
		for name := range place {
			changed, less := maps.Clone(place), maps.Clone(place)
			changed[name] += "x"
			delete(less, name)
			refuses(t, k, wrapped, changed)
			refuses(t, k, wrapped, less)
		}
		more := maps.Clone(place)
		more["another"] = "one"
		refuses(t, k, wrapped, more)
		refuses(t, k, wrapped, nil)
	})
	t.Run("an altered wrapped key is refused", func(t *testing.T) {
		_, wrapped := generate(t)
		k := open(t, uri)
		for at := 0; at < len(wrapped); at += 1 + len(wrapped)/32 {
			altered := bytes.Clone(wrapped)
			altered[at] ^= 0x10
			refuses(t, k, altered, place)
		}
		for _, cut := range []int{0, 1, 8, len(wrapped) / 2, len(wrapped) - 1} {
			refuses(t, k, wrapped[:cut], place)
		}
	})
	t.Run("another key does not unwrap it", func(t *testing.T) {
		_, wrapped := generate(t)
		refuses(t, open(t, other), wrapped, place)
	})
	t.Run("a cancelled call says so", func(t *testing.T) {
		_, wrapped := generate(t)
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		k := open(t, uri)
		_, err1 := k.Decrypt(cancelled, wrapped, place)
		_, _, err2 := k.GenerateDataKey(cancelled, place)
		for _, err := range []error{err1, err2} {
			if !errors.Is(err, context.Canceled) || !errors.Is(err, backend.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable around context.Canceled", err)
			}
		}
	})
	t.Run("many may call at once", func(t *testing.T) {
		plaintext, wrapped := generate(t)
		k := open(t, uri)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if got, err := k.Decrypt(ctx, wrapped, place); err != nil || !bytes.Equal(got, plaintext) {
					t.Errorf("it does not unwrap: %v", err)
				}
			})
		}
		all.Wait()
	})
}
