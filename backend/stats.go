// SPDX-License-Identifier: MPL-2.0

package backend

import "sync/atomic"

// CacheCount counts the lookups in a cache. The zero CacheCount is ready.
type CacheCount struct{ hits, misses atomic.Int64 }

// Count counts one lookup.
func (c *CacheCount) Count(hit bool) {
	if hit {
		c.hits.Add(1)
	} else {
		c.misses.Add(1)
	}
}

// Counts returns the numbers so far.
func (c *CacheCount) Counts() (hits, misses int64) { return c.hits.Load(), c.misses.Load() }

// CommitCount counts durable commits and the calls that shared them. The zero CommitCount is ready.
type CommitCount struct{ commits, calls atomic.Int64 }

// Count counts one commit of several calls.
func (c *CommitCount) Count(calls int) {
	c.commits.Add(1)
	c.calls.Add(int64(calls))
}

// Counts returns the numbers so far.
func (c *CommitCount) Counts() (commits, calls int64) { return c.commits.Load(), c.calls.Load() }
