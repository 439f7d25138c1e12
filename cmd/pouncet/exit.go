// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// The exit codes, which scripts rely on.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitMissing = 3
	exitDenied  = 4
)

const exitCodes = `Exit codes:
  0  done
  1  failure
  2  the command was used wrongly
  3  a reference is missing
  4  not allowed, or not known`

// exitCode is the one place that turns an error into an exit code.
func exitCode(err error) int {
	var wrong *usageError
	var missing missingError
	var child childError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &child):
		return child.code
	case errors.As(err, &wrong):
		return exitUsage
	case errors.Is(err, backend.ErrDenied), errors.Is(err, backend.ErrUnauthenticated):
		return exitDenied
	case errors.As(err, &missing):
		return exitMissing
	}
	return exitFailure
}

// usageError is a command that was used wrongly.
type usageError struct{ what *backend.Error }

func (e *usageError) Error() string { return e.what.Error() }
func (e *usageError) Unwrap() error { return e.what }

func usage(c *cobra.Command, format string, args ...any) error {
	return &usageError{backend.Errorf(backend.CodeInvalid, format, args...).WithHint("see: %s --help", c.CommandPath())}
}

// arguments refuses a wrong number of arguments, and repeats none of them:
// what is given in place of an argument may be a secret.
func arguments(least, most int, names string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || (most >= 0 && len(args) > most) {
			return usage(c, "%s takes %s; %d were given", c.CommandPath(), names, len(args))
		}
		return nil
	}
}

// noSuchCommand refuses arguments where a command belongs, and repeats none of them.
func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(c, "%s has no such command", c.CommandPath())
	}
	return nil
}

// flagError says which flag is wrong and, other than the library's own
// message, nothing of what was given to it.
func flagError(c *cobra.Command, err error) error {
	var invalid interface{ GetValue() string }
	var unknown interface{ GetSpecifiedName() string }
	flag, known := flagOf(c.Flags().Lookup, err)
	switch {
	case known && errors.As(err, &invalid):
		return usage(c, "what was given to --%s is not %s", flag.Name, ofType[flag.Value.Type()])
	case known:
		return usage(c, "--%s needs a value", flag.Name)
	case errors.As(err, &unknown):
		dashes := "--"
		if len(unknown.GetSpecifiedName()) == 1 {
			dashes = "-"
		}
		return usage(c, "%s has no flag %s%s", c.CommandPath(), dashes, unknown.GetSpecifiedName())
	}
	return usage(c, "the flags of %s cannot be read", c.CommandPath())
}

// flagOf is the flag that a flag library's error is about. F is that library's
// type, which lookup brings along: the library is cobra's, and none of ours.
func flagOf[F any](_ func(name string) F, err error) (flag F, ok bool) {
	var about interface{ GetFlag() F }
	if ok = errors.As(err, &about); ok {
		flag = about.GetFlag()
	}
	return flag, ok
}

// ofType says in words what flags take, by the library's names.
var ofType = map[string]string{
	"bool": "true or false", "int": "a number", "int64": "a number", "duration": "a time, as in 90m or 720h",
}

// missingError marks that a reference leads nowhere.
type missingError struct{ error }

func (e missingError) Unwrap() error { return e.error }

// asMissing marks the error of a reference that leads nowhere.
func asMissing(err *backend.Error) error {
	if isMissing(err) {
		return missingError{err}
	}
	return err
}

// isMissing reports whether a reference leads nowhere. An environment or a
// project that does not exist is not that, but a mistake in the call.
func isMissing(err *backend.Error) bool {
	return err.Code == backend.CodeNotFound && err.Attribute != "environment" && err.Attribute != "project"
}

// problem is an interpolate.Problem for scripts.
type problem struct {
	File       string         `json:"file"`
	Line       int            `json:"line"`
	Column     int            `json:"column"`
	Expression string         `json:"expression,omitempty"`
	Error      *backend.Error `json:"error"`
}

// report prints an error: for people with the way out below it, for scripts as JSON.
func (a *app) report(err error) {
	e := backend.AsError(err)
	var problems interpolate.Problems
	switch {
	case errors.Is(err, context.Canceled):
		e = backend.Errorf(backend.CodeUnavailable, "interrupted")
	case errors.As(err, &problems):
		a.reportProblems(e.Code, problems)
		return
	case err.Error() != e.Error():
		// Something around e says more; e says what kind it is.
		e = &backend.Error{Code: e.Code, Message: err.Error()}
	}
	if a.json {
		encode(a.err, map[string]any{"error": e})
		return
	}
	fmt.Fprintf(a.err, "pouncet: %s\n", printable(e.Message))
	if e.Hint != "" {
		fmt.Fprintf(a.err, "  %s\n", printable(e.Hint))
	}
}

// reportProblems prints what is wrong in files, a line each, in the form that
// editors and terminals know how to jump to.
func (a *app) reportProblems(code backend.Code, problems interpolate.Problems) {
	summary := &backend.Error{Code: code, Message: fmt.Sprintf("%d problems; nothing was written", len(problems))}
	if len(problems) == 1 {
		summary.Message = "1 problem; nothing was written"
	}
	if !a.json {
		fmt.Fprintln(a.err, printable(problems.Error()))
		if len(problems) > 1 {
			fmt.Fprintf(a.err, "pouncet: %s\n", summary.Message)
		}
		return
	}
	list := make([]problem, len(problems))
	for i, p := range problems {
		list[i] = problem{p.Pos.File, p.Pos.Line, p.Pos.Column, p.Expression, p.Err}
	}
	encode(a.err, map[string]any{"error": struct {
		*backend.Error
		Problems []problem `json:"problems"`
	}{summary, list}})
}
