// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// The exit codes of a command that did not run, as shells have them.
const (
	exitNotStarted = 126
	exitNoCommand  = 127
)

const runHelp = `Resolves the references in environment variables and in files of variables, in
one request, and runs a command with the values. No value is written to disk.

The output of the command is masked: a value of 4 bytes or more becomes ` + maskText + `,
also line by line, in base64, in URLs and in JSON. --no-mask passes the output
through, for a program that needs a terminal.

A file of variables is a YAML or JSON mapping of names to scalars. A file called
.env or prod.env has lines NAME=value, which Pouncet parses as Docker Compose
does. A name that already exists is an error, unless --override lets the file
win.

run passes signals to the command, and ends with the command's exit code: 128
plus the number of the signal that ended it, 126 if it cannot be started, 127 if
it does not exist. The command does not get POUNCET_TOKEN without --keep-token.`

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
		if o.Environment == "" {
			return environmentRequired(c)
		}
		if err := vars.inherit(os.Environ(), keepToken); err != nil {
			return err
		}
		for _, f := range files {
			if err := vars.read(f); err != nil {
				return err
			}
		}
		resolver := &recordingResolver{app: a}
		environment, err := vars.resolve(c.Context(), resolver, o)
		if err != nil {
			return markAllMissing(err)
		}
		return a.execute(args, environment, resolver.values, noMask)
	}
	return c
}

// recordingResolver keeps the secret values that it resolves, so that they can
// be masked. It opens the backend only if there is a reference to resolve.
type recordingResolver struct {
	app    *app
	values [][]byte
}

// Resolve implements interpolate.Resolver.
func (r *recordingResolver) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	b, err := r.app.connect(ctx)
	if err != nil {
		return nil, err
	}
	out, err := b.Resolve(ctx, refs)
	for _, x := range out {
		if x.Secret {
			r.values = append(r.values, x.Value.Expose())
		}
	}
	return out, errors.Join(err, b.Close())
}

// childError ends this program with the exit code of the command that it ran.
// The command has reported its failure itself.
type childError struct{ code int }

func (e childError) Error() string { return fmt.Sprintf("the command ended with exit code %d", e.code) }

// execute runs a command, passes signals to it, and masks its output.
func (a *app) execute(args, environment []string, secrets [][]byte, noMask bool) error {
	path, err := exec.LookPath(args[0])
	if err != nil {
		fmt.Fprintf(a.err, "pouncet: command %s does not exist\n", backend.Quote(args[0]))
		return childError{exitNoCommand}
	}
	cmd := exec.Command(path, args[1:]...) //nolint:noctx // the command gets the signals; nothing kills it
	cmd.Args[0], cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = args[0], environment, a.in, a.out.to, a.err
	var masks []io.Closer
	if !noMask && len(secrets) > 0 {
		out, stderr := newMask(a.out.to, secrets), newMask(a.err, secrets)
		cmd.Stdout, cmd.Stderr = out, stderr
		masks = append(masks, out, stderr)
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(signals)
	defer bindChildren()()
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(a.err, "pouncet: command %s cannot be started\n", backend.Quote(args[0]))
		return childError{exitNotStarted}
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				a.passOn(cmd.Process, s)
			case <-done:
				return
			}
		}
	}()
	err = cmd.Wait()
	close(done)
	for _, m := range masks {
		_ = m.Close()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return childError{exitCodeOf(exit)}
	}
	return err
}
