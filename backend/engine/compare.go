// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// compare compares the values of two versions. For a principal that may not have one of them, the answer is a guess:
// somebody could write a value of their choice first, and compare it with the other one.
func (r *run) compare(c backend.Change, id string) (backend.Outcome, error) {
	if !r.set.DryRun {
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "a comparison changes nothing, so it needs a dry run")
	}
	for _, a := range backend.AttributeTable {
		if a.Given(&c) && !slices.Contains([]string{"from_version", "environment", "scope"}, a.Name) {
			return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "a comparison of versions cannot set %s", a.Name).
				At(a.Name)
		}
	}
	if err := r.readAhead(c); err != nil {
		return backend.Outcome{}, err
	}
	one, err := r.comparedWith(c, id, valueOfChange(c.FromVersion))
	if err != nil {
		return backend.Outcome{}, err
	}
	other := backend.VersionOf{}
	if c.With != nil {
		other = *c.With
	}
	if other.ID != "" && other.ID != one.row.ID {
		c = backend.Change{Kind: c.Kind, ID: other.ID}
	}
	two, err := r.comparedWith(c, id, other.Version)
	if err != nil {
		return backend.Outcome{}, err
	}
	x, err := r.openForComparison(one.in, one.row, one.version)
	if err != nil {
		return backend.Outcome{}, err
	}
	y, err := r.openForComparison(two.in, two.row, two.version)
	if err != nil {
		return backend.Outcome{}, err
	}
	areJSON := one.version.IsJSON() && two.version.IsJSON()
	equal := sameValue(x, y, areJSON)
	var unknown []string
	for _, e := range []comparedEntry{one, two} {
		if !r.access.knows(e.in, e.row, e.attr.Visibility) && !slices.Contains(unknown, e.row.ID) {
			unknown = append(unknown, e.row.ID)
		}
	}
	for _, id := range unknown {
		guessed, err := r.guess(id, func() bool { return sameValue(x, y, areJSON) })
		if err != nil {
			return backend.Outcome{}, err
		}
		equal = equal && guessed
	}
	if equal {
		return outcome(backend.ActionUnchanged, diff{}, one.row, one.in)
	}
	out, err := outcome(backend.ActionUpdate, diff{changed: []string{"value"}}, one.row, one.in)
	if len(unknown) == 0 && areJSON {
		out.Fields = differentFields(x, y)
	}
	return out, err
}

// comparedEntry is a secret with the version of it that is compared.
type comparedEntry struct {
	*entry
	version store.Version
}

func valueOfChange(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (r *run) comparedWith(c backend.Change, id, version string) (comparedEntry, error) {
	c.Op = backend.OpUpdate // the secret must exist
	e, err := r.entry(c, id)
	if err != nil {
		return comparedEntry{}, err
	}
	if !e.exists {
		return comparedEntry{}, backend.Errorf(backend.CodeNotFound, "secret %s does not exist", backend.Quote(e.row.Name)).
			At("name")
	}
	if at := e.in.at(e.row); !r.access.May(backend.RightCompare, at) {
		return comparedEntry{}, r.access.denied(backend.RightCompare, "compare", what(c.Kind, e.row.Name, e.in, at), e.in, at)
	}
	if err := r.verifyRow(e.in, e.row); err != nil {
		return comparedEntry{}, err
	}
	v, err := r.version(e.row, version)
	return comparedEntry{e, v}, err
}

// differentFields returns the field paths in which two JSON objects differ, sorted. It is nil if one is no object.
func differentFields(x, y []byte) []string {
	var a, b map[string]json.RawMessage
	if json.Unmarshal(x, &a) != nil || json.Unmarshal(y, &b) != nil || a == nil || b == nil {
		return nil
	}
	paths := []string{}
	addDifferent(&paths, "", a, b)
	return paths
}

func addDifferent(paths *[]string, path string, a, b map[string]json.RawMessage) {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		if backend.EqualJSON(a[k], b[k]) {
			continue
		}
		step := backend.JoinName(path, k)
		var inA, inB map[string]json.RawMessage
		if isObject(a[k]) && isObject(b[k]) && json.Unmarshal(a[k], &inA) == nil && json.Unmarshal(b[k], &inB) == nil {
			addDifferent(paths, step, inA, inB)
			continue
		}
		if len(*paths) < backend.MaxDifferentFields {
			*paths = append(*paths, step)
		}
	}
}

func isObject(text json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) }
