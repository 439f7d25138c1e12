// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	settingsfile "github.com/pouncet/terraform-provider-pouncet/cmd/settings"
)

// The completion of names in a shell. It prints no error, because that would be a part of the line that the user types,
// and it creates no backend. Without a backend, or if it does not answer in time, there is nothing to complete.

// completionTime limits one completion with a server.
const completionTime = 2 * time.Second

// maxCompletions limits what a shell shows. With more names, the user types further letters.
const maxCompletions = 1000

// completes reports whether arguments ask for a completion. Only then do the commands get the functions for it, because
// every command would pay for them.
func completes(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// checkCompletionCommand gives the library's command the rules of all commands: without them a wrong argument ends with
// exit code 0 or 1, and is repeated. The library makes the command for the output that root has now.
func checkCompletionCommand(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.Short = "Print a script that completes names in a shell"
		c.Long = wrap("Prints a script for a shell. With it, the Tab key completes commands, flags and names. The help of " +
			"the command for each shell says where the script belongs.")
		c.Example = "  " + shellExamples["bash"] + "\n  " + shellExamples["zsh"]
		c.Args = onlyCommands
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		for _, shell := range c.Commands() {
			shell.Args = arguments(0, 0, "no arguments")
			shell.Short = "Print a script that completes names in " + shell.Name()
			shell.Example = "  " + shellExamples[shell.Name()]
		}
	}
}

// shellExamples has a command for each shell that turns the completion on.
var shellExamples = map[string]string{
	"bash":       "pouncet completion bash > ~/.local/share/bash-completion/completions/pouncet",
	"fish":       "pouncet completion fish > ~/.config/fish/completions/pouncet.fish",
	"powershell": "pouncet completion powershell | Out-String | Invoke-Expression",
	"zsh":        `pouncet completion zsh > "${fpath[1]}/_pouncet"`,
}

type completion = func(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective)

// addCompletions completes the flags and arguments of all commands.
func (a *app) addCompletions(root *cobra.Command) {
	flags := map[string]completion{
		"env":         a.completeNames(backend.KindEnvironment, backend.AnyEnvironment),
		"project":     a.completeNames(backend.KindProject),
		"type":        a.completeNames(backend.KindSecretType),
		"from-secret": a.completeNames(backend.KindSecret),
		"draft":       a.completeNames(backend.KindDraft),
		"scope":       a.completeScopes,
		"profile":     completeProfiles,
	}
	for _, c := range root.Commands() {
		a.addCompletions(c)
	}
	for name, f := range flags {
		if root.LocalNonPersistentFlags().Lookup(name) != nil || !root.HasParent() && root.Flag(name) != nil {
			_ = root.RegisterFlagCompletionFunc(name, f) // an error says that the flag has a completion already
		}
	}
	root.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if words := f.Annotations[annotationWords]; len(words) > 0 {
			_ = root.RegisterFlagCompletionFunc(f.Name, completeWords(words...))
		}
	})
	a.addArguments(root)
}

// addArguments completes the first argument of a command that takes the name of an object.
func (a *app) addArguments(c *cobra.Command) {
	group := ""
	if c.HasParent() && c.Parent().HasParent() {
		group = c.Parent().Name()
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(c.Use, c.Name()+" "), " ")
	f := completion(nil)
	switch {
	case c.ValidArgsFunction != nil || c.HasSubCommands():
	case group == "profile" && first == "NAME":
		f = completeProfiles
	case group == "env" && (first == "ENVIRONMENT" || first == "FROM"):
		f = a.completeNames(backend.KindEnvironment)
	case c.Name() == "resolve", c.Name() == "doctor":
		f = a.completeNames(backend.KindSecret)
	case strings.HasPrefix(first, "NAME-OR-ID"), strings.HasPrefix(first, "KEY-OR-ID"):
		for _, kind := range []backend.Kind{backend.KindProject, backend.KindEnvironment, backend.KindSecretType,
			backend.KindSecret, backend.KindScopedValue, backend.KindDraft, backend.KindToken, backend.KindRole,
			backend.KindGroup, backend.KindBinding, backend.KindTrust} {
			if kind.Command() == group {
				f = a.completeNames(kind)
			}
		}
	}
	if f == nil {
		return
	}
	several := strings.HasSuffix(first, "...") || first == "ENVIRONMENT" || first == "FROM"
	c.ValidArgsFunction = func(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && !several {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, directive := f(c, args, begin)
		return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(args, name) }), directive
	}
}

