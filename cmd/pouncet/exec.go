// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/cmd/mask"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// The exit codes of a command that did not run, as shells have them.
const (
	exitNotStarted = 126
	exitNoCommand  = 127
)

const runHelp = `Resolves the references in environment variables and in files of variables, in
one request, and runs a command with the values. No value is written to disk.

The output of the command is masked: a value of 4 bytes or more becomes ` + mask.Text + `.
So does a line or a JSON field of it, and its form in JSON, a URL, base64,
hexadecimal or quotes. Any other form is shown, such as an encrypted or
shortened one. --no-mask passes the output through, for a program that needs a
terminal.

A file of variables is a YAML or JSON mapping of names to scalars. A file whose
name ends with .env has lines NAME=value, which Pouncet parses as Docker Compose
does. A variable that already exists is an error; --override replaces it.

run passes signals to the command, each of them once, and ends when the command
does, with its exit code: 128 plus the number of the signal that ended it, 126 if
it cannot be started, 127 if it does not exist. The command does not get
POUNCET_TOKEN without --keep-token.`

func (a *app) runCommand() *cobra.Command {
	var files []string
	var noMask, keepToken bool
	var vars variables
	c := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command with secrets in its environment",
		Long:  runHelp,
		Example: `  DB_PASSWORD="{{ get_secret_value('db_password') }}" pouncet run --env prod -- ./load
  pouncet run --env prod --file prod.env -- docker compose up`,
		Args:        arguments(1, -1, "a command"),
		Annotations: map[string]string{annotationForeign: ""},
	}
	a.resolveFlags(c)
	c.Flags().StringArrayVar(&files, "file", nil, "`file` of variables; repeat for more files")
	c.Flags().BoolVar(&vars.override, "override", false, "let files replace variables that already exist")
	c.Flags().BoolVar(&noMask, "no-mask", false, "do not mask the output of the command")
	c.Flags().BoolVar(&keepToken, "keep-token", false, "pass POUNCET_TOKEN to the command")
	c.Flags().SetInterspersed(false)
	c.RunE = func(c *cobra.Command, args []string) error {
		o := interpolate.Options{
			Project: a.projectName(), Environment: a.environmentName(), Scope: a.scope,
			LookupEnv: os.LookupEnv, Warn: a.warn,
		}
		if err := checkOneEnvironment(c, o.Environment); err != nil {
			return err
		}
		recorder := &secretRecorder{app: a}
		o.Filled = recorder.filled
		vars.inherit(os.Environ(), keepToken)
		for _, f := range files {
			if err := vars.read(c.Context(), f); err != nil {
				return err
			}
		}
		environment, err := vars.resolve(c.Context(), recorder, o)
		if err != nil {
			return notRunError{markAllMissing(err)}
		}
		if noMask {
			return a.execute(c.Context(), args, environment, nil)
		}
		if token, ok := os.LookupEnv(settingToken); ok && keepToken {
			recorder.values = append(recorder.values, token)
		}
		for _, p := range recorder.tooShort() {
			a.warn(vars.withoutPosition(p))
		}
		return a.execute(c.Context(), args, environment, recorder.values)
	}
	return c
}

// secretRecorder keeps the secrets that it resolves, and the texts that they become in variables, so that they can be
// masked. It opens the backend only if there is a reference to resolve.
type secretRecorder struct {
	app *app

	mu     sync.Mutex
	values []string
	short  []interpolate.Problem
}

// Resolve implements interpolate.Resolver.
func (r *secretRecorder) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	b, err := r.app.connect(ctx)
	if err != nil {
		return nil, err
	}
	out, err := b.Resolve(ctx, refs)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range out {
		if x.Secret {
			r.values = append(r.values, string(x.Value.Expose()))
		}
	}
	return out, errors.Join(err, b.Close())
}

// filled is the function for interpolate.Options.Filled. The text around a secret is not masked, unless the secret is
// too short to be masked alone.
func (r *secretRecorder) filled(f interpolate.Filled) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values = append(r.values, f.Secrets...)
	if slices.ContainsFunc(f.Secrets, mask.TooShort) {
		r.values = append(r.values, f.Value)
		r.short = append(r.short, interpolate.Problem{Pos: f.Pos, Expression: f.Expression, Err: backend.Errorf(
			backend.CodeInvalid, "the value, or a string in it, is shorter than %d bytes and is not masked", mask.Least)})
	}
}

