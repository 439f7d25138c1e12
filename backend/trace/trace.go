// SPDX-License-Identifier: MPL-2.0

// Package trace carries the identity of a trace through a call, in the form of W3C Trace Context
// (https://www.w3.org/TR/trace-context/), and collects the spans of recorded traces. A span never holds a value, or the
// name of a secret, a project or a principal. Package telemetry sends spans to a collector.
package trace

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// Header is the header that carries a Context, in requests and in responses.
const Header = "Traceparent"

// Context identifies a span in a trace. The zero Context is not valid.
type Context struct {
	TraceID [16]byte
	SpanID  [8]byte
	Parent  [8]byte // zero without a parent
	Sampled bool    // whether the trace is recorded
}

// New begins a trace.
func New(sampled bool) Context {
	c := Context{Sampled: sampled}
	_, _ = rand.Read(c.TraceID[:]) // never fails
	_, _ = rand.Read(c.SpanID[:])
	return c
}

// Child returns a span of the same trace below c.
func (c Context) Child() Context {
	child := Context{TraceID: c.TraceID, Parent: c.SpanID, Sampled: c.Sampled}
	_, _ = rand.Read(child.SpanID[:])
	return child
}

// Parse returns the span that a header names, and whether the header is valid. Later versions of the header may have
// more fields.
func Parse(header string) (Context, bool) {
	fields := strings.Split(header, "-")
	if len(header) > 256 || len(fields) < 4 || fields[0] == "00" && len(fields) != 4 {
		return Context{}, false
	}
	var c Context
	var version, flags [1]byte
	if !decode(version[:], fields[0]) || version[0] == 0xff || !decode(c.TraceID[:], fields[1]) ||
		!decode(c.SpanID[:], fields[2]) || !decode(flags[:], fields[3]) {
		return Context{}, false
	}
	c.Sampled = flags[0]&1 == 1
	return c, c.TraceID != [16]byte{} && c.SpanID != [8]byte{}
}

// decode decodes lower-case hexadecimal digits that fill into.
func decode(into []byte, text string) bool {
	if len(text) != 2*len(into) || strings.ToLower(text) != text {
		return false
	}
	_, err := hex.Decode(into, []byte(text))
	return err == nil
}

// String returns the header.
func (c Context) String() string {
	flags := "-00"
	if c.Sampled {
		flags = "-01"
	}
	return "00-" + c.Trace() + "-" + hex.EncodeToString(c.SpanID[:]) + flags
}

// Trace returns the id of the trace, for a log.
func (c Context) Trace() string { return hex.EncodeToString(c.TraceID[:]) }

type key struct{}

// current is the span in the context of a call, and the receiver of further spans.
type current struct {
	Context
	to Recorder
}

// With returns a context of a call that belongs to a span, and whose other spans nobody records.
func With(ctx context.Context, c Context) context.Context { return Recording(ctx, c, nil) }

// From returns the span of a call, and whether it has one.
func From(ctx context.Context) (Context, bool) {
	c, ok := ctx.Value(key{}).(current)
	return c.Context, ok
}
