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
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

func (a *app) runCommand() *cobra.Command {
	var files []string
	var noMask, override, keepToken bool
	c := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command with secrets in its environment",
		Long: "Resolves the references in the variables of the environment, and in files of variables, in one\n" +
			"call, and runs a command with them. Nothing is written to disk. What the command prints is masked:\n" +
			"a value of " + fmt.Sprint(leastMasked) + " bytes or more shows as " + maskText + ", also line by line, in base64, in a URL and in JSON.\n\n" +
			"A file is a YAML or JSON mapping of names to scalars, or a file of variables by its name (.env,\n" +
			"prod.env), read as Docker Compose reads it. A name is one that every shell can have: letters,\n" +
			"digits and _, not beginning with a digit. One that is there already is an error, unless\n" +
			"--override says that the file wins.\n\n" +
			"Signals go to the command, and its exit code comes back: 128 and the signal's number if that ended\n" +
			"it, 126 if it could not be run, 127 if there is none. POUNCET_TOKEN does not go to it.\n\n" + exitCodes,
		Args: arguments(1, -1, "a command"),
	}
	a.placeFlags(c)
	c.Flags().StringArrayVar(&files, "file", nil, "file of variables; repeat for more")
	c.Flags().BoolVar(&override, "override", false, "let files win over variables that are there")
	c.Flags().BoolVar(&noMask, "no-mask", false, "leave the command's output alone, as for a program that needs a terminal")
	c.Flags().BoolVar(&keepToken, "keep-token", false, "let the command have POUNCET_TOKEN")
	c.Flags().SetInterspersed(false)
	c.RunE = func(c *cobra.Command, args []string) error {
		o := interpolate.Options{Project: a.projectName(), Environment: a.environmentName(), Scope: a.scope, LookupEnv: os.LookupEnv, Warn: a.warn}
		if o.Environment == "" {
			return usage(c, "say which environment by --env or POUNCET_ENV")
		}
		vars := variables{}
		if err := vars.inherit(os.Environ(), keepToken); err != nil {
			return err
		}
		for _, f := range files {
			if err := vars.read(f, override); err != nil {
				return err
			}
		}
		resolver := &recorder{}
		environment, err := vars.resolve(c.Context(), a.lazily(resolver), o)
		if err != nil {
			return classify(err)
		}
		return a.execute(args, environment, resolver.values, noMask)
	}
	return c
}

// lazily connects to the backend when something is to be resolved, and notes
// the values in r.
func (a *app) lazily(r *recorder) interpolate.Resolver {
	r.resolve = func(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
		b, err := a.connect(ctx)
		if err != nil {
			return nil, err
		}
		out, err := b.Resolve(ctx, refs)
		return out, errors.Join(err, b.Close())
	}
	return r
}

// recorder remembers what is to be masked.
type recorder struct {
	resolve func(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error)
	values  [][]byte
}

// Resolve implements interpolate.Resolver.
func (r *recorder) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out, err := r.resolve(ctx, refs)
	for _, x := range out {
		if x.Secret {
			r.values = append(r.values, x.Value.Expose())
		}
	}
	return out, err
}

// childError ends this program with the exit code of the one that it ran, which
// has said itself what went wrong.
type childError struct{ code int }

func (e childError) Error() string { return fmt.Sprintf("the command ended with exit code %d", e.code) }

func (a *app) execute(args, environment []string, secrets [][]byte, noMask bool) error {
	path, err := exec.LookPath(args[0])
	if err != nil {
		fmt.Fprintf(a.err, "pouncet: there is no command %s\n", backend.Quote(args[0]))
		return childError{127}
	}
	cmd := exec.Command(path, args[1:]...) //nolint:noctx // signals reach it; it is never killed
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
		fmt.Fprintf(a.err, "pouncet: %s cannot be run\n", backend.Quote(args[0]))
		return childError{126}
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
	return ended(err)
}

// ended is how a command ended, as a shell tells it.
func ended(err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return err
	}
	return childError{exitCodeOf(exit)}
}

// isVariable reports whether every shell can have a variable of this name.
func isVariable(s string) bool {
	if s == "" || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}
