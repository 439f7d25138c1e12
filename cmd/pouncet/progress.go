// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/review"
)

// progressAfter is how long work lasts before it shows its progress. Tests replace it.
var progressAfter = 2 * time.Second

const progressEvery = 200 * time.Millisecond // more frequent updates flicker

// progress shows how many files are done, on one line of a terminal that it
// removes at the end. It shows nothing if standard error is not a terminal. Several
// goroutines may use it.
type progress struct {
	to  io.Writer // nil without a terminal
	now func() time.Time

	mu        sync.Mutex
	startedAt time.Time
	shownAt   time.Time // zero while the line is not shown
	stage     string
	done      int
}

func (a *app) progress() *progress {
	p := &progress{now: time.Now, startedAt: time.Now()}
	if isTerminal(a.err) {
		p.to = a.err
	}
	return p
}

// step shows that a stage, such as "scanned", has done some of its files.
func (p *progress) step(stage string, done, files int) {
	if p.to == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if stage != p.stage {
		p.stage, p.done = stage, 0
	}
	now := p.now()
	if done < p.done || now.Sub(p.startedAt) < progressAfter || now.Sub(p.shownAt) < progressEvery {
		return // steps from several goroutines can come out of order
	}
	p.done, p.shownAt = done, now
	fmt.Fprintf(p.to, "\r%d of %d files %s\x1b[K", done, files, stage)
}

// clear removes the line. Call it before you write anything else.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.shownAt.IsZero() {
		fmt.Fprint(p.to, "\r\x1b[K")
		p.shownAt = time.Time{}
	}
}

// readAll reads files and shows the progress.
func (a *app) readAll(ctx context.Context, r review.Reader, files review.Files) ([]*review.Source, error) {
	p := a.progress()
	defer p.clear()
	r.Step = func(done, files int) { p.step("read", done, files) }
	return r.Read(ctx, files)
}
