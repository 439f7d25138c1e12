// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func (a *app) editCommand(o objectCommand) *cobra.Command {
	var note string
	c := &cobra.Command{
		Use:   "edit NAME-OR-ID",
		Short: "Change the value of a secret in an editor",
		Long: wrap("Opens the value of a secret in the editor that VISUAL or EDITOR names, and writes what you save as "+
			"a new version. If you change nothing, nothing is written. If the value does not satisfy the type of the "+
			"secret, you can "+
			"edit it again. If somebody else has written a new value in the meantime, you can compare both, and edit "+
			"yours again.") + "\n\n" +
			wrap("The value is in a file while you edit it: in a folder that only you can read, in memory if the system has "+
				"such a folder, and removed at the end. If the command is killed, the file stays: except on Windows, your next "+
				"edit on this machine removes it. Some editors keep copies of the files that they edit: for vim, set "+
				"EDITOR='vim -nu NONE'. Opening the value is a reveal: it needs the role admin, the audit log records it, and a "+
				"restricted secret is refused."),
		Example: "  pouncet secret edit db --env dev\n  EDITOR=nano pouncet secret edit db --env dev --note 'new host'",
		Args:    arguments(1, 1, "one name or id"),
	}
	a.placeFlags(c)
	a.draftFlag(c)
	c.Flags().StringVar(&note, "note", "", "`text` that says why the value changes; it is kept with the version")
	mayBeEmpty(c, "note")
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		editor, err := a.editorCommand()
		if err != nil {
			return err
		}
		secret, err := a.findReference(ctx, s, o, args[0])
		if err != nil {
			return err
		}
		if err := a.checkNotStaged(ctx, s, secret); err != nil {
			return err
		}
		ref, err := backend.RevealRef(ctx, s, secret)
		if err != nil {
			return err
		}
		r, err := resolveOne(ctx, s, ref, secret.ID)
		if err != nil {
			return err
		}
		change := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: secret.ID, Expect: &r.Version,
			Note: flagValue(c, "note", note)}
		return a.edit(ctx, s, editor, secret, r, change)
	})
	return c
}

// checkNotStaged refuses to edit the present value into a draft that has another value already: nobody can read that
// one, and the edited one would replace it.
func (a *app) checkNotStaged(ctx context.Context, s backend.Service, secret backend.Object) error {
	if a.draft == "" {
		return nil
	}
	changes, err := backend.ListAll(ctx, s, backend.Query{Kind: backend.KindDraftChange, Project: secret.Project,
		Draft: a.draft})
	if errors.Is(err, backend.ErrNotFound) {
		return nil // the edit creates the draft
	}
	for _, o := range changes {
		if o.Staged.Object == secret.ID && slices.Contains(o.Staged.Changed, "value") {
			return backend.Errorf(backend.CodeConflict, "draft %s already has a value of secret %s, and the values of a draft "+
				"cannot be read", backend.Quote(a.draft), backend.Quote(secret.Name)).
				WithHint("replace it: pouncet secret set %s --stdin --draft %s; or leave it out first: pouncet draft drop %s %s",
					secret.ID, a.draft, a.draft, o.ID)
		}
	}
	return err
}

// editorCommand returns the command of the user's editor. Without a terminal, vi would print the value.
func (a *app) editorCommand() (string, error) {
	visual, editor := strings.TrimSpace(os.Getenv("VISUAL")), strings.TrimSpace(os.Getenv("EDITOR"))
	if editor = cmp.Or(visual, editor); editor != "" {
		return editor, nil
	}
	if !isTerminal(a.in) || !isTerminal(a.err) {
		return "", &usageError{backend.Errorf(backend.CodeInvalid, "there is no terminal for an editor").WithHint(
			"set VISUAL or EDITOR to a program that needs none, or write the value with: pouncet secret set --stdin")}
	}
	if _, err := exec.LookPath("vi"); err != nil {
		return "", backend.Errorf(backend.CodeInvalid, "no editor is set").WithHint("set VISUAL or EDITOR")
	}
	return "vi", nil
}

// edit lets the user change a value until it can be written, or until nothing is to be written.
func (a *app) edit(
	ctx context.Context, s backend.Service, editor string, secret backend.Object, r backend.Resolution,
	change backend.Change,
) error {
	// Ctrl-C in an editor means something to the editor. It must not end this process, which removes the file.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	// A closed terminal (SIGHUP) ends the editor and this process, but not before the file is removed.
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer stop()

	before := r.Value.Expose()
	if !utf8.Valid(before) {
		return backend.Errorf(backend.CodeInvalid, "the value of secret %s is not a text", backend.Quote(secret.Name)).
			WithHint("write a new value with: pouncet secret set %s --file FILE", secret.ID)
	}
	a.removeLeftFiles()
	file, err := newEditedFile(secret.Name, before, r.JSON)
	if err != nil {
		return err
	}
	defer file.remove()
	for {
		for len(interrupts) > 0 {
			<-interrupts
		}
		after, err := file.edit(ctx, a, editor)
		switch {
		case err != nil && wasInterrupted(ctx, interrupts): // it ended the editor
			return context.Canceled
		case err != nil:
			return err
		case sameValue(before, after, r.JSON):
			a.editUnchanged(secret, r)
			return nil
		case len(after) == 0:
			err = backend.Errorf(backend.CodeInvalid, "Secret value is required").
				WithHint("the file is empty: save a value in it, or delete the secret: pouncet secret delete %s", secret.ID)
		default:
			change.Value = backend.NewPlaintext(after)
			if err = a.tryChange(ctx, s, change); err == nil {
				err = a.apply(ctx, s, change)
			}
			if err == nil {
				return nil
			}
		}
		if errors.Is(err, backend.ErrConflict) {
			if r, err = a.afterConflict(ctx, s, secret, file, r, err); err != nil {
				return err
			}
			before, change.Expect = r.Value.Expose(), &r.Version
			continue
		}
		if again, askErr := a.askAgain(ctx, err); askErr != nil || !again {
			return errors.Join(err, askErr)
		}
	}
}

