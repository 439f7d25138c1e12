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
			{"for", func(o backend.Object) string { return string(o.Principal) }},
			{"expires", func(o backend.Object) string { return formatTime(o.ExpiresAt) }},
			{"last used", func(o backend.Object) string { return formatTime(o.LastUsedAt) }},
			{"created", created}, {"migrated", func(o backend.Object) string { return yesIf(o.Migrated) }}, {"id", id},
		},
	}
	return a.objectGroup(o, a.createTokenCommand(), a.setTokenCommand(o))
}

func (a *app) createTokenCommand() *cobra.Command {
	var role, tokenName, description, principal string
	var binds, from []string
	var expires expiryFlag
	var noExpiry bool
	c := &cobra.Command{
		Use:   "create --role ROLE",
		Short: "Create a token and print it once",
		Long: `Creates a token and prints it on standard output. It cannot be shown again.

Roles:
  admin     change objects, reveal masked secrets, create tokens
  editor    change secrets and scoped values, deploy drafts, read metadata
  runtime   resolve references and read metadata
  revealer  reveal masked secrets and read metadata
  planner   plan: compare values, try changes without making them, read metadata
  auditor   read the audit log and metadata
  viewer    read metadata
  none      nothing but what the bindings of the token allow

The rights of a role apply everywhere. --bind gives a role in one project or
environment instead, and the token then has the role none.

A token is for a person or for a workload, which is a program such as a pipeline,
a service or Terraform. Only a workload gets the values of restricted secrets.

A token expires after 90 days, unless --expires or --no-expiry says otherwise.
With --from, it can be used only from the given networks. If you may not bind
everywhere, the new token cannot be valid for longer than yours, or from other
networks.`,
		Example: `  pouncet token create --role runtime --name pipelines > token
  pouncet token create --role admin --for workload --name terraform > token
  pouncet token create --bind runtime@shop/prod --name nightly > token
  pouncet token create --role viewer --expires 30d --json
  pouncet token create --role runtime --from 10.0.0.0/8 > token`,
		Args: arguments(0, 0, "no arguments"),
	}
	c.Flags().StringVar(&role, "role", "", "`role`: admin, editor, runtime, revealer, planner, auditor, viewer or none")
	c.Flags().StringArrayVar(&binds, "bind", nil,
		"give a `role` at some places, as runtime@PROJECT/ENVIRONMENT or viewer@PROJECT (repeat it for several)")
	c.Flags().StringVar(&principal, "for", "",
		"`who` has the token: person or workload (default workload for the role runtime, otherwise person)")
	takesWords(c, "role", backend.Roles...)
	takesWords(c, "for", principalKinds...)
	c.Flags().StringVar(&tokenName, "name", "", "`name` of the token (default the role and the time)")
	c.Flags().StringVar(&description, "description", "", "`text` that says what the token is for")
	mayBeEmpty(c, "description")
	c.Flags().Var(&expires, "expires",
		"`time` when the token expires: a duration such as 30d or 720h, a date (its midnight UTC), or a time (RFC 3339) "+
			"(default 90d)")
	c.Flags().BoolVar(&noExpiry, "no-expiry", false, "create a token that never expires")
	c.Flags().StringArrayVar(&from, "from", nil,
		"`network` from which the token can be used, such as 10.0.0.0/8, or an IP address (repeat it for several)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case role == "" && len(binds) > 0:
			role = string(backend.RoleNone)
		case role == "":
			return usage(c, "a role is required").withHint("set --role to %s, or --bind", backend.RoleNames())
		case len(binds) > 0 && role != string(backend.RoleNone):
			return usage(c, "--bind requires the role none, because the rights of a role apply everywhere")
		case noExpiry && c.Flags().Changed("expires"):
			return usage(c, "--expires and --no-expiry cannot be used together").withHint("leave out one of them")
		}
		bindings, err := parseBinds(c, binds)
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		r := backend.Role(role)
		change := backend.Change{
			Op: backend.OpCreate, Kind: backend.KindToken, Name: tokenName, Description: &description, Role: &r,
			SourceRanges: from,
		}
		if principal != "" {
			kind := backend.PrincipalKind(principal)
			change.Principal = &kind
		}
		if tokenName == "" {
			// Names allow no dot. The microseconds keep two quick calls apart.
			change.Name = strings.Replace(role+"-"+now.Format("20060102-150405.000000"), ".", "-", 1)
		}
		if noExpiry || c.Flags().Changed("expires") {
			change.ExpiresAt = &expires.at // zero for never
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			return a.createToken(ctx, s, change, bindings)
		})(c, nil)
	}
	return c
}

