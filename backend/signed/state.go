// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// The names of the states that belong to no project. That of a project begins with projectPrefix.
const (
	accessState   = "access"
	projectsState = store.ContentsState
	projectPrefix = store.ProjectPrefix
)

func projectState(id string) string { return projectPrefix + id }

// sum is a multiset hash (Clarke et al., Incremental Multiset Hash Functions and Their Application to Memory Integrity
// Checking, 2003): the sum, modulo 2^256, of a pseudorandom number for each row. So adding and removing a row costs the
// same in a project of any size. The least significant word comes first.
type sum [4]uint64

func (a sum) plus(b sum) (c sum) {
	var carry uint64
	for i := range a {
		c[i], carry = bits.Add64(a[i], b[i], carry)
	}
	return c
}

func (a sum) minus(b sum) (c sum) {
	var borrow uint64
	for i := range a {
		c[i], borrow = bits.Sub64(a[i], b[i], borrow)
	}
	return c
}

// summand returns the number for a row. The MAC stands for all columns of the row.
func (s *signers) summand(label, id string, number int64, mac []byte) sum {
	r := s.newRow(label).text(id).number(number).bytes(mac)
	defer r.release()
	return decodeSum(s.summands.MAC(make([]byte, 0, sha256.Size), r))
}

func decodeSum(b []byte) (out sum) {
	for i := range out {
		out[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return out
}

func (s *signers) objectSummand(o store.Object) sum {
	return s.summand(stored.ObjectRow, o.ID, o.Revision, o.DeploymentMAC)
}

func (s *signers) versionSummand(v store.Version) sum {
	return s.summand(stored.VersionRow, v.Object, v.Version, v.DeploymentMAC)
}

func (s *signers) keySummand(k store.EnvironmentKey) sum {
	return s.summand(stored.EnvironmentKeyRow, k.ID, 0, k.DeploymentMAC)
}

func (s *signers) tokenSummand(t store.Token) sum {
	return s.summand(stored.TokenRow, t.ID, t.Revision, t.DeploymentMAC)
}

// stateSummand sums up another state. A state has a new salt each time that it is sealed, so its bytes never repeat.
func (s *signers) stateSummand(st store.State) sum {
	hash := sha256.Sum256(st.Sealed)
	return s.summand(stored.StateRow, st.Name, 0, hash[:])
}

// state is the content of a state. It is sealed, because someone who saw the sum after each write could learn the
// summands and look for other rows with the same sum.
type state struct {
	counter uint64 // rises with each write
	sum     sum
}

const stateSize = 8 + 32

func (s *signers) stateBinding(name string) envelope.Binding {
	return envelope.Binding{
		Project: stored.DeploymentKey, Environment: stored.DeploymentKey, Scope: stored.StateRow, Object: name,
	}
}

func (s *signers) sealState(name string, st state) (store.State, error) {
	text := binary.LittleEndian.AppendUint64(make([]byte, 0, stateSize), st.counter)
	for _, word := range st.sum {
		text = binary.LittleEndian.AppendUint64(text, word)
	}
	sealed, err := s.key.Seal(s.stateBinding(name), text)
	return store.State{Name: name, Sealed: sealed}, err
}

func (s *signers) openState(name string, sealed []byte) (state, error) {
	if sealed == nil {
		return state{}, stateError(name, "is missing")
	}
	text, err := s.key.Open(s.stateBinding(name), sealed)
	if err != nil || len(text) != stateSize {
		return state{}, stateError(name, "was changed outside Pouncet")
	}
	return state{counter: binary.LittleEndian.Uint64(text), sum: decodeSum(text[8:])}, nil
}

// stateError says what is wrong with a state. It names the objects that the state sums up.
func stateError(name, what string) error {
	return backend.Errorf(backend.CodeCorrupt, "the database cannot be trusted: the state of %s %s", stateLabel(name),
		what).
		WithHint(restoreOrAccept)
}

func stateLabel(name string) string {
	switch name {
	case accessState:
		return "the tokens"
	case projectsState:
		return "the projects"
	case projectState(stored.DeploymentKey):
		return "the roles, groups, bindings and trusts"
	case store.GenerationState:
		return "the generation"
	}
	if log, ok := strings.CutPrefix(name, logPrefix); ok {
		kind, owner, _ := strings.Cut(log, "/")
		return "the audit log of " + kind + " of " + ownerOfLog(owner)
	}
	return "project " + strings.TrimPrefix(name, projectPrefix)
}

// readState reads and opens a state.
func (t *tx) readState(ctx context.Context, name string) (state, store.State, error) {
	sealed, err := t.State(ctx, name)
	if err != nil {
		return state{}, store.State{}, err
	}
	st, err := t.openStored(name, sealed)
	return st, store.State{Name: name, Sealed: sealed}, err
}

// openStates holds the states that this process has opened or sealed last, by name. Every change reads at least two.
type openStates struct {
	mu     sync.Mutex
	states map[string]openState
}

type openState struct {
	signers *signers
	sealed  []byte
	state   state
}

// maxOpenStates limits the memory of openStates.
const maxOpenStates = 1000

func (o *openStates) get(s *signers, name string, sealed []byte) (state, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	known, ok := o.states[name]
	return known.state, ok && known.signers == s && bytes.Equal(known.sealed, sealed)
}

func (o *openStates) put(s *signers, name string, sealed []byte, st state) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.states == nil || len(o.states) >= maxOpenStates {
		o.states = map[string]openState{}
	}
	o.states[name] = openState{s, sealed, st}
}

// openStored opens a state. It refuses one that is older than what this process has seen.
func (t *tx) openStored(name string, sealed []byte) (state, error) {
	var err error
	st, ok := t.store.states.get(t.signers, name, sealed)
	if !ok {
		if st, err = t.signers.openState(name, sealed); err == nil {
			t.store.states.put(t.signers, name, sealed, st)
		}
	}
	if err == nil && st.counter < t.seen[name] {
		err = backend.Errorf(backend.CodeCorrupt, "the database cannot be trusted: an older copy replaced the state of %s "+
			"while this process had it open", stateLabel(name)).
			WithHint("if you restored a backup, start the process again; otherwise restore the newer database")
	}
	return st, err
}

// timeline returns the number of the timeline of the database, which rises when a standby takes the place of the
// primary. It is 0 if the database has none.
func (s *Store) timeline() int64 {
	if database, ok := s.Store.(interface{ Timeline() int64 }); ok {
		return database.Timeline()
	}
	return 0
}

// seenCounters returns the highest counters that this process has seen. A transaction asks before it begins: what it
// reads cannot be older than that.
//
// A primary can show a commit that it has not sent to a standby, and a standby that takes its place does not have it.
// So a new timeline must only have what this process has committed: it was told that the standby has it.
func (s *Store) seenCounters() *counters {
	timeline := s.timeline()
	if c := s.counters.Load(); c.timeline >= timeline {
		return c
	}
	s.raising.Lock()
	defer s.raising.Unlock()
	c := s.counters.Load()
	if c.timeline < timeline {
		c = &counters{timeline: timeline, seen: c.committed, committed: c.committed}
		s.counters.Store(c)
	}
	return c
}

// raiseSeen remembers the counters of states that a transaction has read which began on a timeline.
func (s *Store) raiseSeen(timeline int64, read map[string]uint64) {
	s.raising.Lock()
	defer s.raising.Unlock()
	if c := s.counters.Load(); c.timeline == timeline {
		s.counters.Store(&counters{timeline: timeline, seen: raised(c.seen, read), committed: c.committed})
	}
}

// raiseCommitted remembers the counters of states that this process has committed.
func (s *Store) raiseCommitted(written map[string]uint64) {
	s.raising.Lock()
	defer s.raising.Unlock()
	c := s.counters.Load()
	s.counters.Store(&counters{timeline: c.timeline, seen: raised(c.seen, written),
		committed: raised(c.committed, written)})
}

func raised(present, others map[string]uint64) map[string]uint64 {
	out := make(map[string]uint64, len(present)+len(others))
	maps.Copy(out, present)
	for name, counter := range others {
		out[name] = max(out[name], counter)
	}
	return out
}

// checkStates compares the state of the projects with the other states.
func (t *tx) checkStates(ctx context.Context) error {
	all, _, err := t.readState(ctx, projectsState)
	if err != nil {
		return err
	}
	states, err := t.States(ctx)
	if err != nil {
		return err
	}
	var total sum
	for _, st := range states {
		if st.Name != projectsState {
			total = total.plus(t.signers.stateSummand(st))
		}
	}
	if total != all.sum {
		return stateError(projectsState, "does not fit the other states: one was removed or put back outside Pouncet")
	}
	return nil
}

// saveStates adds what the transaction has changed to the states.
func (t *tx) saveStates(ctx context.Context) error {
	if err := t.saveGeneration(ctx); err != nil {
		return err
	}
	if len(t.deltas) == 0 {
		return nil
	}
	all, before, err := t.readState(ctx, projectsState)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(t.deltas)) {
		var present state
		if !t.created[name] {
			var sealed store.State
			if present, sealed, err = t.readState(ctx, name); err != nil {
				return err
			}
			all.sum = all.sum.minus(t.signers.stateSummand(sealed))
		}
		present.counter, present.sum = present.counter+1, present.sum.plus(t.deltas[name])
		if t.ended[name] && present.sum == (sum{}) {
			if err := t.Tx.DeleteState(ctx, name); err != nil {
				return err
			}
			continue
		}
		sealed, err := t.writeState(ctx, name, present)
		if err != nil {
			return err
		}
		all.sum = all.sum.plus(t.signers.stateSummand(sealed))
	}
	if !t.onlyMarksLogs() {
		all.counter++
	}
	after, err := t.writeState(ctx, before.Name, all)
	if err == nil && bytes.Equal(after.Sealed, before.Sealed) {
		err = backend.Errorf(backend.CodeInternal, "a state was sealed twice to the same bytes")
	}
	return err
}

func (t *tx) writeState(ctx context.Context, name string, st state) (store.State, error) {
	sealed, err := t.signers.sealState(name, st)
	if err != nil {
		return store.State{}, err
	}
	if t.store != nil {
		t.store.states.put(t.signers, name, sealed.Sealed, st)
	}
	t.counters[name] = st.counter
	return sealed, t.Tx.SaveState(ctx, sealed)
}