// tooShort returns a warning for each scalar with a secret that is too short to be masked, in the order of the files.
func (r *secretRecorder) tooShort() []interpolate.Problem {
	slices.SortFunc(r.short, func(a, b interpolate.Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return slices.CompactFunc(r.short, func(a, b interpolate.Problem) bool { return a.Pos == b.Pos })
}

// childError ends this program with the exit code of the command that it ran.
// The command has reported its failure itself.
type childError struct{ code int }

func (e childError) Error() string { return fmt.Sprintf("the command ended with exit code %d", e.code) }

// notRunError is the error of run for which it did not run the command.
type notRunError struct{ error }

func (e notRunError) Unwrap() error { return e.error }

// execute runs a command, passes signals to it, and masks secrets in its output.
func (a *app) execute(ctx context.Context, args, environment, secrets []string) error {
	path, code, reason := findCommand(args[0])
	if code != 0 {
		fmt.Fprintf(a.err, "pouncet: command %s %s\n", backend.Quote(args[0]), reason)
		return childError{code}
	}
	cmd := exec.Command(path, args[1:]...) //nolint:noctx // the command gets the signals; nothing kills it
	cmd.Args[0], cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = args[0], environment, a.in, a.out.to, a.err
	finish := func() error { return nil }
	if len(secrets) > 0 {
		if n := mask.Size(secrets); n > mask.MaxSize {
			return backend.Errorf(backend.CodeTooLarge, "the secrets have %d bytes; at most %d bytes can be masked",
				n, mask.MaxSize).WithHint("give the command fewer secrets, or pass --no-mask")
		}
		set := mask.New(secrets)
		var err error
		if finish, err = maskOutput(cmd, set.Writer(a.out.to), set.Writer(a.err)); err != nil {
			return backend.Errorf(backend.CodeUnavailable, "making a pipe for the output of the command: %w", err)
		}
	}
	signals := make(chan os.Signal, 16)
	if passed := notIgnored(passedOn...); len(passed) > 0 {
		signal.Notify(signals, passed...)
		defer signal.Stop(signals)
	}
	if ctx.Err() != nil {
		return ctx.Err() // a signal from now on is for the command
	}
	defer bindChildren()()
	witness, before := startWitness(signals)
	err := cmd.Start()
	came := signalsBefore{witness: before, start: len(signals)}
	if err != nil {
		witness.end()
		_ = finish()
		fmt.Fprintf(a.err, "pouncet: command %s cannot be started: %s\n", backend.Quote(args[0]), startFailure(err))
		return childError{exitNotStarted}
	}
	done, passed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(passed)
		passOn(cmd.Process, witness, signals, came, done)
	}()
	err = cmd.Wait()
	close(done)
	<-passed
	written := finish()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return childError{exitCodeOf(exit)}
	case errors.Is(err, exec.ErrWaitDelay): // a process in the background still has the output
	case err != nil:
		written = err // Wait returns no other error
	}
	if written != nil {
		return backend.Errorf(backend.CodeUnavailable, "writing the output of the command: %w", written)
	}
	return nil
}

// signalsBefore says how many signals came before a command could get them.
type signalsBefore struct {
	witness int // before its witness started
	start   int // before the command had started, with these
}

// findCommand returns the path of a command as a shell finds it, or the exit code and the reason why it cannot run.
func findCommand(name string) (path string, code int, reason string) {
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path, 0, ""
	case errors.Is(err, exec.ErrDot):
		return "", exitNoCommand, "is in the working folder only, where run does not look; write ./ in front of it"
	case errors.Is(err, fs.ErrNotExist):
		return "", exitNoCommand, "does not exist"
	case !errors.Is(err, exec.ErrNotFound):
		return "", exitNotStarted, "cannot be executed: " + startFailure(err)
	}
	if runtime.GOOS == "windows" { // it runs no file without an extension, and has no permission for it
		return "", exitNoCommand, "does not exist"
	}
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		if info, err := os.Stat(filepath.Join(folder, name)); err == nil && info.Mode().IsRegular() {
			return "", exitNotStarted, "cannot be executed: " + startFailure(fs.ErrPermission)
		}
	}
	return "", exitNoCommand, "does not exist"
}

// startFailure returns the reason of an error of package exec. The error also holds the path, which is an argument.
func startFailure(err error) string {
	var number syscall.Errno
	switch {
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, fs.ErrPermission):
		return fs.ErrPermission.Error()
	}
	return "the system refuses to run it"
}
