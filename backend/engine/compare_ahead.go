// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A matrix of a project compares thousands of values in a few calls. Read one by one, each comparison costs four
// statements. So a set that only compares reads the secrets of its project once, and the versions for many comparisons
// at a time. It writes nothing, so the rows stay as they are.

const (
	// aheadFrom is the number of comparisons from which a set reads ahead.
	aheadFrom = 20
	// aheadVersions is how many comparisons the versions are read for at a time. It bounds the memory for values.
	aheadVersions = 100
	// aheadRows is how many secrets are read for each comparison at most. A few comparisons in a large project do not
	// read all of it.
	aheadRows = 10
	// aheadMost limits the secrets that a set reads.
	aheadMost = 20_000
)

// ahead holds what was read for comparisons to come.
type ahead struct {
	started  bool
	secrets  map[string]store.Object // by id
	versions map[store.VersionKey]store.Version
}

// readAhead reads what the present comparison and the following ones need, if that was not done.
func (r *run) readAhead(c backend.Change) error {
	changes := r.set.Changes
	if !r.ahead.started {
		r.ahead.started = true
		if len(changes) < aheadFrom || c.ID == "" || len(r.places.claims) > 0 ||
			slices.ContainsFunc(changes, func(c backend.Change) bool { return c.Op != backend.OpCompare }) {
			return nil
		}
		// A caller who may not see the first secret learns nothing from the time that the rest would take.
		row, exists, err := r.seen(store.Filter{Kind: backend.KindSecret, ID: c.ID})
		if err != nil || !exists {
			return err
		}
		rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindSecret, Project: row.Project,
			Limit: min(aheadRows*len(changes), aheadMost)})
		if err != nil {
			return nil // a secret that cannot be trusted fails only the comparison with it
		}
		r.ahead.secrets = make(map[string]store.Object, len(rows))
		for _, row := range rows {
			r.ahead.secrets[row.ID] = row
		}
	}
	if r.ahead.secrets == nil || r.index%aheadVersions != 0 {
		return nil
	}
	var keys []store.VersionKey
	for _, c := range changes[r.index:min(r.index+aheadVersions, len(changes))] {
		ids := []string{c.ID}
		if c.With != nil {
			ids = append(ids, c.With.ID)
		}
		for _, id := range ids {
			if row, ok := r.ahead.secrets[id]; ok {
				keys = append(keys, store.VersionKey{Project: row.Project, Object: row.ID, Version: row.Version})
			}
		}
	}
	slices.SortFunc(keys, func(a, b store.VersionKey) int { return strings.Compare(a.Object, b.Object) })
	rows, err := r.tx.Versions(r.ctx, slices.Compact(keys))
	r.ahead.versions = make(map[store.VersionKey]store.Version, len(rows))
	for _, v := range rows {
		r.ahead.versions[store.VersionKey{Project: v.Project, Object: v.Object, Version: v.Version}] = v
	}
	return err
}
