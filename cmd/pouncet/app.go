// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

type streams struct {
	in       io.Reader
	out, err io.Writer
}

// app is what every command shares: the streams and the global flags.
type app struct {
	in  io.Reader
	out *output
	err io.Writer

	endpoint  string
	tokenFile string
	project   string // as the flag has it; see projectName
	env       string // as the flag has it; see environmentName
	scope     string
	json      bool
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	a := &app{in: s.in, out: &output{to: s.out}, err: s.err}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(a.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.out.failure()
	}
	if err == nil {
		return exitOK
	}
	// A flag that is wrong may stand before one that was therefore not read.
	a.json = a.json || slices.Contains(args, "--json")
	if !errors.As(err, new(childError)) {
		a.report(err)
	}
	return exitCode(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "pouncet",
		Short:         "Configuration secrets: kept encrypted, declared in Terraform, referred to in YAML",
		Long:          "Pouncet keeps configuration secrets encrypted under a KMS key and fills them into\nconfiguration at the last moment, for one environment.\n\n" + exitCodes,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.endpoint, "endpoint", "", "URL of a server; without one, the embedded backend (POUNCET_ENDPOINT)")
	flags.StringVar(&a.tokenFile, "token-file", "", "file that holds the token for the server (otherwise POUNCET_TOKEN)")
	flags.StringVar(&a.project, "project", "", `the project (POUNCET_PROJECT; otherwise "default")`)
	flags.BoolVar(&a.json, "json", false, "print JSON, for scripts")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		a.initCommand(), a.serverCommand(), a.versionCommand(),
		a.projectCommand(), a.environmentCommand(), a.typeCommand(), a.secretCommand(), a.valueCommand(), a.tokenCommand(),
		a.resolveCommand(), a.renderCommand(), a.krmCommand(), a.runCommand(),
		a.refsCommand(), a.checkCommand(), a.reviewCommand(),
	)
	return root
}

// placeFlags adds the flags that say where an entry is.
func (a *app) placeFlags(c *cobra.Command) {
	c.Flags().StringVar(&a.env, "env", "", `the environment, "*" for what all share (POUNCET_ENV)`)
	c.Flags().StringVar(&a.scope, "scope", "", `the scope: "project", "app/<name>" or "pipeline/<name>" (default "project")`)
}

// projectName and environmentName say where something is that is named and has
// no id: by flag or by variable. What has an id is where it is, whatever the
// variables say.
func (a *app) projectName() string {
	return cmp.Or(a.project, os.Getenv("POUNCET_PROJECT"), backend.DefaultProject)
}

func (a *app) environmentName() string { return cmp.Or(a.env, os.Getenv("POUNCET_ENV")) }

// connect opens the backend that flags and variables say.
func (a *app) connect(ctx context.Context) (*open.Backend, error) {
	c := open.Config{Endpoint: a.endpoint, UserAgent: "pouncet/" + version}
	if a.tokenFile != "" {
		text, err := os.ReadFile(a.tokenFile)
		if err != nil {
			return nil, backend.Errorf(backend.CodeInvalid, "reading the token: %w", err)
		}
		c.Token = strings.TrimSpace(string(text))
	}
	return open.Open(ctx, open.FromEnvironment(c))
}

// with opens the backend, calls f, and closes it.
func (a *app) with(f func(ctx context.Context, s backend.Service, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		b, err := a.connect(c.Context())
		if err != nil {
			return err
		}
		return errors.Join(f(c.Context(), b, args), b.Close())
	}
}

// isTerminal reports whether a stream is one.
func isTerminal(s any) bool {
	f, ok := s.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  arguments(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				a.printJSON(map[string]string{"version": version})
			} else {
				a.println("pouncet", version)
			}
			return nil
		},
	}
}
