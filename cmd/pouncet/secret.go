// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func (a *app) secretCommand() *cobra.Command {
	o := objectCommand{
		kind: backend.KindSecret, sample: "db_password --env prod", aliases: []string{"secrets"},
		short: "Manage secrets",
		long: `A secret is an encrypted value with a name, in one environment and scope. Every
new value makes a new version. Lists never show values.`,
		columns: []column{
			{"name", name}, {"environment", environment}, {"scope", scope},
			{"type", func(o backend.Object) string { return o.Type }},
			{"visibility", func(o backend.Object) string { return string(o.Visibility) }},
			{"version", func(o backend.Object) string { return strconv.FormatInt(o.Version, 10) }},
			{"updated", updated}, {"id", id},
		},
	}
	return a.objectGroup(o, a.setSecretCommand(o), a.editCommand(o), a.revealCommand(o), a.historyCommand(o),
		a.compareCommand(o),
		a.rollbackCommand(o), a.tagCommand(o), a.untagCommand(o))
}

var setSecretHelp = setText{
	short: "Create a secret, or change its value or metadata",
	long: `Creates a secret, or changes the one with this name or id. Flags that you leave
out change nothing. A new value makes a new version; an equal value does not.

No flag and no argument takes the value, because every process on a machine can
read the arguments of the others. The value comes from standard input (--stdin),
from a file (--file) or from the backend (--generate). Otherwise the command
asks for it at the terminal.

A value can be any bytes, such as a keystore. A value that is not UTF-8 is binary:
a configuration file holds it in base64, with | b64encode.

With --generate, the value of a JSON type gets new fields where its schema has
x-generate. The other fields are those of the current value or, with --stdin or
--file, of the input.`,
	example: `  pouncet secret set db_password --env prod
  printf %s "$PASSWORD" | pouncet secret set db_password --env prod --stdin
  pouncet secret set api_key --env prod --generate --note 'rotated after the incident'
  pouncet secret set db --env prod --type database_connection --file db.json
  pouncet secret set keystore --env prod --file keystore.p12
  pouncet secret set signing --env prod --type ed25519_key_pair --generate`,
}

func (a *app) setSecretCommand(o objectCommand) *cobra.Command {
	var from valueFlags
	var typeKey, visibility, note string
	var expect int64
	var rotationDays daysFlag
	var expires expiryFlag
	var protected bool
	c := a.setCommand(o, setSecretHelp, func(c *cobra.Command) {
		from.add(c)
		c.Flags().StringVar(&note, "note", "", "`text` that says why the value changes; it is kept with the version")
		c.Flags().StringVar(&typeKey, "type", "", "`key` of the secret type, \"\" for none")
		c.Flags().StringVar(&visibility, "visibility", "",
			"`visibility`: masked or restricted; nobody can reveal a restricted secret")
		takesWords(c, "visibility", visibilities...)
		c.Flags().Var(&rotationDays, "rotation-days",
			"`days` after which the value should be replaced, such as 90 or 90d; 0 for never (at most 3650)")
		c.Flags().Var(&expires, "expires",
			"`time` when the secret expires: a date (its midnight UTC), a time (RFC 3339), a duration such as 90d or 720h, or "+
				"\"never\"")
		c.Flags().BoolVar(&protected, "protected", false, "refuse to delete the secret; --deletion-protection is the same")
		c.Flags().Int64Var(&expect, "expect", 0,
			"fail unless the secret is at this `version`; 0 means that it does not exist")
		mayBeEmpty(c, "note", "type")
	}, func(c *cobra.Command, change *backend.Change) error {
		if expect < 0 {
			return usage(c, "--expect must not be negative")
		}
		change.Note = flagValue(c, "note", note)
		change.Type = flagValue(c, "type", typeKey)
		change.Visibility = flagValue(c, "visibility", backend.Visibility(visibility))
		change.Expect = flagValue(c, "expect", expect)
		change.RotationDays = flagValue(c, "rotation-days", rotationDays.days)
		change.Protected = flagValue(c, "protected", protected)
		change.ExpiresAt = flagValue(c, "expires", expires.at)
		if !expires.at.IsZero() && !expires.at.After(time.Now()) {
			a.noteText("pouncet: --expires is in the past, so no reference to the secret resolves any more")
		}
		return from.read(a, c, change)
	})
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 1 || (len(args) == 1 && strings.Contains(args[0], "=")) {
			return &usageError{backend.Errorf(backend.CodeInvalid,
				"a value cannot be an argument, because other processes can read arguments").
				WithHint("use the prompt, --stdin, --file or --generate; " +
					"if the argument was a secret, remove it from the history of your shell").At("value")}
		}
		return arguments(1, 1, "one name or id")(c, args)
	}
	return c
}

// promptIfNeeded asks for the value of a new secret if the flags name no source
// of it. It also asks for the value of an existing one at a terminal, if there
// is a note for a new value, or if nothing else is to be changed.
func (a *app) promptIfNeeded(ctx context.Context, s backend.Service, q backend.Query, c *backend.Change) error {
	if !c.Value.IsZero() || c.Generate != nil {
		return nil
	}
	if q.Scope == "" && q.ID == "" {
		q.Scope = backend.ProjectScope
	}
	page, err := s.Query(ctx, q)
	if err != nil && (a.draft == "" || !errors.Is(err, backend.ErrNotFound)) { // a draft may create the environment
		return err
	}
	needsValue := c.Note != nil || c.Description == nil && c.Labels == nil && c.Type == nil && c.Visibility == nil &&
		c.RotationDays == nil && c.ExpiresAt == nil && c.Protected == nil && c.ManagedBy == nil
	switch {
	case a.draft != "" && !needsValue:
		return nil // the draft may have the value
	case len(page.Objects) == 0 && q.ID != "":
		return nil // the backend reports that the id does not exist
	case len(page.Objects) > 0 && needsValue && isPiped(a.in):
		a.noteText("pouncet: standard input was not read: to read the value from it, add --stdin")
		return nil
	case len(page.Objects) > 0 && (!needsValue || !isTerminal(a.in)):
		return nil
	case len(page.Objects) > 0:
		q.Name = page.Objects[0].Name
	}
	c.Value, err = a.prompt(ctx, q.Name)
	return err
}

func (a *app) revealCommand(o objectCommand) *cobra.Command {
	var field, version string
	var to valueOutput
	c := &cobra.Command{
		Use:   "reveal NAME-OR-ID",
		Short: "Show the value of a masked secret",
		Long: `Prints the value of a masked secret, for a person. The audit log records it. It
needs the role admin. The value of a restricted secret cannot be revealed.

` + outputHelp,
		Example: `  pouncet secret reveal db_password --env dev
  pouncet secret reveal db --env dev --field password --version previous`,
		Args: arguments(1, 1, "one name or id"),
	}
	a.placeFlags(c)
	c.Flags().StringVar(&field, "field", "", "only this `field` of a JSON value, such as a.b[0]")
	c.Flags().StringVar(&version, "version", "", "`version` number, a tag, or \"previous\"")
	to.add(c)
	reveal := a.with(func(ctx context.Context, s backend.Service, args []string) error {
		secret, err := a.findOne(ctx, s, o, args[0])
		if err != nil {
			return err
		}
		ref, err := backend.RevealRef(ctx, s, secret)
		if err != nil {
			return err
		}
		ref.Field, ref.Version = field, version
		return a.printResolved(ctx, s, ref, secret.ID, to)
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := cmp.Or(to.check(a, c), checkVersions(version)); err != nil {
			return err
		}
		return reveal(c, args)
	}
	return c
}
