// SPDX-License-Identifier: MPL-2.0

package trace

import (
	"context"
	"errors"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Kind says what a span stands for. OpenTelemetry defines the numbers.
type Kind int

// The kinds.
const (
	Internal Kind = 1
	Server   Kind = 2
	Client   Kind = 3 // a call of another system
)

// Span is a part of a call that has ended. Its name, and the names of its attributes, come from the program. No text
// in it comes from a caller.
type Span struct {
	Context
	Name       string
	Kind       Kind
	Start, End time.Time
	Attributes []Attribute
	ErrorType  string // the code of an error; "" if there was none
	Failed     bool   // the error is one of this program or of a system that it calls, and not of its caller
}

// Attribute is a property of a span: a text of the program, or a number.
type Attribute struct {
	Name   string
	Text   string
	Number int64 // if Text is empty
}

// Recorder takes the spans of sampled traces. It is called concurrently and must not block.
type Recorder interface{ Record(s Span) }

// Recording returns a context of a call that belongs to a span, with the recorder of the spans below it. A nil recorder
// records nothing.
func Recording(ctx context.Context, c Context, to Recorder) context.Context {
	return context.WithValue(ctx, key{}, current{c, to})
}

// Running is a span that has not ended. A nil Running is not recorded.
type Running struct {
	span Span
	to   Recorder
}

// Start begins a span below the span of ctx, and returns a context for what happens in it. The span is nil if the
// trace is not recorded, and this costs a lookup in ctx.
func Start(ctx context.Context, name string, kind Kind) (context.Context, *Running) {
	above, ok := ctx.Value(key{}).(current)
	if !ok || above.to == nil || !above.Sampled {
		return ctx, nil
	}
	r := &Running{Span{Context: above.Child(), Name: name, Kind: kind, Start: time.Now()}, above.to}
	return Recording(ctx, r.span.Context, above.to), r
}

// Count adds a number.
func (r *Running) Count(name string, n int) {
	if r != nil {
		r.span.Attributes = append(r.span.Attributes, Attribute{Name: name, Number: int64(n)})
	}
}

// End ends the span and records it. Only the code of err is recorded.
func (r *Running) End(err error) {
	if r == nil {
		return
	}
	r.span.End = time.Now()
	r.span.ErrorType, r.span.Failed = Outcome(err)
	r.to.Record(r.span)
}

// Outcome returns the code of an error, and whether it is a failure and not a refusal of what the caller asks for.
func Outcome(err error) (errorType string, failed bool) {
	switch {
	case err == nil:
		return "", false
	case errors.Is(err, context.Canceled):
		return "canceled", false
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout", true
	}
	code := backend.AsError(err).Code
	switch code {
	case backend.CodeUnavailable, backend.CodeKeyUnusable, backend.CodeStorageFull, backend.CodeCorrupt,
		backend.CodeInternal:
		return string(code), true
	}
	return string(code), false
}
