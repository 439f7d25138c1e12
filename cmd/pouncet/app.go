package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

type streams struct {
	in       io.Reader
	out, err io.Writer
}

// app is what every command shares: the streams and the global flags.
type app struct {
	streams
	endpoint  string
	tokenFile string
	project   string
	env       string
	scope     string
	json      bool
}

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

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	a := &app{streams: s}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	if err != nil {
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
	flags.StringVar(&a.project, "project", fallback("POUNCET_PROJECT", backend.DefaultProject), "the project (POUNCET_PROJECT)")
	flags.BoolVar(&a.json, "json", false, "print JSON, for scripts")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		// Of "-pVALUE" the library repeats the value.
		message, _, _ := strings.Cut(err.Error(), " in -")
		return usage(c, "%s", message)
	})
	root.AddCommand(
		a.initCommand(), a.serverCommand(), a.versionCommand(),
		a.projectCommand(), a.environmentCommand(), a.typeCommand(), a.secretCommand(), a.valueCommand(), a.tokenCommand(),
		a.resolveCommand(), a.renderCommand(),
	)
	return root
}

// noSuchCommand refuses arguments where a command belongs, and repeats none of them.
func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(c, "%s has no such command", c.CommandPath())
	}
	return nil
}

// placeFlags adds the flags that say where an entry is.
func (a *app) placeFlags(c *cobra.Command) {
	c.Flags().StringVar(&a.env, "env", os.Getenv("POUNCET_ENV"), `the environment, "*" for what all share (POUNCET_ENV)`)
	c.Flags().StringVar(&a.scope, "scope", "", `the scope: "project", "app/<name>" or "pipeline/<name>" (default "project")`)
}

func fallback(variable, value string) string {
	if v := os.Getenv(variable); v != "" {
		return v
	}
	return value
}

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

// usageError is a command that was used wrongly.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usage(c *cobra.Command, format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...) + "\n  see: " + c.CommandPath() + " --help"}
}

// arguments refuses a wrong number of arguments, and repeats none of them:
// what is given in place of an argument may be a secret.
func arguments(least, most int, names string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || (most >= 0 && len(args) > most) {
			return usage(c, "%s takes %s; %d arguments were given", c.CommandPath(), names, len(args))
		}
		return nil
	}
}

// missingError marks that a reference leads nowhere.
type missingError struct{ error }

func (e missingError) Unwrap() error { return e.error }

// exitCode is the one place that turns an error into an exit code.
func exitCode(err error) int {
	var wrong *usageError
	var missing missingError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		return exitUsage
	case errors.Is(err, backend.ErrDenied), errors.Is(err, backend.ErrUnauthenticated):
		return exitDenied
	case errors.As(err, &missing):
		return exitMissing
	}
	return exitFailure
}

// report prints an error: for people with the way out below it, for scripts as JSON.
func (a *app) report(err error) {
	var problems interpolate.Problems
	if errors.As(err, &problems) {
		a.reportProblems(problems)
		return
	}
	var wrong *usageError
	e := backend.AsError(err)
	if errors.As(err, &wrong) {
		e = &backend.Error{Code: backend.CodeInvalid, Message: wrong.message}
	}
	if a.json {
		printJSON(a.err, map[string]any{"error": e})
		return
	}
	fmt.Fprintf(a.err, "pouncet: %s\n", e.Message)
	if e.Hint != "" {
		fmt.Fprintf(a.err, "  %s\n", e.Hint)
	}
}

// reportProblems prints what is wrong in files, a line each, in the form that
// editors and terminals know how to jump to.
func (a *app) reportProblems(problems interpolate.Problems) {
	if a.json {
		type problem struct {
			File       string         `json:"file"`
			Line       int            `json:"line"`
			Column     int            `json:"column"`
			Expression string         `json:"expression,omitempty"`
			Err        *backend.Error `json:"error"`
		}
		list := make([]problem, len(problems))
		for i, p := range problems {
			list[i] = problem{p.Pos.File, p.Pos.Line, p.Pos.Column, p.Expression, p.Err}
		}
		printJSON(a.err, map[string]any{"problems": list})
		return
	}
	fmt.Fprintln(a.err, problems)
	if len(problems) > 1 {
		fmt.Fprintf(a.err, "pouncet: %d problems; nothing was written\n", len(problems))
	}
}

func printJSON(w io.Writer, v any) {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // a closed pipe: nobody is listening
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
				printJSON(a.out, map[string]string{"version": version})
			} else {
				fmt.Fprintln(a.out, "pouncet", version)
			}
			return nil
		},
	}
}
