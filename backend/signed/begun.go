// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A log whose records have hashes has a separate state, which says only that the log has begun. The state of the
// projects sums it up as it does all states, so that it cannot be removed without notice. Without it, somebody who
// removed all records of a log together with its head would leave no trace.
//
// The state of a log of changes is written in the transaction of its first record. That of a log of reads is written
// after its first record, because the records of reads can be in another database.

// logPrefix begins the names of these states. The kind of the log and its name follow.
const logPrefix = "log/"

func logState(kind store.LogKind, log string) string { return logPrefix + string(kind) + "/" + log }

// begunLogs knows the states of logs that a process has met.
type begunLogs struct {
	store *Store

	mu     sync.Mutex
	states map[string]begunLog // by the name of the state
	paused time.Time           // until then, note does nothing
}

type begunLog int

const (
	// A transaction of this process writes the state, and may not commit. It has not added the records yet, or it has.
	logBeginning begunLog = iota + 1
	logExtended
	// logDeferred means that the state is written, and that a surrounding transaction will add the records: the one that
	// creates a database.
	logDeferred
	logExpected // the state exists, so the log has a head
	// logRefused means that the log has no head although it is expected. Another process may have accepted that, so the
	// next call reads the state again.
	logRefused
)

// isWritten reports whether the state need not be written.
func (l begunLog) isWritten() bool { return l == logDeferred || l == logExpected }

// markTime limits the transaction that writes the state of a log of reads, for which a reader waits, once. After a
// failure, for example because a large change runs, no reader of this process waits again before markPause has passed.
const (
	markTime  = time.Second
	markPause = time.Minute
)

func (b *begunLogs) get(name string) begunLog {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.states[name]
}

func (b *begunLogs) set(name string, s begunLog) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.states == nil {
		b.states = map[string]begunLog{}
	}
	b.states[name] = s
}

func (b *begunLogs) forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.states, name)
}

// unknown returns the names of the states of logs that this process has not met.
func (b *begunLogs) unknown(kind store.LogKind, logs []string) (names []string) {
	for _, log := range logs {
		if name := logState(kind, log); !b.get(name).isWritten() {
			names = append(names, name)
		}
	}
	return names
}

// expect reads the states of logs, so that check knows which of them have begun. Without the database nothing is
// known: the failure of a call that cannot read it has a record too.
func (b *begunLogs) expect(ctx context.Context, kind store.LogKind, logs []string) {
	names := b.unknown(kind, logs)
	if len(names) == 0 {
		return
	}
	_ = b.store.Store.View(ctx, func(tx store.Tx) error {
		for _, name := range names {
			sealed, err := tx.State(ctx, name)
			if err != nil {
				return err
			}
			switch known := b.get(name); {
			case sealed != nil && (known == 0 || known == logRefused):
				b.set(name, logExpected)
			case sealed == nil && known == logRefused:
				b.forget(name)
			}
		}
		return nil
	})
}

// check returns an error if a log has begun and has no head. It is called before records are added to the log.
func (b *begunLogs) check(kind store.LogKind, l store.Log) error {
	if len(l.Head) > 0 {
		return nil
	}
	name := logState(kind, l.Log)
	switch b.get(name) {
	case logBeginning:
		b.set(name, logExtended)
	case logDeferred:
		b.set(name, logExpected)
	case logExpected, logRefused:
		b.set(name, logRefused)
		return backend.Errorf(backend.CodeCorrupt, "the audit log cannot be trusted: the %s of %s were removed outside "+
			"Pouncet", kind, ownerOfLog(l.Log)).WithHint(restoreOrAccept)
	}
	return nil
}

// note writes the states of logs that have begun. It does not end with the call whose records were added. If it cannot
// write them, a later call or process does.
func (b *begunLogs) note(kind store.LogKind, logs []string) {
	names := b.unknown(kind, logs)
	if len(names) == 0 || b.isPaused() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), markTime)
	defer cancel()
	err := b.store.Update(ctx, func(inner store.Tx) error {
		for _, name := range names {
			if err := inner.(*tx).markLog(ctx, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.pause()
	}
}

func (b *begunLogs) isPaused() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Before(b.paused)
}

func (b *begunLogs) pause() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.paused = time.Now().Add(markPause)
}

