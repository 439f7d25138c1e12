// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// groupSize is the number of secrets of a group. A call concerns one group, so groups can be checked one by one.
const groupSize = 2

// groupState is what Pouncet holds of a group. It never changes: a step makes a new one.
type groupState struct {
	secrets [groupSize]secretState
	applied string // a line for each idempotency key that was used: see appliedLine
}

// secretState is a secret. Its zero value is one that does not exist.
type secretState struct {
	id              string // "" if no answer has told it yet
	version         int64  // 0 if it does not exist
	value, previous string
}

var seed = maphash.MakeSeed()

// groups is what a history must agree with.
var groups = porcupine.Model{
	Partition: func(calls []porcupine.Operation) [][]porcupine.Operation {
		var out [][]porcupine.Operation
		at := map[int]int{}
		for _, c := range calls {
			group := c.Input.(request).group
			i, known := at[group]
			if !known {
				i = len(out)
				at[group], out = i, append(out, nil)
			}
			out[i] = append(out[i], c)
		}
		return out
	},
	Init: func() any { return groupState{} },
	Step: func(state, asked, told any) (bool, any) {
		return step(state.(groupState), asked.(request), told.(answer))
	},
	Hash:              func(state any) uint64 { return maphash.Comparable(seed, state.(groupState)) },
	DescribeOperation: describe,
	DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
}

// step reports whether a call may have this answer in a state, and returns the state after it.
func step(s groupState, asked request, told answer) (bool, groupState) {
	switch {
	case asked.list:
		return s.listed(asked.reads[0], told.results[0])
	case len(asked.reads) > 0:
		return s.read(asked, told.results)
	}
	return s.apply(asked, told)
}

// listed checks the metadata of a secret.
func (s groupState) listed(secret int, r result) (bool, groupState) {
	if r.found != (s.secrets[secret].version > 0) {
		return false, s
	}
	return !r.found || s.secrets[secret].is(r), s
}

// read checks the values of a Resolve, which were all current at one moment.
func (s groupState) read(asked request, results []result) (bool, groupState) {
	for i, r := range results {
		secret := &s.secrets[asked.reads[i]]
		version, value := secret.version, secret.value
		if asked.version == backend.PreviousVersion {
			version, value = version-1, secret.previous
		}
		exists := version > 0
		if r.found != exists {
			return false, s
		}
		if exists && (r.version != version || r.value != value || !secret.hasID(r.id)) {
			return false, s
		}
	}
	return true, s
}

// is reports whether a result tells the id and version of the secret, and learns the id.
func (s *secretState) is(r result) bool { return r.version == s.version && s.hasID(r.id) }

// hasID reports whether the secret can have an id. The first answer about a secret that an unanswered call created
// tells it.
func (s *secretState) hasID(id string) bool {
	if s.id == "" {
		s.id = id
	}
	return s.id == id
}

// apply checks the outcome of a set.
func (s groupState) apply(asked request, told answer) (bool, groupState) {
	if outcome, outlived, done := s.outcomeOf(asked.key); done {
		if outlived {
			return told.unknown || told.refused == backend.CodeConflict, s
		}
		return told.unknown || told.refused == "" && sameOutcome(outcome, told.results), s
	}
	next := s
	var results []result
	var refusals []backend.Code
	for _, c := range asked.changes {
		r, refused := next.secrets[c.secret].change(c)
		if refused != "" {
			refusals = append(refusals, refused)
		}
		results = append(results, r)
	}
	switch {
	case len(refusals) > 0: // nothing is changed, whether the client knows or not
		return told.unknown || told.refused == refusals[0], s
	case told.unknown:
	case told.refused != "":
		return false, s
	default:
		for i, r := range told.results {
			secret := &next.secrets[asked.changes[i].secret]
			if r.action != results[i].action || r.version != results[i].version || !secret.tells(r, results[i]) {
				return false, s
			}
			results[i].id = r.id
		}
	}
	for _, c := range asked.changes {
		if c.op == backend.OpDelete {
			next.applied = outlivedBy(next.applied, c.secret)
		}
	}
	if asked.key != "" {
		next.applied += appliedLine(asked, results)
	}
	return true, next
}

// appliedLine says what a set with a key has done: the key, the outcome, and the secrets that got a value.
func appliedLine(asked request, results []result) string {
	line := asked.key + " " + outcomeText(results)
	for _, c := range asked.changes {
		if c.op != backend.OpDelete {
			line += fmt.Sprint(" ", c.secret)
		}
	}
	return line + "\n"
}

// outlived is in the line of a key if a secret that got a value was deleted since. The set is then refused, because
// nobody can compare its value any more.
const outlived = "outlived"

// outlivedBy marks the keys with which a secret got a value.
func outlivedBy(applied string, secret int) string {
	var out strings.Builder
	for line := range strings.Lines(applied) {
		fields := strings.Fields(line)
		if slices.Contains(fields[2:], fmt.Sprint(secret)) {
			fields = append(fields[:2:2], outlived)
		}
		out.WriteString(strings.Join(fields, " ") + "\n")
	}
	return out.String()
}

// tells reports whether the id that a change was told fits the secret after the whole set.
func (s *secretState) tells(told, want result) bool {
	if want.action == backend.ActionDelete {
		return want.id == "" || told.id == want.id
	}
	return s.hasID(told.id)
}

// change makes one change, or returns why it is refused.
func (s *secretState) change(c change) (result, backend.Code) {
	exists := s.version > 0
	switch {
	case c.op == backend.OpCreate && exists:
		return result{}, backend.CodeExists
	case (c.op == backend.OpUpdate || c.op == backend.OpDelete) && !exists:
		return result{}, backend.CodeNotFound
	case c.expect >= 0 && c.expect != s.version:
		return result{}, backend.CodeConflict
	case c.op == backend.OpDelete:
		r := result{action: backend.ActionDelete, id: s.id, version: s.version}
		*s = secretState{}
		return r, ""
	}
	s.previous, s.value = s.value, c.value
	s.version++
	action := backend.ActionUpdate
	if !exists {
		action = backend.ActionCreate
	}
	return result{action: action, id: s.id, version: s.version}, ""
}

// outcomeText is the outcome of a set, without values and ids: these are checked where they are read.
func outcomeText(results []result) string {
	var out []string
	for _, r := range results {
		out = append(out, fmt.Sprint(r.action, r.version))
	}
	return strings.Join(out, ",")
}

func sameOutcome(outcome string, results []result) bool { return outcome == outcomeText(results) }

// outcomeOf returns the outcome of a set that was applied before.
func (s groupState) outcomeOf(key string) (outcome string, isOutlived, done bool) {
	if key == "" {
		return "", false, false
	}
	for line := range strings.Lines(s.applied) {
		if fields := strings.Fields(line); fields[0] == key {
			return fields[1], slices.Contains(fields, outlived), true
		}
	}
	return "", false, false
}
