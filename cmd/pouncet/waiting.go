// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"time"
)

// working shows what a long call does, and for how long, on one line of a terminal, until the caller calls stop. It
// shows nothing for a short call, and nothing if standard error is not a terminal.
func (a *app) working(what string) (stop func()) {
	p := a.progress()
	return p.working(what)
}

func (p *progress) working(what string) (stop func()) {
	if p.to == nil {
		return func() {}
	}
	p.work(what)
	return p.whileWorking(what, time.NewTicker(progressEvery))
}

// during calls f, and shows what it does if that takes long: see working. f must not print.
func during[T any](a *app, what string, f func() (T, error)) (T, error) {
	defer a.working(what)()
	return f()
}

// whileWorking updates the line at each tick.
func (p *progress) whileWorking(what string, ticker *time.Ticker) (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ticker.C:
				p.work(what)
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
		<-stopped
		p.clear()
	}
}

// work shows one line of work that has lasted for some time.
func (p *progress) work(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if lasted := now.Sub(p.startedAt); lasted >= progressAfter {
		p.shownAt = now
		fmt.Fprintf(p.to, "\r%s: %d s\x1b[K", what, int(lasted.Seconds()))
	}
}