func completeWords(words ...string) completion {
	return func(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
		return matching(words, begin), cobra.ShellCompDirectiveNoFileComp
	}
}

func completeProfiles(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	profiles, err := settingsfile.OpenProfiles()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return matching(profiles.Names(), begin), cobra.ShellCompDirectiveNoFileComp
}

// completeNames completes the names of the objects of a kind, and some other words.
func (a *app) completeNames(kind backend.Kind, others ...string) completion {
	return func(c *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
		names := append(objectNames(a.completionObjects(c, kind, begin, maxCompletions)), others...)
		return matching(names, begin), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeScopes completes the scopes that entries of the project have.
func (a *app) completeScopes(c *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	scopes := append(objectNames(a.completionObjects(c, backend.KindScope, begin, maxCompletions)), backend.ProjectScope)
	return matching(scopes, begin), cobra.ShellCompDirectiveNoFileComp
}

// matching returns the words that begin with a text, sorted. A word that a shell could not take as it is is left out.
func matching(words []string, begin string) []string {
	var out []string
	for _, w := range words {
		if strings.HasPrefix(w, begin) && w == backend.PrintableLine(w) && !strings.ContainsAny(w, " \t\n\"'\\$`") {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), maxCompletions)]
}

// completionObjects returns the objects of a kind, as far as the backend lists them in time: those whose name begins
// with a text, and perhaps others, but not more than a number.
func (a *app) completionObjects(c *cobra.Command, kind backend.Kind, begin string, most int) []backend.Object {
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	defer cancel()
	if a.addSettingsFiles() != nil {
		return nil
	}
	config, err := a.openConfig(ctx)
	if err != nil || a.checkServerSettings(config) != nil {
		return nil
	}
	config.Retries, config.OnlyRead = -1, true // pressing a key upgrades no database
	b, err := open.Open(ctx, config)
	if err != nil {
		return nil
	}
	defer func() { _ = b.Close() }()
	q := backend.Query{Kind: kind, NamePrefix: begin, Limit: min(most, backend.MaxPage)}
	if o := (objectCommand{kind: kind}); kind != backend.KindProject && kind != backend.KindToken && !o.isAccess() {
		q.Project = a.projectName()
	}
	isEntry := kind == backend.KindSecret || kind == backend.KindScopedValue
	if (isEntry || kind == backend.KindScope) && c.Name() != "set" {
		q.Environment = a.environmentName()
	}
	if isEntry && c.Name() != "set" {
		q.Scope = a.scope
	}
	if c.Name() == "restore" && kind != backend.KindScope {
		q.Deleted, q.NamePrefix = true, ""
	}
	objects, err := beginning(ctx, b, q, begin, most)
	if errors.Is(err, backend.ErrInvalid) && q.NamePrefix != "" { // a server of an earlier release knows no prefix
		q.NamePrefix = ""
		objects, _ = beginning(ctx, b, q, begin, most)
	}
	return objects
}

// beginning returns the first objects that q selects and whose names begin with a text, at most a number of them, also
// those before an error.
func beginning(
	ctx context.Context, s backend.Querier, q backend.Query, begin string, most int,
) ([]backend.Object, error) {
	var objects []backend.Object
	for o, err := range backend.List(ctx, s, q) {
		if err != nil {
			return objects, err
		}
		// The list is sorted by name, unless it is one of deleted objects.
		beyond := !q.Deleted && o.Name > begin && !strings.HasPrefix(o.Name, begin)
		if len(objects) == most || beyond {
			break
		}
		if strings.HasPrefix(o.Name, begin) {
			objects = append(objects, o)
		}
	}
	return objects, nil
}
