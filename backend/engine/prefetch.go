// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// prefetcher verifies and decrypts entries with the cached keys while the
// transaction still reads further entries. For a thousand references both take
// the same time.
//
// It only saves work and reports no error: the resolver does what the
// prefetcher did not do, and ignores results that it does not need.
type prefetcher struct {
	keys    *keyset
	batch   []candidate // not queued yet
	queue   chan []candidate
	done    chan struct{}
	results map[string]prefetched // by object id
}

type candidate struct {
	in    *project
	entry *store.Entry
}

// prefetched is the result for one entry.
type prefetched struct {
	signed  bool // the MAC of its row is valid
	version int64
	text    []byte // the value of that version; nil if it was not decrypted
}

// prefetchBatch is the number of entries that are queued together: waking the
// other goroutine costs as much as decrypting one entry.
const prefetchBatch = 64

// startPrefetch starts a prefetcher for n references. It returns nil, which does
// nothing, for fewer than prefetchMinimum.
func (e *Engine) startPrefetch(n int) *prefetcher {
	if n < prefetchMinimum {
		return nil
	}
	y := &prefetcher{keys: newKeyset(e.keys), queue: make(chan []candidate, n/prefetchBatch+1), done: make(chan struct{}),
		results: make(map[string]prefetched, n)}
	go func() {
		defer close(y.done)
		for batch := range y.queue {
			for _, f := range batch {
				y.add(f)
			}
		}
	}()
	return y
}

// useKeys makes the cached keys of a project available.
func (y *prefetcher) useKeys(p *project) {
	if y == nil {
		return
	}
	for _, k := range p.environmentKeys {
		if key := y.keys.keyring.Cached(wrapped(k)); key != nil {
			y.keys.hold(k.ID, key)
		}
	}
}

// offer queues an entry.
func (y *prefetcher) offer(p *project, e *store.Entry) {
	if y == nil {
		return
	}
	if y.batch = append(y.batch, candidate{p, e}); len(y.batch) == prefetchBatch {
		y.queue <- y.batch
		y.batch = make([]candidate, 0, prefetchBatch)
	}
}

// add opens an entry. After a panic there is no result, and the resolver, which does the same in the goroutine of the
// call, panics there.
func (y *prefetcher) add(f candidate) {
	defer func() { _ = recover() }()
	y.results[f.entry.Object.ID] = y.open(f.in, f.entry)
}

func (y *prefetcher) open(p *project, e *store.Entry) prefetched {
	var r prefetched
	r.signed = p.verifyRow(e.Object, y.keys) == nil
	if w, ok := p.environmentKeyByID(e.Current.EnvironmentKey); ok && r.signed {
		if key, err := y.keys.get(w); err == nil {
			if text, err := openVersion(key, e.Object, e.Current); err == nil {
				r.version, r.text = e.Current.Version, text
			}
		}
	}
	return r
}

// finish waits until all queued entries are done, and returns the results by id.
func (y *prefetcher) finish() map[string]prefetched {
	if y == nil {
		return nil
	}
	y.queue <- y.batch
	close(y.queue)
	<-y.done
	return y.results
}
