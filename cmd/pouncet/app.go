// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

type streams struct {
	in       io.Reader
	out, err io.Writer
}

// app holds what all commands share: the streams and the global flags.
type app struct {
	in  io.Reader
	out *output
	err io.Writer

	// The flags. Commands get the settings among them from the method setting.
	endpoint  string
	tokenFile string
	kmsKey    string
	database  string
	replica   string
	project   string
	env       string
	scope     string
	draft     string
	profile   string
	json      bool
	args      []string // of the program
	fields    []string // of the JSON that are printed; nil means all
	jsonError error    // why the JSON was not printed

	sessionEnds time.Time // of the session that a login has stored

	files []settingSource // the profile and the settings file of the repository: see readSettingsFiles
}

// run runs the program with arguments and returns its exit code.
func run(ctx context.Context, args []string, s streams) int {
	a := &app{in: s.in, out: &output{to: s.out}, err: s.err, args: args}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(a.out)
	root.SetErr(s.err)
	checkCompletionCommand(root)
	err := root.ExecuteContext(ctx)
	if err == nil || errors.As(err, new(differsError)) { // a difference that was not printed is a failure
		err = cmp.Or(a.jsonError, a.out.failure(), err)
	}
	if err == nil {
		return exitOK
	}
	// After a wrong flag the library parses no further flags, so look for --json here.
	a.json = a.json || asksForJSON(args)
	if !errors.As(err, new(childError)) {
		a.report(err)
	}
	return exitCode(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "pouncet",
		Short: "Keep configuration secrets encrypted, and fill them into configuration",
		Long: `Pouncet keeps configuration secrets encrypted under a KMS key. Configuration
files refer to a secret by its name, and Pouncet fills in the values for one
environment. Reviewers and CI check the references without access to values.

Exit codes:
` + exitCodeTable(),
		Example: `  pouncet init                                   # an embedded backend in .pouncet
  pouncet env set dev
  pouncet secret set db_password --env dev       # asks for the value
  pouncet render --env dev config.yaml           # {{ get_secret_value('db_password') }}`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          onlyCommands,
		// No other command may have this function: the library would call only that one.
		PersistentPreRunE: func(c *cobra.Command, args []string) error {
			if err := checkInput(c, args); err != nil {
				return err
			}
			if err := a.checkFields(c); err != nil {
				return err
			}
			return a.readSettingsFiles(c)
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("version") {
				return a.printVersion()
			}
			return c.Help()
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.endpoint, "endpoint", "",
		"`URL` of a server (POUNCET_ENDPOINT); without it, the embedded backend is used")
	flags.StringVar(&a.tokenFile, "token-file", "", "`file` that holds the token for the server (or POUNCET_TOKEN)")
	flags.StringVar(&a.project, "project", "", "the `project` (POUNCET_PROJECT; default \"default\")")
	flags.StringVar(&a.profile, "profile", "", "the `profile` that further settings come from (POUNCET_PROFILE)")
	flags.Var(jsonFlag{a}, "json", "print JSON for scripts; commands that read print only these `FIELDS`, as in name,id")
	flags.Lookup("json").NoOptDefVal = "true"
	root.SetGlobalNormalizationFunc(flagSynonyms)
	root.Flags().Bool("version", false, "print the version")
	root.SetFlagErrorFunc(flagError)
	addGroups(root)
	root.AddCommand(grouped(groupUse, a.renderCommand(), a.runCommand(), a.resolveCommand(), a.krmCommand())...)
	root.AddCommand(grouped(groupCheck, a.checkCommand(), a.reviewCommand(), a.refsCommand(),
		a.reportCommand())...)
	root.AddCommand(grouped(groupObjects, a.projectCommand(), a.environmentCommand(), a.typeCommand(),
		a.secretCommand(), a.valueCommand(), a.draftsCommand())...)
	root.AddCommand(grouped(groupFiles, a.pullCommand(), a.diffCommand(), a.pushCommand(), a.schemaCommand())...)
	root.AddCommand(grouped(groupBackend, a.initCommand(), a.moveCommand(), a.serverCommand(), a.uiCommand(),
		a.tokenCommand(), a.rolesCommand(), a.groupsCommand(), a.trustsCommand(), a.bindingsCommand(), a.accessCommand(),
		a.configurationCommand(), a.auditCommand(), a.doctorCommand())...)
	root.AddCommand(grouped(groupSession, a.loginCommand(), a.logoutCommand(), a.whoamiCommand(), a.profileCommand())...)
	root.AddCommand(a.versionCommand(), a.manCommand())
	root.AddCommand(topicCommands()...)
	root.SetHelpCommand(helpCommand())
	if completes(a.args) {
		a.addCompletions(root)
	}
	cobra.AddTemplateFunc("alignFlags", alignFlags)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", ".FlagUsages | alignFlags "))
	return root
}

const (
	scopeUsage       = "the `scope`: project, app/<name> or pipeline/<name> (default project)"
	scopeFilterUsage = "only this `scope`: project, app/<name> or pipeline/<name> (default all scopes)"
)

// placeFlags adds the flags that say where an entry is.
func (a *app) placeFlags(c *cobra.Command) {
	c.Flags().StringVar(&a.env, "env", "", "the `environment`, \"*\" for every environment (POUNCET_ENV)")
	c.Flags().StringVar(&a.scope, "scope", "", scopeUsage)
}

// filterFlags adds the flags that restrict the places of entries.
func (a *app) filterFlags(c *cobra.Command) {
	c.Flags().StringVar(&a.env, "env", "", "only this `environment`, \"*\" for shared entries (POUNCET_ENV)")
	c.Flags().StringVar(&a.scope, "scope", "", scopeFilterUsage)
}

// resolveFlags adds the flags that say for which environment and scope
// references are resolved.
func (a *app) resolveFlags(c *cobra.Command) {
	c.Flags().StringVar(&a.env, "env", "", "the `environment` whose values are used (POUNCET_ENV)")
	c.Flags().StringVar(&a.scope, "scope", "", scopeUsage)
}

// connect opens the backend that the settings name.
func (a *app) connect(ctx context.Context) (*open.Backend, error) {
	c, err := a.openConfig(ctx)
	if err == nil {
		err = a.checkServerSettings(c)
	}
	if err != nil {
		return nil, err
	}
	if isTerminal(a.err) {
		c.Waiting = waits{a.err}
	}
	b, err := during(a, "opening the backend", func() (*open.Backend, error) { return open.Open(ctx, c) })
	if err != nil {
		if e := backend.AsError(err); c.Endpoint != "" && c.Token == "" && e.Attribute == "token" {
			withHint := *e
			err = withHint.WithHint("log in: pouncet login --endpoint %s, or set POUNCET_TOKEN", c.Endpoint)
		}
		return nil, err
	}
	a.reportUpgrade(b.Upgrade)
	return b, nil
}

// with returns the function of a command that opens the backend, calls f, and
// closes the backend.
func (a *app) with(
	f func(ctx context.Context, s backend.Service, args []string) error,
) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		b, err := a.connect(c.Context())
		if err != nil {
			return err
		}
		return errors.Join(f(c.Context(), b, args), b.Close())
	}
}

// waits reports the waits that a server asks for.
type waits struct{ to io.Writer }

func (w waits) Waiting(d time.Duration) {
	// It replaces the line of progress, if there is one.
	fmt.Fprintf(w.to, "\r\x1b[Kpouncet: the server is busy; trying again in %s\n", max(d.Round(time.Second), time.Second))
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Prints the version of this program. It needs no backend.",
		Example: "  pouncet version --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return a.printVersion() },
	}
}

func (a *app) printVersion() error {
	if a.json {
		a.printJSON(map[string]any{"version": version})
	} else {
		a.println("pouncet " + version)
	}
	return nil
}

// flagSynonyms makes --deletion-protection, the name of the argument in Terraform, the same flag as --protected.
func flagSynonyms(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if name == "deletion-protection" {
		name = "protected"
	}
	return pflag.NormalizedName(name)
}

// isPiped reports whether an input is a pipe or a file, so that somebody has given it on purpose.
func isPiped(in any) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && (info.Mode()&os.ModeNamedPipe != 0 || info.Mode().IsRegular())
}
