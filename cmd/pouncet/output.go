// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// output is standard output. It keeps its first error, so that the code that
// prints need not check every line: run reports the error at the end, and a
// listing that a full disk cut short ends with a failure.
type output struct {
	to  io.Writer
	err error
}

func (o *output) Write(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.to.Write(b)
	o.err = err
	return n, err
}

func (o *output) failure() error {
	if o.err == nil {
		return nil
	}
	return backend.Errorf(backend.CodeUnavailable, "writing to standard output: %w", o.err)
}

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

func (a *app) println(args ...any) { fmt.Fprintln(a.out, args...) }

func (a *app) printJSON(v any) { encode(a.out, v) }

// encode writes v as JSON. The writer keeps its own error, as output does.
func encode(w io.Writer, v any) {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	var unsupported *json.UnsupportedTypeError
	if errors.As(err, &unsupported) {
		panic(err) // a defect in this program
	}
}

// printable replaces control characters, so that a text from another person, such as a description, cannot control the
// terminal of its reader.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
