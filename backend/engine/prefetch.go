// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// early checks and opens entries beside the transaction that is still looking
// for the rest of them, with the keys that are at hand. For a thousand
// references the one takes as long as the other.
//
// It only ever saves work: what it did not do, or could not, is done later, and
// it reports no error. What it opened and nobody asked for is dropped.
type prefetcher struct {
	keys    *keyset
	batch   []candidate // not sent yet
	queue   chan []candidate
	done    chan struct{}
	results map[string]prefetched // by object id
}

type candidate struct {
	in    *project
	entry *store.Entry
}

// result is what was learned of one entry.
type prefetched struct {
	signed  bool // its row's MAC is right
	version int64
	text    []byte // the value of that version, nil if it was not opened
}

// handful is how many entries are handed over at a time: to wake the other
// goroutine costs as much as to open an entry.
const prefetchBatch = 64

// startEarly begins, if n references make it worthwhile. A nil early does nothing.
func (e *Engine) startPrefetch(n int) *prefetcher {
	if n < prefetchMinimum {
		return nil
	}
	y := &prefetcher{keys: newKeyset(e.keys), queue: make(chan []candidate, n/prefetchBatch+1), done: make(chan struct{}), results: make(map[string]prefetched, n)}
	go func() {
		defer close(y.done)
		for batch := range y.queue {
			for _, f := range batch {
				y.results[f.entry.Object.ID] = y.open(f.in, f.entry)
			}
		}
	}()
	return y
}

// use makes the keys of a project that are in memory available.
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

// offer gives an entry to be looked at.
func (y *prefetcher) offer(p *project, e *store.Entry) {
	if y == nil {
		return
	}
	if y.batch = append(y.batch, candidate{p, e}); len(y.batch) == prefetchBatch {
		y.queue <- y.batch
		y.batch = make([]candidate, 0, prefetchBatch)
	}
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

// finish waits until everything offered was looked at.
func (y *prefetcher) finish() map[string]prefetched {
	if y == nil {
		return nil
	}
	y.queue <- y.batch
	close(y.queue)
	<-y.done
	return y.results
}