func (a *app) setTokenCommand(o objectCommand) *cobra.Command {
	var principal string
	c := &cobra.Command{
		Use:   "set NAME-OR-ID --for person|workload",
		Short: "Say who has a token",
		Long: `Says whether a person or a workload has a token. A workload is a program, such as
a pipeline, a service or Terraform. Only a workload gets the values of restricted
secrets. The change takes effect at once, and the audit log records it.`,
		Example: `  pouncet token set pipelines --for workload`,
		Args:    arguments(1, 1, "one name or id"),
	}
	c.Flags().StringVar(&principal, "for", "", "`who` has the token: person or workload")
	takesWords(c, "for", principalKinds...)
	c.RunE = func(c *cobra.Command, args []string) error {
		if principal == "" {
			return usage(c, "--for is required: it says who has the token").withHint("set --for to person or workload")
		}
		kind := backend.PrincipalKind(principal)
		return a.with(func(ctx context.Context, s backend.Service, args []string) error {
			token, err := a.findOne(ctx, s, o, args[0])
			if err != nil {
				return err
			}
			return a.apply(ctx, s, backend.Change{
				Op: backend.OpUpdate, Kind: backend.KindToken, ID: token.ID, Principal: &kind,
			})
		})(c, args)
	}
	return c
}

// parseBinds returns the grants of --bind.
func parseBinds(c *cobra.Command, binds []string) ([]backend.Grant, error) {
	var out []backend.Grant
	for _, text := range binds {
		role, where, hasWhere := strings.Cut(text, "@")
		project, environment, hasEnvironment := strings.Cut(where, "/")
		if role == "" || hasWhere && project == "" || hasEnvironment && environment == "" {
			return nil, usage(c, "--bind %s is not valid", backend.Quote(text)).
				withHint("write ROLE, ROLE@PROJECT or ROLE@PROJECT/ENVIRONMENT")
		}
		out = append(out, backend.Grant{Role: role, Where: backend.Where{Project: project, Environment: environment}})
	}
	return out, nil
}

// createToken creates a token with the metadata of a change, and prints it.
func (a *app) createToken(
	ctx context.Context, s backend.Service, change backend.Change, bindings []backend.Grant,
) error {
	token, hash := access.NewToken()
	change.TokenHash = hash
	changes := []backend.Change{change}
	for i, g := range bindings {
		g.To = backend.ToToken + change.Name
		changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding,
			Name: fmt.Sprintf("%s-%d", change.Name, i+1), Grant: &g})
	}
	out, err := s.Apply(ctx, backend.ChangeSet{Changes: changes})
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(map[string]any{"token": token, "object": out[0].Object})
		return nil
	}
	a.println(token)
	expiry := "it never expires"
	if at := out[0].Object.ExpiresAt; !at.IsZero() {
		expiry = "it expires at " + formatTime(at)
	}
	a.notef("created token %s with role %s for a %s; %s, and cannot be shown again", change.Name, *change.Role,
		out[0].Object.Principal, expiry)
	return nil
}

// warnOfMadeTokens names the tokens that a deleted token made, in a command that deletes them too: somebody who has
// stolen the token may have made them.
func (a *app) warnOfMadeTokens(o backend.Outcome) {
	if o.Object.Kind != backend.KindToken || len(o.Dependents) == 0 {
		return
	}
	command := "pouncet token delete"
	for _, d := range o.Dependents {
		command += " " + d.ID
	}
	made := make([]string, len(o.Dependents))
	for i, d := range o.Dependents {
		made[i] = d.Label
	}
	a.notef("pouncet: token %s made other tokens, which stay valid: %s", backend.Quote(o.Object.Name),
		backend.PrintableLine(backend.Enumerate(made)))
	a.notef("  if somebody has stolen it, delete them too: %s", command)
}
