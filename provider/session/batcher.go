// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// A batch is sent when as many dry runs wait as Terraform ever ran operations at the same time and none arrived for
// pollInterval, when nothing happened for idleTimeout, or at the latest after maxWait.
const (
	pollInterval = 3 * time.Millisecond
	idleTimeout  = 250 * time.Millisecond
	maxWait      = 2 * time.Second
)

// dryRunBatcher is a Service that sends dry runs which arrive together as one request. Terraform plans several
// resources at a time, and each of them needs a dry run if the snapshot cannot answer.
//
// It batches only after an object was read by its id, which is how a plan of existing objects begins. An apply changes
// resources one by one, and must not wait for others.
type dryRunBatcher struct {
	backend.Service
	operations *operationTracker

	mu          sync.Mutex
	planning    bool // an object was read, and nothing was applied since
	openBatches []*batch
}

// batch is a set of dry runs that assume the same preceding changes.
type batch struct {
	preceding   []backend.Change
	checked     []backend.Change
	openedAt    time.Time
	lastAddedAt time.Time
	done        chan struct{} // closed when outcomes and err are set
	outcomes    []backend.Outcome
	err         error
}

func (b *dryRunBatcher) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	if q.ID != "" {
		b.setPlanning(true)
	}
	return b.Service.Query(ctx, q)
}

// Apply returns the outcomes of set. Only the last change of a dry run is batched: the others are the preceding changes
// that it assumes.
func (b *dryRunBatcher) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if !set.DryRun {
		b.setPlanning(false)
	}
	last := len(set.Changes) - 1
	joined, index := b.join(set, last)
	if joined == nil {
		return b.Service.Apply(ctx, set)
	}
	defer b.operations.beginCheck()()
	if index == 0 {
		go b.send(context.WithoutCancel(ctx), joined)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-joined.done:
	}
	if joined.err != nil {
		return nil, joined.err
	}
	return append(slices.Clone(joined.outcomes[:last]), joined.outcomes[last+index]), nil
}

func (b *dryRunBatcher) setPlanning(planning bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.planning = planning
}

// join adds the last change of a set to the batch with the same preceding changes. It returns the batch and the index
// of the change among those checked, or nil if the set must be sent by itself.
func (b *dryRunBatcher) join(set backend.ChangeSet, last int) (*batch, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.planning || !set.DryRun || set.FingerprintKey != nil || last < 0 {
		return nil, 0
	}
	i := slices.IndexFunc(b.openBatches, func(open *batch) bool {
		return len(open.preceding)+len(open.checked) < backend.MaxChanges &&
			reflect.DeepEqual(open.preceding, set.Changes[:last])
	})
	if i < 0 {
		i = len(b.openBatches)
		b.openBatches = append(b.openBatches,
			&batch{preceding: set.Changes[:last], openedAt: time.Now(), done: make(chan struct{})})
	}
	open := b.openBatches[i]
	open.checked, open.lastAddedAt = append(open.checked, set.Changes[last]), time.Now()
	return open, len(open.checked) - 1
}

// send waits until a batch is complete and sends it.
func (b *dryRunBatcher) send(ctx context.Context, complete *batch) {
	for !b.closeIfComplete(complete) {
		time.Sleep(pollInterval)
	}
	changes := slices.Concat(complete.preceding, complete.checked)
	complete.outcomes, complete.err = b.Service.Apply(ctx, backend.ChangeSet{Changes: changes, DryRun: true})
	close(complete.done)
}

// closeIfComplete removes a complete batch from the open ones, so that nothing is added to it any more.
func (b *dryRunBatcher) closeIfComplete(open *batch) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	nobodyElse := time.Since(open.lastAddedAt) >= pollInterval && b.operations.allBlocked()
	if !nobodyElse && b.operations.idleTime() < idleTimeout && time.Since(open.openedAt) < maxWait {
		return false
	}
	b.openBatches = slices.DeleteFunc(b.openBatches, func(o *batch) bool { return o == open })
	return true
}
