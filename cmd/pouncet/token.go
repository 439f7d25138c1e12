// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

func (a *app) tokenCommand() *cobra.Command {
	o := objectCommand{
		kind: backend.KindToken, sample: "pipelines", aliases: []string{"tokens"},
		short: "Manage tokens for pouncet server",
		long: `A token lets a person or a program use a server. Each token has a role, which
says what it may do. The backend stores only a hash of the token.`,
		columns: []column{
			{"name", name}, {"role", func(o backend.Object) string { return string(o.Role) }},
			{"expires", func(o backend.Object) string { return formatTime(o.ExpiresAt) }},
			{"created", created}, {"migrated", func(o backend.Object) string { return yesIf(o.Migrated) }}, {"id", id},
		},
	}
	return a.objectGroup(o, a.createTokenCommand())
}

func (a *app) createTokenCommand() *cobra.Command {
	var role, tokenName, description string
	var expires time.Duration
	c := &cobra.Command{
		Use:   "create --role ROLE",
		Short: "Create a token and print it once",
		Long: `Creates a token and prints it on standard output. It cannot be shown again.

Roles:
  admin    change objects, reveal masked secrets, create tokens
  runtime  resolve references and read metadata
  planner  plan: compare values, try changes without making them, read metadata
  viewer   read metadata`,
		Example: `  pouncet token create --role runtime --name pipelines > token
  pouncet token create --role viewer --expires 720h --json`,
		Args: arguments(0, 0, "no arguments"),
	}
	c.Flags().StringVar(&role, "role", "", "`role`: admin, runtime, planner or viewer")
	c.Flags().StringVar(&tokenName, "name", "", "`name` of the token (default the role and the time)")
	c.Flags().StringVar(&description, "description", "", "`text` that says what the token is for")
	mayBeEmpty(c, "description")
	c.Flags().DurationVar(&expires, "expires", 0,
		"`duration` after which the token expires, such as 720h (default never)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if role == "" {
			return usage(c, "a role is required").withHint("set --role to admin, runtime, planner or viewer")
		}
		now := time.Now().UTC()
		r := backend.Role(role)
		change := backend.Change{
			Op: backend.OpCreate, Kind: backend.KindToken, Name: tokenName, Description: &description, Role: &r,
		}
		if tokenName == "" {
			// Names allow no dot. The microseconds keep two quick calls apart.
			change.Name = strings.Replace(role+"-"+now.Format("20060102-150405.000000"), ".", "-", 1)
		}
		if expires != 0 {
			at := now.Add(expires)
			change.ExpiresAt = &at
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			return a.createToken(ctx, s, change)
		})(c, nil)
	}
	return c
}

// createToken creates a token with the metadata of a change, and prints it.
func (a *app) createToken(ctx context.Context, s backend.Service, change backend.Change) error {
	token, hash := access.NewToken()
	change.TokenHash = hash
	out, err := s.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{change}})
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(map[string]any{"token": token, "object": out[0].Object})
		return nil
	}
	a.println(token)
	fmt.Fprintf(a.err, "created token %s with role %s; it cannot be shown again\n", change.Name, *change.Role)
	return nil
}
