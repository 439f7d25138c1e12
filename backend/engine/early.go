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
type early struct {
	keys    *keyset
	batch   []found // not sent yet
	found   chan []found
	done    chan struct{}
	results map[string]result // by object id
}

type found struct {
	in    *project
	entry *store.Entry
}

// result is what was learned of one entry.
type result struct {
	signed  bool // its row's MAC is right
	version int64
	text    []byte // the value of that version, nil if it was not opened
}

// handful is how many entries are handed over at a time: to wake the other
// goroutine costs as much as to open an entry.
const handful = 64

// startEarly begins, if n references make it worthwhile. A nil early does nothing.
func (e *Engine) startEarly(n int) *early {
	if n < worthwhile {
		return nil
	}
	y := &early{keys: newKeyset(e.keys), found: make(chan []found, n/handful+1), done: make(chan struct{}), results: make(map[string]result, n)}
	go func() {
		defer close(y.done)
		for batch := range y.found {
			for _, f := range batch {
				y.results[f.entry.Object.ID] = y.look(f.in, f.entry)
			}
		}
	}()
	return y
}

// use makes the keys of a project that are in memory available.
func (y *early) use(p *project) {
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
func (y *early) offer(p *project, e *store.Entry) {
	if y == nil {
		return
	}
	if y.batch = append(y.batch, found{p, e}); len(y.batch) == handful {
		y.found <- y.batch
		y.batch = make([]found, 0, handful)
	}
}

func (y *early) look(p *project, e *store.Entry) result {
	var r result
	r.signed = p.check(e.Object, y.keys) == nil
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
func (y *early) finish() map[string]result {
	if y == nil {
		return nil
	}
	y.found <- y.batch
	close(y.found)
	<-y.done
	return y.results
}