// end is called after a transaction that has written the states, or found them written.
func (b *begunLogs) end(names []string, committed bool) {
	for _, name := range names {
		switch known := b.get(name); {
		case !committed && !known.isWritten():
			b.forget(name)
		case committed && known == logBeginning && strings.HasPrefix(name, logPrefix+string(store.ChangeLog)):
			b.set(name, logDeferred)
		case committed:
			b.set(name, logExpected)
		}
	}
}

// all returns the logs that have begun.
func (b *begunLogs) all(ctx context.Context) (map[merkle.LogID]bool, error) {
	out := map[merkle.LogID]bool{}
	err := b.store.Store.View(ctx, func(tx store.Tx) error {
		states, err := tx.States(ctx)
		for _, st := range states {
			if id, ok := strings.CutPrefix(st.Name, logPrefix); ok {
				kind, log, _ := strings.Cut(id, "/")
				out[merkle.LogID{Records: store.LogKind(kind), Log: log}] = true
			}
		}
		return err
	})
	return out, err
}

// VerifyBegun compares the states of the logs, as all states, with their sum. Without it, somebody could remove a log
// together with its state, and VerifyLogs would not know that the log has begun. It does not look at rows.
func (s *Store) VerifyBegun(ctx context.Context) ([]Finding, error) {
	keys, err := s.unlock(ctx)
	if err != nil {
		return nil, err
	}
	counted := s.seenCounters()
	var states []store.State
	err = s.Store.View(ctx, func(inner store.Tx) (err error) {
		states, err = inner.States(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	c := &checker{signers: keys, counters: map[string]uint64{}}
	var projects []byte
	var all sum
	for _, st := range states {
		if st.Name == projectsState {
			projects = st.Sealed
			continue
		}
		all = all.plus(keys.stateSummand(st))
		if strings.HasPrefix(st.Name, logPrefix) {
			c.checkState(st.Name, st.Sealed, counted.seen, "", func(sum) bool { return true })
		}
	}
	c.checkState(projectsState, projects, counted.seen, statesDiffer, func(want sum) bool { return want == all })
	for i := range c.found {
		c.found[i].Detail = "" // it lists rows, and none was read
	}
	return c.found, nil
}

// markLog writes the state of a log, unless it exists.
func (t *tx) markLog(ctx context.Context, name string) error {
	begun := &t.store.begun
	if begun.get(name).isWritten() || t.created[name] {
		return nil
	}
	sealed, err := t.State(ctx, name)
	if err != nil {
		return err
	}
	t.logs = append(t.logs, name)
	if begun.get(name) == logRefused {
		begun.forget(name)
	}
	if sealed == nil {
		begun.set(name, logBeginning)
		t.created[name] = true
		t.add(name, sum{})
		return nil
	}
	if begun.get(name) != 0 { // another call of the transaction has written it
		return nil
	}
	if _, err := t.openStored(name, sealed); err != nil {
		return err
	}
	begun.set(name, logExpected)
	return nil
}

// onlyMarksLogs reports whether the transaction writes nothing but states of logs. Then the revision of the database
// does not rise: a client that has seen a newer database must not lose sight of that because somebody has read.
func (t *tx) onlyMarksLogs() bool {
	for name := range t.deltas {
		if !strings.HasPrefix(name, logPrefix) {
			return false
		}
	}
	return true
}

// AppendRecord implements store.Tx.
func (t *tx) AppendRecord(ctx context.Context, r store.Record) error {
	if err := t.markLog(ctx, logState(store.ChangeLog, r.Log)); err != nil {
		return err
	}
	return t.Tx.AppendRecord(ctx, r)
}

// ForgetLogs lets logs begin again. It is for an owner who accepts that their records were removed, and who accepts the
// states next: a state that cannot be trusted is removed without the others.
func (s *Store) ForgetLogs(ctx context.Context, kind store.LogKind, logs []string) error {
	var names []string
	for _, log := range logs {
		names = append(names, logState(kind, log))
	}
	err := s.forgetLogs(ctx, names)
	if !errors.Is(err, backend.ErrCorrupt) {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		for _, name := range names {
			if err := tx.DeleteState(ctx, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) forgetLogs(ctx context.Context, names []string) error {
	return s.Update(ctx, func(inner store.Tx) error {
		t := inner.(*tx)
		for _, name := range names {
			s.begun.forget(name)
			sealed, err := t.State(ctx, name)
			if err != nil {
				return err
			}
			if sealed != nil {
				t.ended[name] = true
				t.add(name, sum{})
			}
		}
		return nil
	})
}
