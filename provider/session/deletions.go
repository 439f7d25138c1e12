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
// Terraform deletes an object before it changes what referred to it, so the dependents can let go later in the same
// apply. The mark of a configuration without a name does not say whose they are, so the object is not set aside for
// them: others must find it as before.
type waitingDeletions struct {
	mu      sync.Mutex
	changes []backend.Change
}

// DeleteLater keeps a deletion that failed until what uses the object lets go. It reports whether that can come: only
// objects with the mark of this configuration use it.
func (s *Session) DeleteLater(c backend.Change, err error) bool {
	dependents := backend.AsError(err).Dependents
	isOther := func(d backend.Dependent) bool { return d.ID == "" || d.ManagedBy != s.ManagedBy }
	if s.Named || !errors.Is(err, backend.ErrInUse) || len(dependents) == 0 ||
		slices.ContainsFunc(dependents, isOther) {
		return false
	}
	c.ManagedBy = &s.ManagedBy
	w := &s.waitingDeletions
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes = append(w.changes, c)
	return true
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
