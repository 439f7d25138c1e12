// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// The exit codes. Scripts rely on them.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitMissing     = 3
	exitDenied      = 4
	exitDiffers     = 5
	exitInterrupted = 130 // 128 plus the number of SIGINT, as shells report it
)

// exitCodes is the only table of the exit codes. The help prints it, and a test
// compares the documentation with it.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitOK, "done"},
	{exitFailure, "failure"},
	{exitUsage, "usage"},
	{exitMissing, "missing reference"},
	{exitDenied, "permission denied or not authenticated"},
	{exitDiffers, "differs (comparisons)"},
	{exitInterrupted, "interrupted"},
}

// exitCodeTable returns the exit codes as lines of a help text.
func exitCodeTable() string {
	var b strings.Builder
	for _, c := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", c.code, c.meaning)
	}
	return b.String()
}

// exitCode turns an error into an exit code. Nothing else does.
func exitCode(err error) int {
	var child childError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &child):
		return child.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, new(*usageError)):
		return exitUsage
	case errors.Is(err, backend.ErrDenied), errors.Is(err, backend.ErrUnauthenticated):
		return exitDenied
	case errors.As(err, new(missingReferenceError)):
		return exitMissing
	case errors.As(err, new(differsError)):
		return exitDiffers
	}
	return exitFailure
}

// missingReferenceError is an error whose only cause is a missing reference.
type missingReferenceError struct{ error }

func (e missingReferenceError) Unwrap() error { return e.error }

// differsError is the error of a comparison that found a difference, and no
// other failure.
type differsError struct{ error }

func (e differsError) Unwrap() error { return e.error }

// codeDiffers is the code of a differsError in JSON. The error of a call never has it.
const codeDiffers backend.Code = "differs"

// markMissing marks the error of a reference if the entry itself is missing: not its project or environment.
func markMissing(err error) error {
	if e := backend.AsError(err); e != nil && e.IsMissingReference() {
		return missingReferenceError{err}
	}
	return err
}

// markAllMissing marks err if it holds problems and all of them are missing
// references.
func markAllMissing(err error) error {
	var problems interpolate.Problems
	if !errors.As(err, &problems) {
		return err
	}
	for _, p := range problems {
		if !p.Err.IsMissingReference() {
			return err
		}
	}
	return missingReferenceError{err}
}

// problem is the JSON form of an interpolate.Problem.
type problem struct {
	File       string         `json:"file"`
	Line       int            `json:"line,omitempty"`
	Column     int            `json:"column,omitempty"`
	Expression string         `json:"expression,omitempty"`
	Error      *backend.Error `json:"error"`
}

// report prints an error on standard error: as two lines, the error and its
// hint, or as JSON.
func (a *app) report(err error) {
	e := backend.AsError(err)
	var problems interpolate.Problems
	switch {
	case errors.Is(err, context.Canceled):
		e = backend.Errorf(backend.CodeUnavailable, "interrupted")
	case errors.As(err, &problems):
		outcome := "no file was written"
		if errors.As(err, new(notRunError)) {
			outcome = "the command was not run"
		}
		a.reportProblems(e.Code, problems, outcome)
		return
	case err.Error() != e.Error():
		// An error around e has more text. It keeps the exit code of e.
		e = &backend.Error{Code: e.Code, Message: err.Error()}
	}
	if errors.As(err, new(differsError)) {
		differs := *e
		differs.Code = codeDiffers
		e = &differs
	}
	if a.json {
		encode(a.err, map[string]any{"error": e})
		return
	}
	a.noteText("pouncet: " + e.Message)
	if limit, ok := fileSizeLimit(); ok && a.isFailedWrite(err) {
		a.notef("  this process may write files of at most %d bytes: raise the limit with ulimit -f", limit)
		return
	}
	if hint := suggest.MissingHint(e.Environments, e.Suggestion, e.Hint); hint != "" {
		a.notef("  %s", hint)
	}
}

// isFailedWrite reports whether err is the error of a write to a file that the limit for the size of files can explain.
func (a *app) isFailedWrite(err error) bool {
	if errors.Is(err, syscall.EFBIG) {
		return true
	}
	endpoint, _ := a.setting(settingEndpoint) // with a server, the file is on its machine
	return endpoint == "" && (errors.Is(err, backend.ErrStorageFull) || sqlite.IsFailedWrite(err))
}

// missingPlace reports whether all problems are one missing environment or project, as a mistyped --env makes them.
func missingPlace(problems interpolate.Problems) bool {
	first := problems[0].Err
	return first.Code == backend.CodeNotFound && (first.Attribute == "environment" || first.Attribute == "project") &&
		!slices.ContainsFunc(problems, func(p interpolate.Problem) bool { return p.Err.Message != first.Message })
}

// reportProblems prints the problems in files, one on each line, in the form
// file:line:column that editors and terminals can follow. The summary ends with
// the outcome.
func (a *app) reportProblems(code backend.Code, problems interpolate.Problems, outcome string) {
	summary := &backend.Error{Code: code, Message: backend.Plural(len(problems), "problem") + "; " + outcome}
	if !a.json {
		if missingPlace(problems) {
			summary.Message = backend.Plural(len(problems), "problem") + " with the same cause; " + outcome
			a.noteText(problems[0].Error())
		} else {
			a.noteText(problems.Error())
		}
		if len(problems) > 1 {
			a.notef("pouncet: %s", summary.Message)
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
