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

// How long questions are gathered: for a moment, once as many wait as Terraform
// was seen to work on at a time; otherwise until there is a lull, and in any
// case no longer than patience.
const (
	pollInterval = 3 * time.Millisecond
	idleTimeout  = 250 * time.Millisecond
	maxWait      = 2 * time.Second
)

// gather is a Service that puts dry runs which arrive together into one.
// Terraform plans several resources at a time, and where the snapshot
// cannot tell, each of them asks.
//
// It does so once something was read, which is what a plan of things that are
// there begins with; an apply asks about single resources, and waits for nobody.
type dryRunBatcher struct {
	backend.Service
	operations *operationTracker

	mu          sync.Mutex
	planning    bool
	openBatches []*batch // being gathered
}

// batch is questions that have the same changes before them.
type batch struct {
	preceding   []backend.Change
	checked     []backend.Change
	openedAt    time.Time // when the first one came
	lastAddedAt time.Time // and when the last
	done        chan struct{}
	outcomes    []backend.Outcome
	err         error
}

func (g *dryRunBatcher) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	if q.ID != "" {
		g.mu.Lock()
		g.planning = true
		g.mu.Unlock()
	}
	return g.Service.Query(ctx, q)
}

func (g *dryRunBatcher) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if !set.DryRun {
		g.mu.Lock()
		g.planning = false
		g.mu.Unlock()
	}
	n := len(set.Changes) - 1
	b, at := g.join(set, n)
	if b == nil {
		return g.Service.Apply(ctx, set)
	}
	defer g.operations.beginCheck()()
	if at == 0 {
		go g.send(context.WithoutCancel(ctx), b)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b.done:
	}
	if b.err != nil {
		return nil, b.err
	}
	return append(slices.Clone(b.outcomes[:n]), b.outcomes[n+at]), nil
}

// join adds the last change of a set to the batch with the same changes before
// it, and tells which it is there; nil if the set is to be asked by itself.
func (g *dryRunBatcher) join(set backend.ChangeSet, n int) (*batch, int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.planning || !set.DryRun || set.FingerprintKey != nil || n < 0 {
		return nil, 0
	}
	i := slices.IndexFunc(g.openBatches, func(b *batch) bool {
		return len(b.preceding)+len(b.checked) < backend.MaxChanges && reflect.DeepEqual(b.preceding, set.Changes[:n])
	})
	if i < 0 {
		i = len(g.openBatches)
		g.openBatches = append(g.openBatches, &batch{preceding: set.Changes[:n], openedAt: time.Now(), done: make(chan struct{})})
	}
	b := g.openBatches[i]
	b.checked, b.lastAddedAt = append(b.checked, set.Changes[n]), time.Now()
	return b, len(b.checked) - 1
}

// ask waits until a batch is complete, and asks for all in it.
func (g *dryRunBatcher) send(ctx context.Context, b *batch) {
	for {
		time.Sleep(pollInterval)
		g.mu.Lock()
		full := time.Since(b.lastAddedAt) >= pollInterval && g.operations.allBlocked()
		if full || g.operations.idleTime() >= idleTimeout || time.Since(b.openedAt) >= maxWait {
			g.openBatches = slices.DeleteFunc(g.openBatches, func(o *batch) bool { return o == b })
			g.mu.Unlock()
			break
		}
		g.mu.Unlock()
	}
	b.outcomes, b.err = g.Service.Apply(ctx, backend.ChangeSet{Changes: slices.Concat(b.preceding, b.checked), DryRun: true})
	close(b.done)
}
