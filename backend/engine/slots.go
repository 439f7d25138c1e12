// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"hash/maphash"
)

// slots let one call with a name run at a time in this process. Two names may share a slot.
type slots [64]chan struct{}

var slotSeed = maphash.MakeSeed()

func newSlots() (s slots) {
	for i := range s {
		s[i] = make(chan struct{}, 1)
	}
	return s
}

// acquire waits for the slot of a name. The caller calls release.
func (s *slots) acquire(ctx context.Context, name string) (release func(), err error) {
	slot := s[maphash.String(slotSeed, name)%uint64(len(s))]
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
