// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

func TestExitCodes(t *testing.T) {
	missing := interpolate.Problem{Err: backend.Errorf(backend.CodeNotFound, "secret does not exist").At("name")}
	denied := interpolate.Problem{Err: backend.Errorf(backend.CodeDenied, "permission denied")}
	corrupt := interpolate.Problem{Err: backend.Errorf(backend.CodeCorrupt, "cannot be decrypted")}
	noEnvironment := interpolate.Problem{
		Err: backend.Errorf(backend.CodeNotFound, "environment does not exist").At("environment"),
	}
	unavailable := backend.Errorf(backend.CodeUnavailable, "calling the server: %w", context.Canceled)
	findings := func(failOn review.Severity, rules ...string) error {
		r := &review.Report{}
		for _, rule := range rules {
			r.Findings = append(r.Findings, review.Finding{Rule: rule, Severity: review.Note})
		}
		return failingFindings(r, failOn)
	}
	backendError := func(code backend.Code) error { return backend.Errorf(code, "message") }
	rendering := func(problems ...interpolate.Problem) error { return markAllMissing(interpolate.Problems(problems)) }
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"success is 0":                               {nil, exitOK},
		"a wrong command line is 2":                  {usage(&cobra.Command{Use: "c"}, "wrong"), exitUsage},
		"only missing references are 3":              {rendering(missing, missing), exitMissing},
		"a missing reference and corrupt data are 1": {rendering(missing, corrupt), exitFailure},
		"a missing reference and a denied one are 4": {rendering(missing, denied), exitDenied},
		"a missing environment is 1":                 {rendering(noEnvironment), exitFailure},
		"a missing object is 1":                      {backendError(backend.CodeNotFound), exitFailure},
		"a wrapped denial is 4": {
			fmt.Errorf("wrapped: %w", backendError(backend.CodeDenied)), exitDenied,
		},
		"a joined error is 4": {
			errors.Join(backendError(backend.CodeUnauthenticated), errors.New("more")), exitDenied,
		},
		"an unknown error is 1":               {errors.New("anything"), exitFailure},
		"an interrupted request is 130":       {unavailable, exitInterrupted},
		"an interrupted read is 130":          {context.Canceled, exitInterrupted},
		"a timeout is 1":                      {context.DeadlineExceeded, exitFailure},
		"the code of a command is passed on":  {childError{77}, 77},
		"no finding is 0":                     {findings(review.Note), exitOK},
		"a finding below --fail-on is 0":      {findings(review.Error, review.Added), exitOK},
		"any finding with --fail-on off is 0": {findings(review.Off, review.Added), exitOK},
		"only differences are 5": {
			findings(review.Note, review.Added, review.Dropped, review.Moved, review.Changed), exitDiffers,
		},
		"a difference and a missing reference are 3": {findings(review.Note, review.Added, review.Missing), exitMissing},
		"a difference and another finding are 1":     {findings(review.Note, review.Added, review.CrossEnv), exitFailure},
		"a plan that removes a secret is 1":          {findings(review.Note, review.PlanRemoves), exitFailure},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%s: got exit code %d", name, got)
		}
	}
}

// TestExitCodesAreDocumented compares README.md and docs/settings.md with the
// table of exit codes.
func TestExitCodesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, c := range exitCodes {
		list = append(list, fmt.Sprint(c.code, " ", c.meaning))
		if row := fmt.Sprintf("\n| %d | %s", c.code, c.meaning); !strings.Contains(string(page), row) {
			t.Errorf("docs/settings.md has no row %q", row)
		}
	}
	want := "Exit codes: " + strings.Join(list, ", ") + "."
	if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), want) {
		t.Errorf("README.md does not say %q", want)
	}
}
