// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// clearingFlags are the flags that may be empty: they set a text, and select nothing.
var clearingFlags = []string{
	"binding create --description", "draft set --description", "env set --description", "env set --label",
	"env set --managed-by", "group set --description", "profile set --ca-cert-file",
	"profile set --client-cert-file", "profile set --client-key-file", "profile set --endpoint", "profile set --env",
	"profile set --project", "project set --description", "project set --label", "project set --managed-by",
	"project set --name-pattern", "role set --description", "secret edit --note", "secret set --description",
	"secret set --label", "secret set --managed-by", "secret set --note", "secret set --type",
	"token create --description", "trust set --description", "trust set --keys-file", "type set --description",
	"type set --display-name", "type set --label",
	"type set --managed-by", "value set --description", "value set --label", "value set --managed-by",
	"value set --string",
}

// runnableCommands returns the commands that do something, and for each the fewest arguments that it takes.
func runnableCommands(t *testing.T) map[*cobra.Command][]string {
	out := map[*cobra.Command][]string{}
	for _, c := range allCommands() {
		if c.IsAdditionalHelpTopicCommand() {
			continue
		}
		args := []string{}
		for c.ValidateArgs(args) != nil {
			if args = append(args, "x"); len(args) > 5 {
				t.Fatalf("%s takes no number of arguments", c.CommandPath())
			}
		}
		out[c] = args
	}
	return out
}

// rejects runs a command that must end with exit code 2 and an error that contains want.
func rejects(t *testing.T, want string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // a command that is not rejected must not run
	var out, stderr bytes.Buffer
	code := run(ctx, args, streams{strings.NewReader(""), &out, &stderr})
	if code != exitUsage || !strings.Contains(stderr.String(), want) || out.Len() > 0 {
		t.Errorf("pouncet %q: exit code %d, want %d and %q\n%s%s", args, code, exitUsage, want, out.String(),
			stderr.String())
	}
}

// Empty never means any: every flag of every command.
func TestEmptyFlagsAreRejected(t *testing.T) {
	t.Chdir(t.TempDir())
	var clearing []string
	n := 0
	for c, args := range runnableCommands(t) {
		path := strings.Fields(c.CommandPath())[1:]
		check := func(f *pflag.Flag) {
			n++
			if _, clears := f.Annotations[annotationClears]; clears {
				clearing = append(clearing, strings.Join(path, " ")+" --"+f.Name)
				return
			}
			want := "--" + f.Name + " is empty"
			if f.NoOptDefVal != "" || flagTypeText[f.Value.Type()] != "" {
				want = "the value of --" + f.Name + " must be "
			}
			rejects(t, want, slices.Concat(path, []string{"--" + f.Name + "="}, args)...)
			if _, isList := f.Value.(pflag.SliceValue); isList {
				rejects(t, want, slices.Concat(path, []string{"--" + f.Name + "=x", "--" + f.Name, ""}, args)...)
			}
		}
		c.InheritedFlags().VisitAll(check)
		c.LocalFlags().VisitAll(check)
	}
	slices.Sort(clearing)
	if !slices.Equal(clearing, clearingFlags) {
		t.Errorf("the flags that may be empty are:\n%s", strings.Join(clearing, "\n"))
	}
	if n < 200 {
		t.Errorf("only %d flags were checked", n)
	}
}

// Empty never means any: every argument of every command.
func TestEmptyArgumentsAreRejected(t *testing.T) {
	t.Chdir(t.TempDir())
	checked := map[string]int{}
	for c, args := range runnableCommands(t) {
		path := strings.Fields(c.CommandPath())[1:]
		if c.ValidateArgs(append(args, "x")) == nil { // it takes more
			args = append(args, "x")
		}
		if _, foreign := c.Annotations[annotationForeign]; foreign {
			args = args[:1]
		}
		for i := range args {
			checked[c.CommandPath()]++
			empty := slices.Clone(args)
			empty[i] = ""
			rejects(t, fmt.Sprintf("argument %d is empty", i+1), slices.Concat(path, empty)...)
		}
	}
	if len(checked) < 25 {
		t.Errorf("only %d commands were checked: %q", len(checked), slices.Sorted(maps.Keys(checked)))
	}
}

// A command with its own function of this kind would not be checked.
func TestEveryCommandChecksItsInput(t *testing.T) {
	for _, c := range allCommands() {
		if c.HasParent() && (c.PersistentPreRun != nil || c.PersistentPreRunE != nil) {
			t.Errorf("%s replaces the check of the root command", c.CommandPath())
		}
	}
}

func TestCompletionOfAnEmptyWord(t *testing.T) {
	var out, stderr bytes.Buffer
	code := run(context.Background(), []string{"__complete", "secret", ""}, streams{strings.NewReader(""), &out, &stderr})
	if code != exitOK || !strings.Contains(out.String(), "delete") {
		t.Errorf("exit code %d\n%s%s", code, out.String(), stderr.String())
	}
}
