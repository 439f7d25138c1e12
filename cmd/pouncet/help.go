// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/review"
)

// The groups of commands in the help.
const (
	groupBackend = "backend"
	groupObjects = "objects"
	groupUse     = "use"
	groupCheck   = "check"
	groupFiles   = "files"
	groupSession = "session"
)

func addGroups(root *cobra.Command) {
	root.AddGroup(
		&cobra.Group{ID: groupUse, Title: "Use secrets:"},
		&cobra.Group{ID: groupCheck, Title: "Check files:"},
		&cobra.Group{ID: groupObjects, Title: "Manage objects:"},
		&cobra.Group{ID: groupFiles, Title: "Keep a project in files:"},
		&cobra.Group{ID: groupSession, Title: "Sign in, and choose settings:"},
		&cobra.Group{ID: groupBackend, Title: "Manage backends:"},
	)
}

// grouped puts commands into a group of the help.
func grouped(group string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = group
	}
	return commands
}

// helpCommand replaces the library's command, which prints an unknown topic
// and exits with 0.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "Show the help of a command or a topic",
		Long: `Shows the help of a command or a topic. "pouncet COMMAND --help" shows the same.
An unknown command or topic ends with exit code 2.`,
		Example: "  pouncet help secret set\n  pouncet help exit-codes",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil {
				return usage(c, "the word after %q is neither a command nor a topic", c.CommandPath())
			}
			if len(rest) > 0 {
				return onlyCommands(about, rest)
			}
			about.InitDefaultHelpFlag() // the help would not list --help otherwise
			return about.Help()
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return commandNames(about), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// topicCommands returns pages of help without a command.
func topicCommands() []*cobra.Command {
	return []*cobra.Command{
		{
			Use:   "exit-codes",
			Short: "List the exit codes",
			Long: `Every command ends with one of these exit codes:

` + exitCodeTable() + `
Exit code 3 means that a secret, a scoped value, a field or a version is
missing, and that nothing else is wrong. Otherwise the exit code is 1 or 4. A
project or an environment that does not exist is exit code 1, also where a
reference is resolved: no reference in it can exist.

Exit code 5 means that a command that compares, such as "pouncet review", has
found a difference, and that nothing is wrong. "pouncet doctor" ends with 5 if
an object waits for a change, and with 0 if none does. "pouncet doctor NAME" ends
with the exit code that "pouncet resolve NAME" would have.

"pouncet run" ends with the exit code of the command that it runs. If the
command cannot be started, the exit code is 126; if it does not exist, 127.`,
		},
		{
			Use:   "rules",
			Short: "List the rules of check and review",
			Long: `A finding of "pouncet check" or "pouncet review" belongs to one of these rules:

` + rulesTable() + `
--rule ID=SEVERITY changes the severity. The page docs/explanation/rules.md says
what each rule means.`,
		},
		{
			Use:   "settings",
			Short: "List the settings and where they come from",
			Long: `A setting comes from the first of these sources that has it:

  1. a flag
  2. an environment variable
  3. the profile that --profile or POUNCET_PROFILE names
  4. pouncet.yaml, from the working folder upwards to the root of the repository
  5. for the embedded backend, the nearest .pouncet folder, from the working
     folder upwards

An endpoint from a profile or from pouncet.yaml gets only the token that "pouncet
login" has stored for it. "pouncet whoami" shows each setting with its source.

A source that names an endpoint or a folder decides which backend is used:
--endpoint wins over POUNCET_HOME. If POUNCET_ENDPOINT and POUNCET_HOME are both
set, Pouncet uses the server.

  variable            flag          meaning
` + settingsTable() + `
No flag takes a token or a secret value, because every process on a machine can
read the arguments of the others.`,
		},
	}
}

// rulesTable returns the rules as lines of a help text.
func rulesTable() string {
	var b strings.Builder
	for _, r := range review.Rules {
		fmt.Fprintf(&b, "  %s  %-22s %s\n", r.ID, r.Name, r.Severity)
	}
	return b.String()
}

// wrap breaks a paragraph of help into lines for a terminal. Every command calls it for the help of all commands, so it
// allocates only its result.
func wrap(text string) string {
	const width = 80
	var b strings.Builder
	b.Grow(len(text))
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case b.Len() == 0:
		case column+1+len(word) > width:
			b.WriteString("\n")
			column = 0
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// alignFlags removes "[=true|false]" from the flags in a help text, which the
// flag library appends to every switch, and aligns the usages again.
func alignFlags(usages string) string {
	const gap = "   "
	lines := strings.Split(usages, "\n")
	width := 0
	for i, line := range lines {
		lines[i] = strings.Replace(line, "[=true|false]", "", 1)
		lines[i] = strings.Replace(lines[i], "--json FIELDS[=true]", "--json[=FIELDS]", 1)
		flag, _, _ := cutFlag(lines[i])
		width = max(width, len(flag))
	}
	for i, line := range lines {
		if flag, usage, ok := cutFlag(line); ok {
			lines[i] = flag + strings.Repeat(" ", width-len(flag)) + gap + usage
		}
	}
	return strings.Join(lines, "\n")
}

// cutFlag cuts a line of a help text into the flag and its usage.
func cutFlag(line string) (flag, usage string, ok bool) {
	start := strings.Index(line, "-")
	if start < 0 {
		return "", "", false
	}
	flag, usage, ok = strings.Cut(line[start:], "   ")
	return line[:start] + flag, strings.TrimLeft(usage, " "), ok
}
