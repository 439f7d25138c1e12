// SPDX-License-Identifier: MPL-2.0

package browser

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// traced is an event of a trace of the browser.
type traced struct {
	Name string
	PID  int
	TID  int
	Tdur float64 // the time of the processor, in microseconds
	Args struct{ Name string }
}

// longestTask returns what the longest task of the pages takes of the processor while do runs, in milliseconds. Other
// programs make a task longer on the clock. They change this time less.
func (p *person) longestTask(do func()) float64 {
	p.Helper()
	ctx, stop := context.WithCancel(p.ctx)
	defer stop()
	var mu sync.Mutex
	var events []traced
	complete := make(chan struct{})
	p.must(chromedp.Listen(ctx, func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch ev := ev.(type) {
		case *tracing.EventDataCollected:
			for _, raw := range ev.Value {
				var e traced
				if json.Unmarshal(raw, &e) == nil {
					events = append(events, e)
				}
			}
		case *tracing.EventTracingComplete:
			close(complete)
		}
	}))
	_, err := chromedp.Call(p.ctx, tracing.Start, tracing.StartParams{TraceConfig: &tracing.TraceConfig{
		IncludedCategories: []string{"toplevel"}, ExcludedCategories: []string{"*"}}})
	p.must(err)
	do()
	_, err = chromedp.Call(p.ctx, tracing.End, cdp.Empty{})
	p.must(err)
	<-complete
	mu.Lock()
	defer mu.Unlock()
	return longest(p, events)
}

// longest returns the time of the longest task of a thread that draws pages and runs their scripts.
func longest(p *person, events []traced) float64 {
	p.Helper()
	type thread struct{ pid, tid int }
	pages := map[thread]bool{}
	for _, e := range events {
		if e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
			pages[thread{e.PID, e.TID}] = true
		}
	}
	tasks, most := 0, 0.0
	for _, e := range events {
		if e.Name == "ThreadControllerImpl::RunTask" && pages[thread{e.PID, e.TID}] {
			tasks++
			most = max(most, e.Tdur/1000)
		}
	}
	if tasks == 0 {
		p.Fatalf("the trace has no task of a page among %d events", len(events))
	}
	return most
}
