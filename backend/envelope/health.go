// SPDX-License-Identifier: MPL-2.0

package envelope

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Health says whether the last call to one KMS key succeeded.
type Health struct {
	KMSKey string    // the URI
	Since  time.Time // when the calls began to succeed, or began to fail
	Err    error     // why the last call failed; nil if it succeeded

	last WrappedKey // a key that it wrapped, for Recheck
}

// Health returns the health of each KMS key that has wrapped a stored key, sorted by URI. While Err is ErrUnavailable,
// the environments of that KMS key are read from memory, until MaxAge after Since at the latest. A KMS key that has not
// wrapped a key yet is left out: nothing depends on it.
func (r *Keyring) Health() []Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.health), func(a, b Health) int { return cmp.Compare(a.KMSKey, b.KMSKey) })
}

// Recheck calls each KMS key again whose last call failed. It forgets a key for which keep returns false, because no
// stored key needs it any more.
func (r *Keyring) Recheck(ctx context.Context, keep func(kmsKey string) bool) {
	for _, h := range r.Health() {
		switch {
		case h.Err == nil:
		case !keep(h.KMSKey):
			r.mu.Lock()
			delete(r.health, h.KMSKey)
			r.mu.Unlock()
		default:
			plaintext, err := r.unwrap(ctx, h.last)
			if err != nil && ctx.Err() != nil {
				return // the call says nothing about the KMS
			}
			r.recordHealth(h.last, err)
			if err == nil {
				_, _ = r.cache(h.last, plaintext) // otherwise the next use reports the error
			}
		}
	}
}

// recordHealth records a call that unwraps w, which is stored.
func (r *Keyring) recordHealth(w WrappedKey, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, seen := r.health[w.KMSKey]
	since := last.Since
	if !seen || (last.Err == nil) != (err == nil) {
		since = r.options.Now()
	}
	r.health[w.KMSKey] = Health{KMSKey: w.KMSKey, Since: since, Err: err, last: w}
}

// recordOutage records that a KMS key did not answer when it should wrap a key. Recheck then calls it. It records
// nothing of a KMS key that no stored key is known to need, nor of a call that its caller has cancelled.
func (r *Keyring) recordOutage(ctx context.Context, kmsKey string, err error) {
	r.mu.Lock()
	last, needed := r.health[kmsKey]
	r.mu.Unlock()
	if needed && errors.Is(err, backend.ErrUnavailable) && !errors.Is(ctx.Err(), context.Canceled) {
		r.recordHealth(last.last, err)
	}
}
