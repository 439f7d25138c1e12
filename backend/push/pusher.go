// SPDX-License-Identifier: MPL-2.0

package push

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
)

// Log makes the checkpoints of an audit log.
type Log interface {
	// NextCheckpoint returns a checkpoint of a log that continues the one before and known, the heads of a checkpoint that
	// was kept elsewhere. ErrCorrupt says that it does not.
	NextCheckpoint(ctx context.Context, known []merkle.Head) (note []byte, err error)
	// OpenCheckpoint returns a checkpoint of this deployment.
	OpenCheckpoint(ctx context.Context, note []byte) (merkle.Checkpoint, error)
}

// Pusher sends checkpoints to a target at regular times.
type Pusher struct {
	log      Log
	target   Target
	interval time.Duration
	// Copy is a file with the last checkpoint that was sent, for a target that does not return it; "" for no copy. It is
	// set before Keep or Push.
	Copy string
	// Warn gets a text if the first checkpoint is compared with no earlier one. Nil drops it. It is set before Keep or
	// Push.
	Warn    func(text string)
	started bool // the last checkpoint of the target was compared
	problem atomic.Pointer[backend.Error]

	Pushed, Failed atomic.Int64
	At             atomic.Int64 // when a checkpoint was sent last, in seconds since 1970; 0 for never
}

// MinInterval is the shortest time between two checkpoints.
const MinInterval = time.Minute

// retryAfter is the longest time after which a failed push is repeated.
const retryAfter = 5 * time.Minute

// NewPusher returns a Pusher. Keep starts it.
func NewPusher(log Log, target Target, interval time.Duration) *Pusher {
	return &Pusher{log: log, target: target, interval: interval}
}

// Keep sends a checkpoint at once and then after every interval, until ctx ends. A failure is a Problem, and stops
// nothing else.
func (p *Pusher) Keep(ctx context.Context) {
	for {
		wait := p.interval
		if _, err := p.Push(ctx); err != nil {
			wait = min(wait, retryAfter)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// Push sends one checkpoint, and returns where it is.
func (p *Pusher) Push(ctx context.Context) (where string, err error) {
	where, err = p.push(ctx)
	switch {
	case err == nil:
		p.problem.Store(nil)
		p.Pushed.Add(1)
		p.At.Store(time.Now().Unix())
	case ctx.Err() == nil:
		p.Failed.Add(1)
		e := backend.AsError(err)
		p.problem.Store(backend.Errorf(e.Code, "no checkpoint of the audit log was sent to %s: %s", p.target, e.Message).
			WithHint("%s", e.Hint))
	}
	return where, err
}

func (p *Pusher) push(ctx context.Context) (where string, err error) {
	var known []merkle.Head
	if !p.started {
		note, err := p.latest(ctx)
		if err != nil {
			return "", err
		}
		if note != nil {
			c, err := p.log.OpenCheckpoint(ctx, note)
			if err != nil {
				return "", err
			}
			known = c.Heads
		}
	}
	note, err := p.log.NextCheckpoint(ctx, known)
	if err != nil {
		return "", err
	}
	c, err := p.log.OpenCheckpoint(ctx, note)
	if err != nil {
		return "", err
	}
	p.started = true
	where, err = p.target.Put(ctx, c.FileName(), note)
	if err == nil && p.Copy != "" {
		_, err = fileTarget{p.Copy}.Put(ctx, "", note)
	}
	return where, err
}

// latest returns the last checkpoint that was sent, as the target or the copy has it.
func (p *Pusher) latest(ctx context.Context) ([]byte, error) {
	note, err := p.target.Latest(ctx)
	if !errors.Is(err, errNotReturned) {
		return note, err
	}
	if p.Copy == "" {
		if p.Warn != nil {
			p.Warn(p.target.String() + " returns no checkpoints, so the first one is compared with no earlier one")
		}
		return nil, nil
	}
	return fileTarget{p.Copy}.Latest(ctx)
}

// Problem returns why the last checkpoint was not sent, or nil.
func (p *Pusher) Problem() error {
	if problem := p.problem.Load(); problem != nil {
		return problem
	}
	return nil
}
