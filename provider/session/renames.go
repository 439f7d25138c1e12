// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// blockedRenames are the renames of this apply that failed because another object has the name. The mark of a
// configuration without a name does not say whose that object is, so it is not moved out of the way. But if its own
// rename is one of these, the two can be made together.
type blockedRenames struct {
	mu      sync.Mutex
	changes []backend.Change
}

// RenameTogether makes the blocked renames that free each other's names, in one change set. With c, which has just
// failed, it returns the outcome of c, and whether c is done now. What stays blocked can succeed after a later change.
func (s *Session) RenameTogether(ctx context.Context, c *backend.Change) (backend.Outcome, bool) {
	b := &s.blockedRenames
	b.mu.Lock()
	defer b.mu.Unlock()
	if c != nil {
		b.changes = append(b.changes, *c)
	}
	free := s.freeEachOther(ctx, slices.Clone(b.changes))
	if len(free) == 0 {
		return backend.Outcome{}, false
	}
	out, err := s.Service.Apply(ctx, backend.ChangeSet{Changes: free, IdempotencyKey: rand.Text()})
	if err != nil {
		return backend.Outcome{}, false // the error of each rename is reported, and the next apply repeats it
	}
	isOf := func(id string) func(backend.Change) bool { return func(c backend.Change) bool { return c.ID == id } }
	b.changes = slices.DeleteFunc(b.changes, func(c backend.Change) bool { return slices.ContainsFunc(free, isOf(c.ID)) })
	if c == nil {
		return backend.Outcome{}, false
	}
	if i := slices.IndexFunc(free, isOf(c.ID)); i >= 0 {
		return out[i], true
	}
	return backend.Outcome{}, false
}

// freeEachOther returns the renames whose new name is free, or is the name of an object that another of them
// renames.
func (s *Session) freeEachOther(ctx context.Context, renames []backend.Change) []backend.Change {
	holders := map[string]string{} // ids of the objects that have the new names, by the id of the renamed object
	renames = slices.DeleteFunc(renames, func(c backend.Change) bool {
		page, err := s.Service.Query(ctx, backend.Query{
			Kind: c.Kind, Project: c.Project, Environment: c.Environment, Scope: c.Scope, Name: *c.Rename,
		})
		if err == nil && len(page.Objects) == 1 {
			holders[c.ID] = page.Objects[0].ID
		}
		return err != nil || len(page.Objects) > 1
	})
	for {
		before := len(renames)
		moves := func(id string) bool {
			return slices.ContainsFunc(renames, func(c backend.Change) bool { return c.ID == id })
		}
		renames = slices.DeleteFunc(slices.Clone(renames), func(c backend.Change) bool {
			return holders[c.ID] != "" && !moves(holders[c.ID])
		})
		if len(renames) == before {
			return renames
		}
	}
}
