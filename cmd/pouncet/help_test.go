// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pouncet/terraform-provider-pouncet/cmd/mask"
)

// allCommands returns every command of a new program, the root first.
func allCommands() []*cobra.Command {
	var all []*cobra.Command
	var add func(c *cobra.Command)
	add = func(c *cobra.Command) {
		all = append(all, c)
		for _, sub := range c.Commands() {
			add(sub)
		}
	}
	root := (&app{out: &output{}}).root()
	checkCompletionCommand(root)
	add(root)
	return all
}

// TestNoFlagTakesASecret looks at the name of every flag. A flag that takes a
// secret value would show it to every process on the machine.
func TestNoFlagTakesASecret(t *testing.T) {
	all := allCommands()
	for _, c := range all {
		for _, name := range []string{"value", "secret", "password", "token", "key"} {
			if f := c.Flags().Lookup(name); f != nil && f.Value.Type() == "string" {
				t.Errorf("%s has a flag --%s", c.CommandPath(), name)
			}
		}
	}
	if len(all) < 30 {
		t.Errorf("only %d commands were checked", len(all))
	}
}

func TestHelpIsComplete(t *testing.T) {
	verb := regexp.MustCompile(`^[A-Z][a-z]+( |$)`)
	for _, c := range allCommands() {
		path := c.CommandPath()
		if !verb.MatchString(c.Short) || strings.HasSuffix(c.Short, ".") || len(c.Short) > 75 {
			t.Errorf("%s: the short help must be one line that starts with a verb: %q", path, c.Short)
		}
		if !strings.Contains(c.Long, ".") && !c.IsAdditionalHelpTopicCommand() {
			t.Errorf("%s has no long help", path)
		}
		if c.Example == "" && !c.IsAdditionalHelpTopicCommand() {
			t.Errorf("%s has no example", path)
		}
		for line := range strings.Lines(c.Long) {
			if len(strings.TrimRight(line, "\n")) > 82 {
				t.Errorf("%s: the line is too long for a terminal: %q", path, line)
			}
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			first := []rune(strings.TrimPrefix(f.Usage, "`"))[0]
			acronym := strings.HasPrefix(f.Usage, "`") && strings.ToUpper(f.Usage[1:3]) == f.Usage[1:3]
			if unicode.IsUpper(first) && !acronym || strings.HasSuffix(f.Usage, ".") {
				t.Errorf("%s --%s: the usage must start in lower case and have no full stop: %q", path, f.Name, f.Usage)
			}
		})
	}
}

// TestExamplesAreValid parses every example in a help text.
func TestExamplesAreValid(t *testing.T) {
	n := 0
	for _, c := range allCommands() {
		for line := range strings.Lines(c.Example) {
			_, rest, ok := strings.Cut(line, "pouncet ")
			if !ok {
				continue // of another program
			}
			n++
			args := exampleArguments(rest)
			root := (&app{out: &output{}}).root()
			checkCompletionCommand(root)
			named, left, err := root.Find(args)
			if err == nil {
				err = named.ParseFlags(left)
			}
			if err == nil {
				err = named.ValidateArgs(named.Flags().Args())
			}
			if err != nil || !named.Runnable() || named == root {
				t.Errorf("%s: the example is not valid: %q: %v", c.CommandPath(), args, err)
			}
			if c.HasParent() && !c.HasSubCommands() && named.CommandPath() != c.CommandPath() && c.Name() != "help" {
				t.Errorf("%s: the example is about another command: %q", c.CommandPath(), args)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d examples were checked", n)
	}
}

// exampleArguments splits a line of a shell as far as the examples need it.
func exampleArguments(line string) []string {
	words := regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`).FindAllString(line, -1)
	if end := slices.IndexFunc(words, func(w string) bool { return strings.Contains("|<>#", w) }); end >= 0 {
		words = words[:end]
	}
	for i, w := range words {
		words[i] = strings.Trim(w, `'"`)
	}
	return words
}

func TestHelp(t *testing.T) {
	for _, c := range []struct {
		args       string
		code       int
		out, stdin string
	}{
		{args: "help", out: "Use secrets:"},
		{args: "help secret set", out: "pouncet secret set NAME-OR-ID [flags]"},
		{args: "help exit-codes", out: "  130  interrupted\n"},
		{args: "help settings", out: "  POUNCET_ENDPOINT    --endpoint"},
		{args: "exit-codes", out: "  130  interrupted\n"},
		{args: "help secret nonsense", code: exitUsage},
		{args: "help nonsense", code: exitUsage},
	} {
		var out, stderr bytes.Buffer
		code := run(context.Background(), strings.Fields(c.args), streams{strings.NewReader(""), &out, &stderr})
		if code != c.code || !strings.Contains(out.String(), c.out) || strings.Contains(stderr.String(), "nonsense") {
			t.Errorf("%s: exit code %d\n%s%s", c.args, code, out.String(), stderr.String())
		}
	}
}

func TestRunHelpNamesTheShortestMaskedValue(t *testing.T) {
	if want := fmt.Sprintf("a value of %d bytes or more", mask.Least); !strings.Contains(runHelp, want) {
		t.Errorf("the help does not say %q", want)
	}
}

func TestMisspeltCommandsAreSuggested(t *testing.T) {
	for args, want := range map[string]string{
		"secrt list":                  "did you mean pouncet secret?",
		"secrt list --env prod":       "did you mean pouncet secret?",
		"--json=false secrt --stdin":  "did you mean pouncet secret?",
		"secret lst":                  "did you mean pouncet secret list?",
		"help secrt":                  "did you mean pouncet secret?",
		"help secret lst":             "did you mean pouncet secret list?",
		"secret create x":             "did you mean pouncet secret set?",
		"secret get x":                "did you mean pouncet secret show?",
		"env rm x --force":            "did you mean pouncet env delete?",
		"token add":                   "did you mean pouncet token create?",
		"get x --env dev":             "did you mean pouncet resolve?",
		"help env create":             "did you mean pouncet env set?",
		"help exit-code":              "did you mean pouncet exit-codes?",
		"secret list --jsn":           "did you mean --json?",
		"secret set x --envv y":       "did you mean --env?",
		"secret delete x --purg":      "did you mean --purge?",
		"secret list -x":              "read the help: pouncet secret list --help",
		"CANARY-a-secret --env prod":  "read the help: pouncet --help",
		"help CANARY-a-secret":        "read the help: pouncet --help",
		"draft CANARY-a-secret --env": "the commands are deploy, discard, drop, list, refresh, set, show",
	} {
		var out, stderr bytes.Buffer
		code := run(context.Background(), strings.Fields(args), streams{strings.NewReader(""), &out, &stderr})
		if code != exitUsage || !strings.HasSuffix(stderr.String(), "\n  "+want+"\n") ||
			strings.Contains(stderr.String(), "CANARY") {
			t.Errorf("%s: exit code %d\n%s", args, code, stderr.String())
		}
	}
}