// afterConflict lets the user compare what they have edited with the value that somebody else has written in the
// meantime, and edit theirs again on top of that value. Without a terminal, and if the value is the same as before, it
// returns the conflict.
func (a *app) afterConflict(
	ctx context.Context, s backend.Service, secret backend.Object, file *editedFile, old backend.Resolution,
	conflict error,
) (backend.Resolution, error) {
	e := *backend.AsError(conflict)
	lost := e.WithHint("what you have edited was not written, and is not kept: edit the present value again")
	if !isTerminal(a.in) {
		return old, lost
	}
	ref, err := backend.RevealRef(ctx, s, secret)
	if err != nil {
		return old, errors.Join(conflict, err)
	}
	now, err := resolveOne(ctx, s, ref, secret.ID)
	if err != nil {
		return old, errors.Join(conflict, err)
	}
	if now.Version == old.Version {
		return old, conflict
	}
	path, err := file.putBeside(now)
	if err != nil {
		return old, err
	}
	a.noteText("pouncet: " + e.Message)
	a.noteText("  the present value is in " + path)
	again, err := a.askEditor(ctx, fmt.Sprintf("Edit your value again, to replace version %d?", now.Version))
	if err == nil && !again {
		err = lost
	}
	return now, err
}

// wasInterrupted reports whether a signal came while an editor ran that has failed. This process can get the signal a
// moment later than the editor, which ended because of it.
func wasInterrupted(ctx context.Context, interrupts <-chan os.Signal) bool {
	select {
	case <-interrupts:
		return true
	case <-ctx.Done():
		return true
	case <-time.After(time.Second / 2):
		return false
	}
}

// tryChange returns the rule that a change would break.
func (a *app) tryChange(ctx context.Context, s backend.Service, change backend.Change) error {
	out, err := s.Apply(ctx, backend.ChangeSet{DryRun: true, Draft: a.draft, Changes: []backend.Change{change}})
	if err == nil && out[0].Err != nil {
		err = out[0].Err
	}
	return err
}

// askAgain shows why a value cannot be written, and asks whether the user edits it again. Without a terminal, and
// after an error that another value would not change, the answer is no.
func (a *app) askAgain(ctx context.Context, err error) (bool, error) {
	e := backend.AsError(err)
	if !isTerminal(a.in) || e.Code != backend.CodeInvalid && e.Code != backend.CodeTooLarge {
		return false, nil
	}
	a.noteText("pouncet: " + e.Message)
	return a.askEditor(ctx, "Edit the value again?")
}

// askEditor asks a question between two runs of the editor. Here Ctrl-C ends the command: no editor gets it.
func (a *app) askEditor(ctx context.Context, question string) (bool, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	return a.yes(ctx, question, true)
}

func (a *app) editUnchanged(secret backend.Object, r backend.Resolution) {
	o := backend.Outcome{Action: backend.ActionUnchanged, Object: secret}
	o.Object.Version = r.Version
	if a.json {
		a.printJSON(map[string]any{"outcomes": []backend.Outcome{o}})
		return
	}
	a.println(outcomeText(o))
}

// sameValue reports whether two values are equal: of JSON, without its white space.
func sameValue(x, y []byte, isJSON bool) bool {
	if bytes.Equal(x, y) {
		return true
	}
	var a, b bytes.Buffer
	return isJSON && json.Compact(&a, x) == nil && json.Compact(&b, y) == nil && bytes.Equal(a.Bytes(), b.Bytes())
}

// fileName returns a name for a file that shows which secret it has.
func fileName(secret string) string {
	name := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, secret)
	return strings.TrimLeft(name[:min(len(name), 64)], ".-")
}

// edit runs the editor and returns the value in the file. Most editors end a file with a newline, which is removed
// unless the value had one before.
func (f *editedFile) edit(ctx context.Context, a *app, editor string) ([]byte, error) {
	var c *exec.Cmd
	if runtime.GOOS == "windows" {
		words := strings.Fields(editor)
		c = exec.CommandContext(ctx, words[0], append(words[1:], f.path)...)
	} else {
		// As git does, so that EDITOR can have arguments and quotes.
		c = exec.CommandContext(ctx, "sh", "-c", editor+` "$@"`, editor, f.path)
	}
	c.Stdin, c.Stdout, c.Stderr = a.in, a.err, a.err
	if err := c.Run(); err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the editor failed: %w; nothing was changed", err).
			WithHint("check VISUAL and EDITOR")
	}
	text, err := os.ReadFile(f.path)
	switch {
	case err != nil:
		return nil, backend.Errorf(backend.CodeInvalid, "reading what was edited: %w", err)
	case len(text) > maxInput:
		return nil, backend.Errorf(backend.CodeTooLarge, "the input has more than %d bytes", maxInput).At("value")
	}
	if f.trim {
		text = bytes.TrimSuffix(text, []byte("\n"))
	}
	return text, nil
}
