// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// endless is an input that nobody ever types into, and that tells when it is waited for.
type endless struct{ waiting context.CancelFunc }

func (e endless) Read([]byte) (int, error) {
	e.waiting()
	select {}
}

func TestAnInterruptEndsTheWaitForInput(t *testing.T) {
	for _, args := range [][]string{
		{"secret", "set", "s", "--env", "prod", "--stdin"},
		{"render", "--env", "prod", "-"},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		var out, stderr bytes.Buffer
		code := run(ctx, args, streams{endless{cancel}, &out, &stderr})
		if code != exitFailure || stderr.String() != "pouncet: interrupted\n" {
			t.Errorf("%v: exit code %d, %q", args, code, stderr.String())
		}
		cancel()
	}
}

func TestExitCodes(t *testing.T) {
	missing := interpolate.Problem{Err: backend.Errorf(backend.CodeNotFound, "no such secret").At("name")}
	denied := interpolate.Problem{Err: backend.Errorf(backend.CodeDenied, "not allowed")}
	corrupt := interpolate.Problem{Err: backend.Errorf(backend.CodeCorrupt, "does not open")}
	elsewhere := interpolate.Problem{Err: backend.Errorf(backend.CodeNotFound, "no such environment").At("environment")}
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"none":                          {nil, exitOK},
		"usage":                         {usage(&cobra.Command{Use: "c"}, "wrong"), exitUsage},
		"a missing reference":           {classify(interpolate.Problems{missing, missing}), exitMissing},
		"a missing reference and worse": {classify(interpolate.Problems{missing, corrupt}), exitFailure},
		"missing and denied":            {classify(interpolate.Problems{missing, denied}), exitDenied},
		"a missing environment":         {classify(interpolate.Problems{elsewhere}), exitFailure},
		"an object that is not there":   {backend.Errorf(backend.CodeNotFound, "no such secret"), exitFailure},
		"denied":                        {fmt.Errorf("around it: %w", backend.Errorf(backend.CodeDenied, "no")), exitDenied},
		"not known":                     {errors.Join(backend.Errorf(backend.CodeUnauthenticated, "who?"), errors.New("and more")), exitDenied},
		"a defect":                      {errors.New("anything"), exitFailure},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%s: exit code %d, not %d", name, got, c.want)
		}
	}
}

// Every flag of every command is looked at: one that takes a secret value would
// be a mistake, however useful.
func TestNoFlagTakesASecret(t *testing.T) {
	var walk func(c *cobra.Command)
	seen := 0
	walk = func(c *cobra.Command) {
		seen++
		for _, name := range []string{"value", "secret", "password", "token", "key"} {
			if f := c.Flags().Lookup(name); f != nil && f.Value.Type() == "string" {
				t.Errorf("%s has a flag --%s", c.CommandPath(), name)
			}
		}
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk((&app{out: &output{}}).root())
	if seen < 30 {
		t.Errorf("only %d commands", seen)
	}
}

// A wrong command is told in two lines: what is wrong, and the way out.
func TestErrorsHaveAWayOut(t *testing.T) {
	for _, args := range []string{"nonsense", "secret list --nonsense", "secret set", "secret set a=b", "resolve x", "server --listen", "token create"} {
		var stderr bytes.Buffer
		t.Setenv("POUNCET_ENV", "")
		if code := run(context.Background(), strings.Fields(args), streams{strings.NewReader(""), &bytes.Buffer{}, &stderr}); code != exitUsage {
			t.Errorf("%s: exit code %d", args, code)
		}
		if lines := strings.Split(strings.TrimSpace(stderr.String()), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[0], "pouncet: ") || !strings.HasPrefix(lines[1], "  ") {
			t.Errorf("%s: %q", args, stderr.String())
		}
	}
}

// BenchmarkColdStart is a whole process that needs no backend.
func BenchmarkColdStart(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c := exec.Cmd{Path: self, Args: []string{"pouncet", "version"}}
		if err := c.Run(); err != nil {
			b.Fatal(err)
		}
	}
}
