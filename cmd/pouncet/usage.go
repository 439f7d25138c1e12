// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// usageError is the error of a command line that is not valid.
type usageError struct{ err *backend.Error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usage returns the error of a command line that is not valid, with a hint to
// the help of the command.
func usage(c *cobra.Command, format string, args ...any) *usageError {
	return &usageError{backend.Errorf(backend.CodeInvalid, format, args...).
		WithHint("read the help: %s --help", c.CommandPath())}
}

// withHint replaces the hint.
func (e *usageError) withHint(format string, args ...any) *usageError {
	_ = e.err.WithHint(format, args...)
	return e
}

// environmentRequired returns the error of a command that was given no environment.
func environmentRequired(c *cobra.Command) error {
	return usage(c, "an environment is required").withHint("set --env or POUNCET_ENV")
}

// checkOneEnvironment returns the error of a command that needs one environment, and was given none or all.
func checkOneEnvironment(c *cobra.Command, environment string) error {
	switch environment {
	case "":
		return environmentRequired(c)
	case backend.AnyEnvironment:
		return usage(c, "a value needs one environment, and %q means every environment", environment).
			withHint("set --env or POUNCET_ENV to one environment")
	}
	return nil
}

// exclusive returns the error of flags that cannot be used together.
func exclusive(c *cobra.Command, flags string) error {
	return usage(c, "%s cannot be used together", flags)
}

// arguments rejects a wrong number of arguments. The error does not repeat
// them, because a user may have given a secret by mistake. A negative maximum is no limit.
func arguments(minimum, maximum int, names string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < minimum || (maximum >= 0 && len(args) > maximum) {
			were := "were"
			if len(args) == 1 {
				were = "was"
			}
			return usage(c, "%s takes %s; %d %s given", c.CommandPath(), names, len(args), were)
		}
		if _, foreign := c.Annotations[annotationForeign]; !foreign && slices.ContainsFunc(args, access.WellFormed) {
			return usage(c, "%s takes %s; a token was given, which this message does not repeat", c.CommandPath(), names)
		}
		return nil
	}
}

// onlyCommands rejects an argument where a command is expected. The error
// suggests a command, but does not repeat the argument, which may be a secret.
func onlyCommands(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := usage(c, "the word after %q is not a command", c.CommandPath())
	suggestion := cmp.Or(otherWord(c, args[0]), suggest.Name(args[0], commandNames(c)))
	if suggestion != "" {
		suggestion = c.CommandPath() + " " + suggestion
	}
	hint := err.err.Hint
	if c.HasParent() {
		hint = "the commands are " + strings.Join(visibleNames(c), ", ")
	}
	return err.withHint("%s", suggest.Hint(suggestion, hint))
}

// visibleNames returns the names of the commands below c that the help lists.
func visibleNames(c *cobra.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	return names
}

// otherWords has the words that other tools use for a command.
var otherWords = map[string][]string{
	"compare":  {"diff"},
	"create":   {"add", "new", "issue", "set"},
	"delete":   {"rm", "remove", "del", "destroy", "revoke"},
	"discard":  {"rm", "remove", "del", "delete", "abandon"},
	"doctor":   {"status", "health", "check-health"},
	"history":  {"versions", "log"},
	"list":     {"ls"},
	"login":    {"signin", "sign-in", "auth"},
	"logout":   {"signout", "sign-out"},
	"rename":   {"mv"},
	"render":   {"inject", "interpolate", "template"},
	"resolve":  {"get", "read", "cat"},
	"restore":  {"undelete", "recover"},
	"rollback": {"revert"},
	"run":      {"exec"},
	"set":      {"add", "create", "new", "put", "update", "write"},
	"show":     {"get", "read", "cat", "describe", "inspect", "view"},
}

// otherWord returns the command below c that other tools call by the word, or "".
func otherWord(c *cobra.Command, word string) string {
	for _, sub := range c.Commands() {
		if !sub.Hidden && slices.Contains(otherWords[sub.Name()], strings.ToLower(word)) {
			return sub.Name()
		}
	}
	return ""
}

// commandNames returns the names and aliases of the commands below c.
func commandNames(c *cobra.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			names = append(append(names, sub.Name()), sub.Aliases...)
		}
	}
	return names
}

// flagError says which flag is wrong. Unlike the library's own message, it
// repeats nothing that the user gave as a value.
func flagError(c *cobra.Command, err error) error {
	if c.HasSubCommands() && len(c.Flags().Args()) > 0 {
		// The command before the flags is misspelt. The flags may be right.
		return onlyCommands(c, c.Flags().Args())
	}
	var invalid interface{ GetValue() string }
	var unknown interface{ GetSpecifiedName() string }
	flag, known := flagOf(err)
	switch {
	case known && errors.As(err, &invalid):
		return usage(c, "the value of --%s must be %s", flag.Name, flagTypeText[flag.Value.Type()])
	case known:
		return usage(c, "--%s requires a value", flag.Name)
	case errors.As(err, &unknown):
		dashes := "--"
		if len(unknown.GetSpecifiedName()) == 1 {
			dashes = "-"
		}
		wrong := usage(c, "%s has no flag %s%s", c.CommandPath(), dashes, unknown.GetSpecifiedName())
		names := flagNames(c)
		if slices.Contains(names, "env") {
			names = append(names, wordOfEnv)
		}
		suggestion := suggest.Name(unknown.GetSpecifiedName(), names)
		if unknown.GetSpecifiedName() == wordOfEnv || suggestion == wordOfEnv {
			suggestion = "env"
		}
		if suggestion != "" {
			suggestion = "--" + suggestion
		}
		return wrong.withHint("%s", suggest.Hint(suggestion, wrong.err.Hint))
	}
	return usage(c, "the flags of %s cannot be parsed", c.CommandPath())
}

// wordOfEnv is what --env is short for.
const wordOfEnv = "environment"

// flagNames returns the names of the flags of a command.
func flagNames(c *cobra.Command) []string {
	names := []string{"help"}
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	c.InheritedFlags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// flagOf returns the flag that an error of the flag library is about.
func flagOf(err error) (flag *pflag.Flag, ok bool) {
	var about interface{ GetFlag() *pflag.Flag }
	if ok = errors.As(err, &about); ok {
		flag = about.GetFlag()
	}
	return flag, ok
}

// flagTypeText describes the values of a flag, by the type name of the flag library.
var flagTypeText = map[string]string{
	"bool": "true or false", "int": "a number", "int64": "a number", "duration": "a duration, such as 90m, 720h or 30d",
	"days":   "a number of days, such as 90, 90d or 2160h",
	"expiry": `a date (2027-01-31), a time (2027-01-31T12:00:00Z), a duration (90d or 2160h) or "never"`,
	"time":   "a duration before now, such as 2h or 7d, or a time, such as 2026-11-27T10:00:00Z",
	"fields": "true, false, or names of fields with commas between them",
}
