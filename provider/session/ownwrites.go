// SPDX-License-Identifier: MPL-2.0

package session

import "sync"

// ownWrites are the editions that actions of this run gave to objects. An update later in the same apply expects the
// edition that the plan has seen, and must not take the action for somebody else's change.
type ownWrites struct {
	mu    sync.Mutex
	after map[string]int64 // the edition after the last write, by id
	from  map[string]int64 // the edition before the first of them
}

// RecordOwnWrite records that this run has changed an object outside its resource.
func (s *Session) RecordOwnWrite(id string, edition int64) {
	w := &s.ownWrites
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.after == nil {
		w.after, w.from = map[string]int64{}, map[string]int64{}
	}
	if w.after[id] != edition-1 {
		w.from[id] = edition - 1 // somebody else has written since
	}
	w.after[id] = edition
}

// EditionAfterOwnWrites returns the edition that an object has if nobody but this run has changed it since it had the
// given one.
func (s *Session) EditionAfterOwnWrites(id string, edition int64) int64 {
	w := &s.ownWrites
	w.mu.Lock()
	defer w.mu.Unlock()
	if after, ok := w.after[id]; ok && w.from[id] == edition {
		return after
	}
	return edition
}
