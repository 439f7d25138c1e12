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
	moment   = 3 * time.Millisecond
	lull     = 250 * time.Millisecond
	patience = 2 * time.Second
)

// gather is a Service that puts dry runs which arrive together into one.
// Terraform plans several resources at a time, and where the snapshot
// cannot tell, each of them asks.
//
// It does so once something was read, which is what a plan of things that are
// there begins with; an apply asks about single resources, and waits for nobody.
type gather struct {
	backend.Service
	activity *activity

	mu    sync.Mutex
	reads bool
	open  []*batch // being gathered
}

// batch is questions that have the same changes before them.
type batch struct {
	before  []backend.Change
	asked   []backend.Change
	first   time.Time // when the first one came
	arrival time.Time // and when the last
	done    chan struct{}
	out     []backend.Outcome
	err     error
}

func (g *gather) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	if q.ID != "" {
		g.mu.Lock()
		g.reads = true
		g.mu.Unlock()
	}
	return g.Service.Query(ctx, q)
}

func (g *gather) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if !set.DryRun {
		g.mu.Lock()
		g.reads = false
		g.mu.Unlock()
	}
	n := len(set.Changes) - 1
	b, at := g.join(set, n)
	if b == nil {
		return g.Service.Apply(ctx, set)
	}
	defer g.activity.asks()()
	if at == 0 {
		go g.ask(context.WithoutCancel(ctx), b)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b.done:
	}
	if b.err != nil {
		return nil, b.err
	}
	return append(slices.Clone(b.out[:n]), b.out[n+at]), nil
}

// join adds the last change of a set to the batch with the same changes before
// it, and tells which it is there; nil if the set is to be asked by itself.
func (g *gather) join(set backend.ChangeSet, n int) (*batch, int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.reads || !set.DryRun || set.FingerprintKey != nil || n < 0 {
		return nil, 0
	}
	i := slices.IndexFunc(g.open, func(b *batch) bool {
		return len(b.before)+len(b.asked) < backend.MaxChanges && reflect.DeepEqual(b.before, set.Changes[:n])
	})
	if i < 0 {
		i = len(g.open)
		g.open = append(g.open, &batch{before: set.Changes[:n], first: time.Now(), done: make(chan struct{})})
	}
	b := g.open[i]
	b.asked, b.arrival = append(b.asked, set.Changes[n]), time.Now()
	return b, len(b.asked) - 1
}

// ask waits until a batch is complete, and asks for all in it.
func (g *gather) ask(ctx context.Context, b *batch) {
	for {
		time.Sleep(moment)
		g.mu.Lock()
		full := time.Since(b.arrival) >= moment && g.activity.allWait()
		if full || g.activity.idle() >= lull || time.Since(b.first) >= patience {
			g.open = slices.DeleteFunc(g.open, func(o *batch) bool { return o == b })
			g.mu.Unlock()
			break
		}
		g.mu.Unlock()
	}
	b.out, b.err = g.Service.Apply(ctx, backend.ChangeSet{Changes: slices.Concat(b.before, b.asked), DryRun: true})
	close(b.done)
}
