// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// maxInput is the most that is read as a value, in bytes: enough for the
// backend to say what its limit is, and no more.
const maxInput = 1 << 20

// source is where a value comes from.
type source struct {
	stdin    bool
	trim     bool
	file     string
	generate bool
	length   int
	alphabet string
}

func (s *source) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&s.stdin, "stdin", false, "read the value from standard input, every byte of it")
	f.BoolVar(&s.trim, "trim-newline", false, "leave out one newline at the end of the input")
	f.StringVar(&s.file, "file", "", "read the value from this file, every byte of it")
	f.BoolVar(&s.generate, "generate", false, "let the backend make a random value that nobody has seen")
	f.IntVar(&s.length, "length", 0, "characters of a generated value (8 to 1024; default 32)")
	f.StringVar(&s.alphabet, "alphabet", "", "characters to draw a generated value from (default letters and digits)")
}

// given says how many sources the flags name.
func (s *source) given() int {
	n := 0
	for _, on := range []bool{s.stdin, s.file != "", s.generate} {
		if on {
			n++
		}
	}
	return n
}

// read puts the value, or the wish to generate one, into a change.
func (s *source) read(a *app, c *cobra.Command, into *backend.Change) error {
	switch {
	case s.given() > 1:
		return usage(c, "--stdin, --file and --generate exclude one another")
	case (s.length != 0 || s.alphabet != "") && !s.generate:
		return usage(c, "--length and --alphabet go with --generate")
	case s.trim && !s.stdin && s.file == "":
		return usage(c, "--trim-newline goes with --stdin or --file")
	case s.generate:
		into.Generate = &backend.Generate{Length: s.length, Alphabet: s.alphabet}
		return nil
	case s.file != "":
		f, err := os.Open(s.file)
		if err != nil {
			return backend.Errorf(backend.CodeInvalid, "reading the value: %w", err)
		}
		defer f.Close()
		return s.readAll(c.Context(), a, f, into)
	case s.stdin:
		return s.readAll(c.Context(), a, a.in, into)
	}
	return nil
}

func (s *source) readAll(ctx context.Context, a *app, r io.Reader, into *backend.Change) error {
	value, err := interruptible(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(r, maxInput+1)) })
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return backend.Errorf(backend.CodeInvalid, "reading the value: %w", err)
	}
	if len(value) > maxInput {
		return backend.Errorf(backend.CodeTooLarge, "the input has more than %d bytes", maxInput).At("value")
	}
	if s.trim {
		value = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
	} else if bytes.HasSuffix(value, []byte("\n")) && bytes.Count(value, []byte("\n")) == 1 {
		fmt.Fprintln(a.err, "pouncet: the value ends with a newline, which is kept; leave it out with --trim-newline")
	}
	if len(value) == 0 {
		return backend.Errorf(backend.CodeInvalid, "Secret value is required").WithHint("the input is empty").At("value")
	}
	into.Value = backend.NewPlaintext(value)
	return nil
}

// interruptible lets a read, which knows no context, be given up. The read goes
// on behind it, for as long as the process does.
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
		var none T
		return none, ctx.Err()
	}
}

// prompt asks for a secret's value at the terminal, twice and without showing it.
func (a *app) prompt(ctx context.Context, name string) (backend.Plaintext, error) {
	if err := backend.CheckName(backend.KindSecret, name); err != nil {
		return backend.Plaintext{}, err // before anybody types
	}
	what := "secret " + backend.Quote(name)
	f, ok := a.in.(*os.File)
	if !ok || !isTerminal(a.in) {
		return backend.Plaintext{}, backend.Errorf(backend.CodeInvalid, "%s needs a value, and there is no terminal to ask for it", what).
			WithHint("use --stdin, --file or --generate").At("value")
	}
	before, err := term.GetState(int(f.Fd()))
	if err != nil {
		return backend.Plaintext{}, backend.Errorf(backend.CodeInvalid, "asking the terminal: %w", err)
	}
	ask := func(question string) ([]byte, error) {
		fmt.Fprint(a.err, question)
		text, err := interruptible(ctx, func() ([]byte, error) { return term.ReadPassword(int(f.Fd())) })
		fmt.Fprintln(a.err)
		switch {
		case ctx.Err() != nil:
			_ = term.Restore(int(f.Fd()), before) // else what is typed next stays hidden
			return nil, ctx.Err()
		case err != nil:
			return nil, backend.Errorf(backend.CodeInvalid, "reading from the terminal: %w", err)
		}
		return text, nil
	}
	first, err := ask("Value of " + what + " (not shown): ")
	if err != nil {
		return backend.Plaintext{}, err
	}
	second, err := ask("Once more: ")
	if err != nil {
		return backend.Plaintext{}, err
	}
	if !bytes.Equal(first, second) {
		return backend.Plaintext{}, backend.Errorf(backend.CodeInvalid, "the two values differ; nothing was changed").At("value")
	}
	if len(first) == 0 {
		return backend.Plaintext{}, backend.Errorf(backend.CodeInvalid, "Secret value is required").WithHint("nothing was typed").At("value")
	}
	return backend.NewPlaintext(first), nil
}
