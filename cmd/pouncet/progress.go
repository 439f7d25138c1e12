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

const (
	progressAfter = 2 * time.Second        // what is done sooner needs no word
	progressEvery = 200 * time.Millisecond // as often as an eye can follow
)

// progress tells at a terminal, and nowhere else, how many files of how many
// are done, on one line that is gone in the end. It is for several goroutines.
type progress struct {
	to  io.Writer // nil where nobody looks on
	now func() time.Time

	mu           sync.Mutex
	begun, shown time.Time
	stage        string
	done         int
}

func (a *app) progress() *progress {
	p := &progress{now: time.Now, begun: time.Now()}
	if isTerminal(a.err) {
		p.to = a.err
	}
	return p
}

// step tells that so many files are scanned, say, of so many.
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
	if done < p.done || now.Sub(p.begun) < progressAfter || now.Sub(p.shown) < progressEvery {
		return // steps of several goroutines need not come in order
	}
	p.done, p.shown = done, now
	fmt.Fprintf(p.to, "\r%d of %d files %s\x1b[K", done, files, stage)
}

// clear removes the line, before anything else is written.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.shown.IsZero() {
		fmt.Fprint(p.to, "\r\x1b[K")
		p.shown = time.Time{}
	}
}

// readAll reads files, and tells how far it is.
func (a *app) readAll(ctx context.Context, r review.Reader, files []string) ([]*review.Source, error) {
	p := a.progress()
	defer p.clear()
	r.Step = func(done, files int) { p.step("read", done, files) }
	return r.Read(ctx, files)
}
