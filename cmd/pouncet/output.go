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

// output is standard output that remembers its first error. Whoever prints a
// table does not look at each line's error, but a listing that was cut off by a
// full disk must not pass for a whole one.
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

func encode(w io.Writer, v any) {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(v) // an error of w is w's to remember
	var unsupported *json.UnsupportedTypeError
	if errors.As(err, &unsupported) {
		panic(err) // a defect, not an outcome
	}
}

// printable keeps what others wrote from steering the terminal: a description
// may come from anybody who may write one.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
