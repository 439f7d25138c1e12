// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func (a *app) resolveCommand() *cobra.Command {
	ref := backend.Ref{Kind: backend.KindSecret}
	var value bool
	c := &cobra.Command{
		Use:   "resolve NAME",
		Short: "Print the value that a reference stands for, for use by a program",
		Long: "Prints, byte for byte and without a newline (but at a terminal), what a reference to\n" +
			"the secret NAME stands for in --env. Restricted secrets resolve too: this is use, not\n" +
			"reveal. Exit code 3 if there is nothing.",
		Args: arguments(1, 1, "one name"),
	}
	a.placeFlags(c)
	c.Flags().BoolVar(&value, "value", false, "NAME is a scoped value, not a secret")
	c.Flags().StringVar(&ref.Field, "field", "", "only this field of a JSON value, as in a.b[0]")
	c.Flags().StringVar(&ref.Version, "version", "", `a version's number, or "previous"`)
	c.RunE = func(c *cobra.Command, args []string) error {
		if a.environmentName() == "" {
			return usage(c, "say which environment by --env or POUNCET_ENV")
		}
		return a.with(func(ctx context.Context, s backend.Service, args []string) error {
			ref.Project, ref.Environment, ref.Scope, ref.Name = a.projectName(), a.environmentName(), a.scope, args[0]
			if value {
				ref.Kind = backend.KindScopedValue
			}
			return a.resolveOne(ctx, s, ref, "")
		})(c, args)
	}
	return c
}
