// SPDX-License-Identifier: MPL-2.0

package envelope

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Health is the last outcome of using one KMS key.
type Health struct {
	KMSKey string    // its URI
	Since  time.Time // since when it has been so: working, or not
	Err    error     // why it does not work; nil when it does
}

// Health returns the last outcome for each KMS key that was used, in order of
// their URIs. While one has an Err that is ErrUnavailable, its environments
// are read from memory, until MaxAge after Since at the latest.
func (r *Keyring) Health() []Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.health), func(a, b Health) int { return cmp.Compare(a.KMSKey, b.KMSKey) })
}

func (r *Keyring) note(uri string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, seen := r.health[uri]
	since := last.Since
	if !seen || (last.Err == nil) != (err == nil) {
		since = r.options.Now()
	}
	r.health[uri] = Health{KMSKey: uri, Since: since, Err: err}
}
