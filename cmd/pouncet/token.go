// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

func (a *app) tokenCommand() *cobra.Command {
	n := noun{backend.KindToken, "token", []string{"tokens"}, "Tokens for pouncet server", []column{
		{"name", name}, {"role", func(o backend.Object) string { return string(o.Role) }},
		{"expires", func(o backend.Object) string { return date(o.ExpiresAt) }}, {"created", created}, {"id", id},
	}}
	var role, tokenName, description string
	var expires time.Duration
	create := &cobra.Command{
		Use:   "create",
		Short: "Make a token and print it, this once",
		Long: "Makes a token and prints it to standard output; it cannot be shown again.\n\nRoles:\n" +
			"  admin    everything: change objects, reveal masked secrets, make tokens\n" +
			"  runtime  resolve references, and see metadata\n" +
			"  viewer   see metadata",
		Args: arguments(0, 0, "no arguments"),
	}
	create.Flags().StringVar(&role, "role", "", "admin, runtime or viewer")
	create.Flags().StringVar(&tokenName, "name", "", "what to call it (default: role and date)")
	create.Flags().StringVar(&description, "description", "", "what it is for")
	create.Flags().DurationVar(&expires, "expires", 0, "after this time it is not accepted, as in 720h (default never)")
	create.RunE = func(c *cobra.Command, _ []string) error {
		if role == "" {
			return usage(c, "say which role by --role: admin, runtime or viewer")
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			now := time.Now().UTC()
			if tokenName == "" {
				tokenName = role + "-" + now.Format("20060102-150405.000000")
				tokenName = tokenName[:len(tokenName)-7] + "-" + tokenName[len(tokenName)-6:]
			}
			token, hash := access.NewToken()
			r := backend.Role(role)
			change := backend.Change{Op: backend.OpCreate, Kind: n.kind, Name: tokenName, Role: &r, TokenHash: hash, Description: &description}
			if expires != 0 {
				at := now.Add(expires)
				change.ExpiresAt = &at
			}
			out, err := s.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{change}})
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(map[string]any{"token": token, "object": out[0].Object})
				return nil
			}
			a.println(token)
			fmt.Fprintf(a.err, "created token %s with role %s; it is not shown again\n", tokenName, role)
			return nil
		})(c, nil)
	}
	return a.group(n, create)
}
