// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"context"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// matchCache keeps the rows that references mean in memory, with sealed values, as the store had them with one content.
// A transaction uses them only if the content is the same, so a change by any process is seen by the next call. Each
// call verifies and decrypts the rows, and checks the rights of its caller and the expiry of the secret.
type matchCache struct {
	mu       sync.Mutex
	lookups  backend.CacheCount
	contents []byte
	matches  map[backend.Ref]match
	bytes    int
}

// maxMatchBytes limits the memory of a matchCache.
const maxMatchBytes = 32 << 20

// matchKey leaves out what the rows do not depend on.
func matchKey(r backend.Ref) backend.Ref {
	return backend.Ref{Kind: r.Kind, Project: r.Project, Environment: r.Environment, Scope: r.Scope, Name: r.Name}
}

func (c *matchCache) get(contents []byte, r backend.Ref) (match, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.matches[matchKey(r)]
	return m, ok && bytes.Equal(c.contents, contents)
}

func (c *matchCache) put(contents []byte, r backend.Ref, m match) {
	m.version = store.Version{}
	size := 4*rowBytes + len(m.entry.Object.Attributes) + len(m.entry.Current.Sealed) + len(m.link.Object.Attributes) +
		len(m.link.Current.Sealed)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !bytes.Equal(c.contents, contents) || c.bytes+size > maxMatchBytes {
		c.contents, c.matches, c.bytes = contents, map[backend.Ref]match{}, 0
	}
	if _, ok := c.matches[matchKey(r)]; !ok {
		c.matches[matchKey(r)] = m
		c.bytes += size
	}
}

// isTrusted reports whether all rows of a match are there and genuine.
func (f *match) isTrusted() bool {
	for _, e := range []store.Entry{f.entry, f.link} {
		if e.Object.Untrusted != nil || e.Current.Untrusted != nil {
			return false
		}
	}
	return f.err == nil && f.entry.Object.ID != ""
}

// cached takes the rows of references from the cache, and returns the content of the database, or nil for no cache.
// Calls with many references read rows and decrypt values at the same time, which is as fast.
func (r *resolver) cached(ctx context.Context, tx store.Tx) (contents []byte, err error) {
	if len(r.refs) >= prefetchMinimum {
		return nil, nil
	}
	if contents, err = tx.Contents(ctx); err != nil || contents == nil {
		return nil, err
	}
	for i, ref := range r.refs {
		m, ok := r.engine.matches.get(contents, ref)
		r.engine.matches.lookups.Count(ok)
		if ok {
			r.matches[i] = m
			r.readBytes += r.entrySize(m.entry) + r.entrySize(m.link)
		}
	}
	return contents, nil
}

// keep adds the rows of references to the cache.
func (r *resolver) keep(contents []byte) {
	if contents == nil {
		return
	}
	for i := range r.matches {
		if r.matches[i].isTrusted() {
			r.engine.matches.put(contents, r.refs[i], r.matches[i])
		}
	}
}
