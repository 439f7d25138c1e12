// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// output is standard output. It keeps its first error, so that the code that
// prints need not check every line. The program reports the error at its end, so
// a listing that a full disk cuts short is a failure.
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

// Everything that the program prints goes through the functions below, which escape the names and texts of others. Only
// values, rendered files and reports go to a stream directly. TestOutputIsPrintable checks this.

// println prints one line on standard output.
func (a *app) println(line string) { a.printText(backend.PrintableLine(line)) }

// printText prints a text of one or more lines on standard output.
func (a *app) printText(text string) { fmt.Fprintln(a.out, backend.Printable(text)) }

// printJSON prints JSON on standard output: the fields that --json names, or all.
func (a *app) printJSON(v any) {
	if a.fields != nil {
		var err error
		if v, err = chooseFields(v, a.fields); err != nil {
			a.jsonError = err
			return
		}
	}
	encode(a.out, v)
}

// printJSONLine prints JSON on standard output as it is, in one line.
func (a *app) printJSONLine(line string) {
	_, _ = a.out.Write(append(backend.PrintableJSON([]byte(line)), '\n'))
}

// notef prints one line on standard error.
func (a *app) notef(format string, args ...any) {
	a.noteText(backend.PrintableLine(fmt.Sprintf(format, args...)))
}

// noteText prints a text of one or more lines on standard error.
func (a *app) noteText(text string) { fmt.Fprintln(a.err, backend.Printable(text)) }

// ask prints a question at the terminal, without a newline.
func (a *app) ask(question string) { fmt.Fprint(a.err, backend.PrintableLine(question)) }

// encode writes v as JSON. The writer keeps its own error, as output does.
func encode(w io.Writer, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	var unsupported *json.UnsupportedTypeError
	if errors.As(err, &unsupported) {
		panic(err) // a defect in this program
	}
	_, _ = w.Write(backend.PrintableJSON(b.Bytes()))
}
