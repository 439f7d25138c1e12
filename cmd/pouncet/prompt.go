// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// prompt asks for the value of a secret at the terminal, twice and hidden.
func (a *app) prompt(ctx context.Context, name string) (backend.Plaintext, error) {
	var none backend.Plaintext
	if err := backend.CheckName(backend.KindSecret, name); err != nil {
		return none, err // before the user types a value
	}
	secret := "secret " + backend.Quote(name)
	f, ok := a.in.(*os.File)
	if !ok || !isTerminal(a.in) {
		return none, &usageError{backend.Errorf(backend.CodeInvalid,
			"a value for %s is required, and there is no terminal to ask for it", secret).
			WithHint("use --stdin, --file or --generate").At("value")}
	}
	first, err := a.readHidden(ctx, f, "Value of "+secret+" (hidden): ")
	if err != nil {
		return none, err
	}
	second, err := a.readHidden(ctx, f, "Repeat the value: ")
	if err != nil {
		return none, err
	}
	if !bytes.Equal(first, second) {
		return none, backend.Errorf(backend.CodeInvalid, "the two values differ; nothing was changed").
			WithHint("run the command again").At("value")
	}
	if len(first) == 0 {
		return none, errValueRequired()
	}
	return backend.NewPlaintext(first), nil
}

// confirm asks at the terminal for the name of an environment that is about to be
// deleted with everything in it.
func (a *app) confirm(ctx context.Context, x backend.Object, purge bool) error {
	name, how := backend.Quote(x.Name), "deleted"
	if purge {
		how = "deleted permanently"
	}
	typed, _, err := a.answer(ctx,
		"Environment "+name+" will be "+how+", with everything in it. Type its name to confirm: ")
	if err != nil {
		return err
	}
	if typed != x.Name {
		return backend.Errorf(backend.CodeInvalid, "environment %s was not deleted: its name was not typed", name).
			WithHint("run the command again, and type the name")
	}
	return nil
}

// yes asks a question at the terminal that is answered with y or n. The end of the input is no.
func (a *app) yes(ctx context.Context, question string, preset bool) (bool, error) {
	choice := " [y/N] "
	if preset {
		choice = " [Y/n] "
	}
	text, ended, err := a.answer(ctx, question+choice)
	if err != nil || ended {
		return false, err
	}
	switch strings.ToLower(text) {
	case "":
		return preset, nil
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// Why a command needs --yes if there is no terminal to ask.
const (
	notFinal   = "" // it does not: the change can be undone, and a script decides
	isFinal    = "this cannot be undone"
	isForEvery = "this deletes everything in the environment"
)

// sure asks at the terminal before something is deleted or lost. Without a terminal, it refuses a final deletion and
// the deletion of a whole environment, unless the user added --yes.
func (a *app) sure(c *cobra.Command, question string, yes bool, consequence string) error {
	switch {
	case yes, !isTerminal(a.in) && consequence == notFinal:
		return nil
	case !isTerminal(a.in):
		return usage(c, "%s, and there is no terminal to ask", consequence).withHint("add --yes to do it")
	}
	confirmed, err := a.yes(c.Context(), question, false)
	if err == nil && !confirmed {
		err = backend.Errorf(backend.CodeInvalid, "nothing was changed: the question was not answered with y").
			WithHint("run the command again, and answer y, or add --yes")
	}
	return err
}

const yesUsage = "do not ask; without a terminal, needed for what cannot be undone or deletes a whole environment"

// answer asks a question at the terminal, and returns the answer without white space around it, or that the input ended
// without one. What comes after the end of the input or an interrupt begins on its own line.
func (a *app) answer(ctx context.Context, question string) (text string, ended bool, err error) {
	a.ask(question)
	type line struct {
		text  string
		ended bool
	}
	got, err := interruptible(ctx, func() (line, error) {
		text, ended, err := readLineOrEnd(a.in)
		return line{text, ended}, err
	})
	if err != nil || got.ended {
		a.noteText("")
	}
	return got.text, got.ended, err
}

// maxAnswer is the longest line that is read as an answer, in bytes.
const maxAnswer = 1024

// readLineOrEnd reads one line without white space around it, and reports whether the input ended without a line. It
// reads single bytes, because the next line may be the answer to another question.
func readLineOrEnd(r io.Reader) (text string, ended bool, err error) {
	var line []byte
	for key := make([]byte, 1); len(line) < maxAnswer; line = append(line, key[0]) {
		_, err := r.Read(key)
		if errors.Is(err, io.EOF) {
			ended = len(line) == 0
			break
		}
		if err == nil && key[0] == '\n' {
			break
		}
		if err != nil {
			return "", false, backend.Errorf(backend.CodeInvalid, "reading from the terminal: %w", err)
		}
	}
	return strings.TrimSpace(string(line)), ended, nil
}

// readHidden asks a question at a terminal and returns the answer, which the
// terminal does not show.
//
// It reads single keys. The terminal's own editing of lines, which
// term.ReadPassword uses, cuts a line at 4095 bytes without an error and does
// not report Ctrl-D.
func (a *app) readHidden(ctx context.Context, f *os.File, question string) ([]byte, error) {
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "asking the terminal: %w", err)
	}
	a.ask(question)
	text, err := interruptible(ctx, func() ([]byte, error) { return readLine(f) })
	_ = term.Restore(int(f.Fd()), before) // otherwise the shell would hide what the user types next
	a.noteText("")
	return text, err
}

// The keys with a meaning, as a terminal in raw mode sends them.
const (
	keyNUL       = 0x00 // on Linux also a Ctrl-D that was typed before the prompt
	keyCtrlC     = 0x03
	keyCtrlD     = 0x04
	keyBackspace = 0x08
	keyCtrlU     = 0x15
	keyDelete    = 0x7f
)

// readLine reads what is typed up to Enter or Ctrl-D. Backspace deletes the last
// character, and Ctrl-U all of them. A key that is no character, such as an
// arrow, makes the answer invalid, because its bytes would be part of a value
// that nobody sees.
func readLine(r io.Reader) ([]byte, error) {
	var line []byte
	noCharacter := false
	for key := make([]byte, 1); ; {
		_, err := r.Read(key)
		switch {
		case errors.Is(err, io.EOF), err == nil && (key[0] == keyCtrlD || key[0] == keyNUL):
			if len(line) == 0 {
				return nil, backend.Errorf(backend.CodeInvalid, "the input ended before a value; nothing was changed").
					WithHint("type the value, or use --stdin, --file or --generate").At("value")
			}
		case err != nil:
			return nil, backend.Errorf(backend.CodeInvalid, "reading from the terminal: %w", err)
		case key[0] == keyCtrlC:
			return nil, context.Canceled
		case key[0] == keyBackspace, key[0] == keyDelete:
			_, size := utf8.DecodeLastRune(line)
			line = line[:len(line)-size]
			continue
		case key[0] == keyCtrlU:
			line = line[:0]
			continue
		case key[0] != '\r' && key[0] != '\n':
			noCharacter = noCharacter || key[0] < ' ' && key[0] != '\t'
			line = append(line, key[0])
			if len(line) > maxInput {
				return nil, backend.Errorf(backend.CodeTooLarge, "the input has more than %d bytes", maxInput).At("value")
			}
			continue
		}
		if noCharacter {
			return nil, backend.Errorf(backend.CodeInvalid, "a key that is not a character was pressed; nothing was changed").
				WithHint("type the value again, or use --stdin or --file for a value with control characters").At("value")
		}
		return line, nil
	}
}
