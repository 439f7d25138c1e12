// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// waitingDeletions are the deletions of this apply that failed because objects with the same mark still use the object.
// Terraform deletes an object before it changes what referred to it, so the dependents can change later in the same
// apply. The mark of a configuration without a name does not say whose they are, so the object is not set aside for
// them: others must find it as before.
type waitingDeletions struct {
	mu      sync.Mutex
	changes []backend.Change
}

// DeleteLater keeps a deletion that failed until nothing uses the object any more. It reports whether that can come:
// only objects with the mark of this configuration use it, and no rename to its name has failed before. Terraform
// leaves out what comes after such a rename, so the next apply must make the deletion, and finds the rename made.
func (s *Session) DeleteLater(ctx context.Context, c backend.Change, err error) bool {
	dependents := backend.AsError(err).Dependents
	isOther := func(d backend.Dependent) bool { return d.ID == "" || d.ManagedBy != s.ManagedBy }
	if s.Named || !errors.Is(err, backend.ErrInUse) || len(dependents) == 0 ||
		slices.ContainsFunc(dependents, isOther) {
		return false
	}
	b := &s.blockedRenames // locked until the deletion waits: a rename that fails meanwhile looks for it after that
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.renameBlocked(ctx, c) {
		return false
	}
	c.ManagedBy = &s.ManagedBy
	w := &s.waitingDeletions
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes = append(w.changes, c)
	return true
}

// renameBlocked makes the rename that failed because the object of a deletion has the name, and reports whether there
// was one. The caller holds the lock of the renames.
func (s *Session) renameBlocked(ctx context.Context, deletion backend.Change) bool {
	b := &s.blockedRenames
	for i, rename := range b.changes {
		if rename.Kind != deletion.Kind || s.holder(ctx, rename) != deletion.ID {
			continue
		}
		if _, made := s.takeName(ctx, rename); made {
			b.changes = slices.Delete(b.changes, i, i+1)
		}
		return true
	}
	return false
}

// DeleteFreed makes the deletions that nothing blocks any more, after another change of this apply. One that fails for
// another reason is given up: the object stays.
func (s *Session) DeleteFreed(ctx context.Context) {
	w := &s.waitingDeletions
	w.mu.Lock()
	defer w.mu.Unlock()
	for deleted := true; deleted; {
		deleted = false
		w.changes = slices.DeleteFunc(w.changes, func(c backend.Change) bool {
			_, err := s.Service.Apply(ctx, backend.ChangeSet{
				Changes: []backend.Change{c}, IdempotencyKey: rand.Text(),
			})
			deleted = deleted || err == nil
			return !errors.Is(err, backend.ErrInUse)
		})
	}
}

// TakeName makes a blocked rename to a name that a secret or type has whose deletion waits.
func (s *Session) TakeName(ctx context.Context, c backend.Change) (backend.Outcome, bool) {
	if !s.waitsForDeletion(s.holder(ctx, c)) {
		return backend.Outcome{}, false
	}
	out, made := s.takeName(ctx, c)
	if made {
		b := &s.blockedRenames
		b.mu.Lock()
		defer b.mu.Unlock()
		b.changes = slices.DeleteFunc(b.changes, func(r backend.Change) bool { return r.ID == c.ID })
	}
	return out, made
}

// takeName makes a rename to the name of a secret or type that this apply deletes. That object gives up the name, and
// keeps what uses it. In a list that shrinks, its users can only stop using it after the rename.
func (s *Session) takeName(ctx context.Context, c backend.Change) (backend.Outcome, bool) {
	if c.Kind != backend.KindSecret && c.Kind != backend.KindSecretType {
		return backend.Outcome{}, false // its contents would be out of reach
	}
	c.SameOwner = true
	out, err := s.Service.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}, IdempotencyKey: rand.Text()})
	if err != nil {
		return backend.Outcome{}, false // the first error is reported
	}
	return out[0], true
}

// holder returns the id of the object that has the new name of a rename, or "".
func (s *Session) holder(ctx context.Context, rename backend.Change) string {
	page, err := s.Service.Query(ctx, backend.Query{
		Kind: rename.Kind, Project: rename.Project, Environment: rename.Environment, Scope: rename.Scope,
		Name: *rename.Rename,
	})
	if err != nil || len(page.Objects) != 1 {
		return ""
	}
	return page.Objects[0].ID
}

func (s *Session) waitsForDeletion(id string) bool {
	w := &s.waitingDeletions
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.changes, func(c backend.Change) bool { return c.ID == id })
}
