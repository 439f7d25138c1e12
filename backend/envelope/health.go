// SPDX-License-Identifier: MPL-2.0

package envelope

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Health says whether the last call to one KMS key succeeded.
type Health struct {
	KMSKey string    // the URI
	Since  time.Time // when the calls began to succeed, or began to fail
	Err    error     // why the last call failed; nil if it succeeded
}

// Health returns the health of each KMS key that was used, sorted by URI. While
// Err is ErrUnavailable, the environments of that KMS key are read from memory,
// until MaxAge after Since at the latest.
func (r *Keyring) Health() []Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.health), func(a, b Health) int { return cmp.Compare(a.KMSKey, b.KMSKey) })
}

func (r *Keyring) recordHealth(uri string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, seen := r.health[uri]
	since := last.Since
	if !seen || (last.Err == nil) != (err == nil) {
		since = r.options.Now()
	}
	r.health[uri] = Health{KMSKey: uri, Since: since, Err: err}
}
