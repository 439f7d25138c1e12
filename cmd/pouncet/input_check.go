// SPDX-License-Identifier: MPL-2.0

package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The annotations that checkInput reads.
const (
	// annotationClears marks a flag that may be empty, because it sets a text and selects nothing.
	annotationClears = "pouncet_clears"
	// annotationForeign marks a command whose arguments, except for the first, belong to another program.
	annotationForeign = "pouncet_foreign_arguments"
)

// mayBeEmpty marks flags that may be empty.
func mayBeEmpty(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := c.Flags().SetAnnotation(name, annotationClears, nil); err != nil {
			panic(err) // a defect in this program: the command has no such flag
		}
	}
}

// checkInput rejects an empty flag or argument. It runs before every command,
// and nothing else decides this. A variable that a script forgot to set becomes
// an empty argument, which must not select everything or the default.
//
// It also rejects a word that a flag does not take, an invalid scope, which would select nothing, and an invalid name
// of a draft, before anything else is asked for or done.
func checkInput(c *cobra.Command, args []string) error {
	if c.Name() == cobra.ShellCompRequestCmd {
		return nil // the last argument of a completion is often empty
	}
	var wrong error
	c.Flags().Visit(func(f *pflag.Flag) {
		_, clears := f.Annotations[annotationClears]
		switch {
		case wrong != nil:
		case isEmpty(f) && !clears:
			wrong = usage(c, "--%s is empty", f.Name).
				withHint("give it a value, or leave it out; an unset variable of the shell is empty")
		default:
			wrong = checkWords(c, f)
		}
	})
	if wrong != nil {
		return wrong
	}
	if _, foreign := c.Annotations[annotationForeign]; foreign && len(args) > 1 {
		args = args[:1]
	}
	if i := slices.Index(args, ""); i >= 0 {
		return usage(c, "argument %d is empty", i+1).withHint("the command is: %s", c.UseLine())
	}
	if f := c.Flags().Lookup("scope"); f != nil && f.Changed {
		if err := backend.CheckScope(f.Value.String()); err != nil {
			return &usageError{err}
		}
	}
	if f := c.Flags().Lookup("draft"); f != nil && f.Changed {
		if err := backend.CheckName(backend.KindDraft, f.Value.String()); err != nil {
			return &usageError{err.At("draft")}
		}
	}
	return nil
}

// isEmpty reports whether a flag is empty or a list that has an empty element.
func isEmpty(f *pflag.Flag) bool {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		elements := list.GetSlice()
		return len(elements) == 0 || slices.Contains(elements, "")
	}
	if _, isDuration := f.Value.(*durationFlag); isDuration {
		return false // it is not valid if it is empty, and 0 shows as empty
	}
	return f.Value.String() == ""
}
