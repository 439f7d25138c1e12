// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/readfile"
)

// maxInput is the largest input that is read as a value, in bytes. It is above
// the backend's limit, so that the backend reports its limit and the size.
const maxInput = 1 << 20

// valueFlags are the flags that say where a secret value comes from.
type valueFlags struct {
	stdin    bool
	trim     bool
	file     string
	generate bool
	length   int
	alphabet string
}

func (v *valueFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&v.stdin, "stdin", false, "read the value from standard input, all bytes of it")
	f.BoolVar(&v.trim, "trim-newline", false, "remove one newline from the end of the input")
	f.StringVar(&v.file, "file", "", "read the value from this `file`, all bytes of it")
	f.BoolVar(&v.generate, "generate", false, "let the backend generate a random value that nobody sees, or the "+
		"fields that the schema of the type marks")
	f.IntVar(&v.length, "length", 0, "`number` of characters of a generated value, 8 to 1024 "+
		"(default 32, or the nearest that the type allows)")
	f.StringVar(&v.alphabet, "alphabet", "", "`characters` of a generated value (default letters and digits)")
}

// sources returns how many inputs the flags name. The backend may generate some fields of the value from an input.
func (v *valueFlags) sources() int {
	n := 0
	for _, given := range []bool{v.stdin, v.file != ""} {
		if given {
			n++
		}
	}
	return n
}

// read sets the value of a change, or asks the backend to generate one.
func (v *valueFlags) read(a *app, c *cobra.Command, into *backend.Change) error {
	switch {
	case v.sources() > 1:
		return exclusive(c, "--stdin and --file")
	case c.Flags().Changed("length") && (v.length < backend.MinGeneratedLength || v.length > backend.MaxGeneratedLength):
		return usage(c, "--length is %d; it must be from %d to %d", v.length, backend.MinGeneratedLength,
			backend.MaxGeneratedLength).withHint("leave it out for the default length")
	case (v.length != 0 || v.alphabet != "") && !v.generate:
		return usage(c, "--length and --alphabet require --generate")
	case v.trim && !v.stdin && v.file == "":
		return usage(c, "--trim-newline requires --stdin or --file")
	}
	if v.alphabet != "" {
		if err := backend.CheckAlphabet(v.alphabet); err != nil {
			return &usageError{err}
		}
	}
	if v.generate {
		into.Generate = &backend.Generate{Length: v.length, Alphabet: v.alphabet}
	}
	switch {
	case v.file != "":
		f, err := interruptible(c.Context(), func() (*os.File, error) { return os.Open(v.file) })
		switch {
		case c.Context().Err() != nil:
			return c.Context().Err()
		case err != nil:
			return backend.Errorf(backend.CodeInvalid, "reading the value: %w", err)
		}
		defer f.Close()
		return v.readAll(c.Context(), a, f, into)
	case v.stdin:
		return v.readAll(c.Context(), a, a.in, into)
	}
	return nil
}

func (v *valueFlags) readAll(ctx context.Context, a *app, r io.Reader, into *backend.Change) error {
	value, err := a.readValue(ctx, r, v.trim)
	switch {
	case err != nil:
		return err
	case len(value) == 0:
		return errValueRequired()
	}
	into.Value = backend.NewPlaintext(value)
	return nil
}

// readValue reads all bytes of r, without the newline at the end if trim is set.
func (a *app) readValue(ctx context.Context, r io.Reader, trim bool) ([]byte, error) {
	value, err := interruptible(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(r, maxInput+1)) })
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, backend.Errorf(backend.CodeInvalid, "reading the value: %w", err)
	case len(value) > maxInput:
		return nil, backend.Errorf(backend.CodeTooLarge, "the input has more than %d bytes", maxInput).At("value")
	}
	if !utf8.Valid(value) {
		if trim {
			return nil, backend.Errorf(backend.CodeInvalid, "the input is binary (not UTF-8), so it has no newline to remove").
				WithHint("leave out --trim-newline").At("value")
		}
		return value, nil
	}
	if trim {
		value = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
	} else if bytes.HasSuffix(value, []byte("\n")) && bytes.Count(value, []byte("\n")) == 1 {
		a.noteText("pouncet: the value ends with a newline, which is kept; use --trim-newline to remove it")
	}
	return value, nil
}

func errValueRequired() error {
	return backend.Errorf(backend.CodeInvalid, "Secret value is required").
		WithHint("the input is empty: give a value with --stdin or --file, or use --generate").At("value")
}

// interruptible calls read, which takes no context, and returns early if ctx
// ends. The call then continues in the background until the process exits.
func interruptible[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// maxNamedFile is the largest file that readNamed reads, in bytes. The plan of a large configuration is the largest.
const maxNamedFile = 512 << 20

// readNamed reads a file that a flag names, such as a manifest. It can be a pipe.
func readNamed(ctx context.Context, what, path string) ([]byte, error) {
	text, err := interruptible(ctx, func() ([]byte, error) { return readfile.Input(path, maxNamedFile) })
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, backend.Errorf(backend.CodeInvalid, "reading the %s: %w", what, err)
	}
	return text, nil
}
