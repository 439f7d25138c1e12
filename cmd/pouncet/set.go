// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// setCommand is the set of a noun: it makes a change from flags and applies it.
func (a *app) setCommand(n noun, use, short string, flags func(c *cobra.Command), fill func(c *cobra.Command, change *backend.Change) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: arguments(1, 1, "one name or id")}
	var description string
	var labels []string
	c.Flags().StringVar(&description, "description", "", "what it is for")
	c.Flags().StringArrayVar(&labels, "label", nil, `a label, as key=value; repeat for more; replaces all that are there ("" for none)`)
	if n.isEntry() {
		a.placeFlags(c)
	}
	flags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		q := a.query(n, args[0])
		change := backend.Change{Op: backend.OpSet, Kind: n.kind, ID: q.ID, Project: q.Project, Environment: q.Environment, Scope: q.Scope, Name: q.Name}
		if change.ID != "" {
			change.Op = backend.OpUpdate
		} else if n.isEntry() && change.Environment == "" {
			return usage(c, "say which environment by --env or POUNCET_ENV (--env '*' for all)")
		}
		change.Description = flag(c, "description", description)
		if c.Flags().Changed("label") {
			var ok bool
			if change.Labels, ok = parseLabels(labels); !ok {
				return usage(c, "a label is key=value")
			}
		}
		if err := fill(c, &change); err != nil {
			return err
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			if n.kind == backend.KindSecret {
				if err := a.promptIfNew(ctx, s, q, &change); err != nil {
					return err
				}
			}
			return a.apply(ctx, s, change)
		})(c, nil)
	}
	return c
}

// parseLabels parses key=value. Only the first "=" and no comma separates anything.
func parseLabels(given []string) (map[string]string, bool) {
	labels := map[string]string{}
	for _, l := range given {
		if l == "" {
			continue
		}
		key, value, ok := strings.Cut(l, "=")
		if !ok {
			return nil, false
		}
		labels[key] = value
	}
	return labels, true
}

// flag is the value of a flag that was given, nil otherwise.
func flag[T any](c *cobra.Command, name string, value T) *T {
	if !c.Flags().Changed(name) {
		return nil
	}
	return &value
}

func (a *app) projectCommand() *cobra.Command {
	n := noun{backend.KindProject, "project", []string{"projects"}, "Projects: ownership, quota and naming policy", []column{
		{"name", name}, {"secrets", quota}, {"description", description}, {"created", created}, {"id", id},
	}}
	var p struct {
		maxSecrets, maxValueBytes, maxNameLength, recoveryDays int
		namePattern, visibility                                string
		immutable, forbidFingerprints                          bool
	}
	return a.group(n, a.setCommand(n, "set NAME-OR-ID", "Create a project, or change its policy", func(c *cobra.Command) {
		c.Flags().IntVar(&p.maxSecrets, "max-secrets", 0, "quota of secrets, all environments together (default 100)")
		c.Flags().IntVar(&p.maxValueBytes, "max-value-bytes", 0, "largest value (default and most 65536)")
		c.Flags().IntVar(&p.maxNameLength, "max-name-length", 0, "longest name (default and most 256)")
		c.Flags().StringVar(&p.namePattern, "name-pattern", "", "regular expression (RE2) that names must match as well")
		c.Flags().BoolVar(&p.immutable, "immutable-names", false, "forbid renaming secrets and values")
		c.Flags().IntVar(&p.recoveryDays, "recovery-days", 0, "how long deleted secrets and values can be restored (0 to 90; default 7)")
		c.Flags().BoolVar(&p.forbidFingerprints, "forbid-fingerprints", false, "hand out no fingerprints of values: Terraform plans then ask about each")
		c.Flags().StringVar(&p.visibility, "default-visibility", "", "of new secrets: masked or restricted")
	}, func(c *cobra.Command, change *backend.Change) error {
		policy := backend.PolicyChange{
			MaxSecrets:         flag(c, "max-secrets", p.maxSecrets),
			MaxValueBytes:      flag(c, "max-value-bytes", p.maxValueBytes),
			MaxNameLength:      flag(c, "max-name-length", p.maxNameLength),
			NamePattern:        flag(c, "name-pattern", p.namePattern),
			ImmutableNames:     flag(c, "immutable-names", p.immutable),
			DefaultVisibility:  flag(c, "default-visibility", backend.Visibility(p.visibility)),
			RecoveryDays:       flag(c, "recovery-days", p.recoveryDays),
			ForbidFingerprints: flag(c, "forbid-fingerprints", p.forbidFingerprints),
		}
		if policy != (backend.PolicyChange{}) {
			change.Policy = &policy
		}
		return nil
	}))
}

func (a *app) environmentCommand() *cobra.Command {
	n := noun{backend.KindEnvironment, "env", []string{"environment", "envs", "environments"}, "Environments of a project", []column{
		{"name", name}, {"protected", func(o backend.Object) string { return map[bool]string{true: "yes"}[o.Protected] }},
		{"description", description}, {"created", created}, {"id", id},
	}}
	var kmsKey string
	var protected bool
	return a.group(n, a.setCommand(n, "set NAME-OR-ID", "Create an environment, or change it", func(c *cobra.Command) {
		c.Flags().StringVar(&kmsKey, "kms-key", "", "URI of a KMS key of its own, fixed at creation: aws-kms:///alias/NAME or file:///PATH")
		c.Flags().BoolVar(&protected, "protected", false, "refuse to delete it")
	}, func(c *cobra.Command, change *backend.Change) error {
		change.KMSKey, change.Protected = flag(c, "kms-key", kmsKey), flag(c, "protected", protected)
		return nil
	}))
}

func (a *app) typeCommand() *cobra.Command {
	n := noun{backend.KindSecretType, "type", []string{"types"}, "Secret types: a JSON Schema that values are held against", []column{
		{"key", name}, {"display name", func(o backend.Object) string { return o.DisplayName }},
		{"built in", func(o backend.Object) string { return map[bool]string{true: "yes"}[o.BuiltIn] }}, {"description", description},
	}}
	var schemaFile, displayName string
	return a.group(n, a.setCommand(n, "set KEY-OR-ID", "Create a type, or change it", func(c *cobra.Command) {
		c.Flags().StringVar(&schemaFile, "schema-file", "", "file with the JSON Schema (draft 2020-12)")
		c.Flags().StringVar(&displayName, "display-name", "", "its name for people")
	}, func(c *cobra.Command, change *backend.Change) error {
		change.DisplayName = flag(c, "display-name", displayName)
		if schemaFile == "" {
			return nil
		}
		text, err := os.ReadFile(schemaFile)
		if err != nil {
			return backend.Errorf(backend.CodeInvalid, "reading the schema: %w", err).At("schema")
		}
		change.Schema = text
		return nil
	}))
}

func (a *app) valueCommand() *cobra.Command {
	n := noun{backend.KindScopedValue, "value", []string{"values"}, "Scoped values: plain JSON, or a link to a secret", []column{
		{"name", name}, {"environment", environment}, {"scope", scope},
		{"value", func(o backend.Object) string {
			if o.Link != nil {
				return "→ " + linkText(o)
			}
			return shorten(string(o.JSON))
		}}, {"updated", updated},
	}}
	var text, jsonText, secret, field string
	return a.group(n, a.setCommand(n, "set NAME-OR-ID", "Create a scoped value, or change it (it is not secret)", func(c *cobra.Command) {
		c.Flags().StringVar(&text, "string", "", "the value, a string")
		c.Flags().StringVar(&jsonText, "json-value", "", "the value, as JSON")
		c.Flags().StringVar(&secret, "from-secret", "", "link to the secret of this name, looked up where the value is used")
		c.Flags().StringVar(&field, "field", "", "with --from-secret: only this field of it, as in a.b[0]")
	}, func(c *cobra.Command, change *backend.Change) error {
		given := 0
		for _, name := range []string{"string", "json-value", "from-secret"} {
			if c.Flags().Changed(name) {
				given++
			}
		}
		switch {
		case given > 1:
			return usage(c, "--string, --json-value and --from-secret exclude one another")
		case field != "" && secret == "":
			return usage(c, "--field goes with --from-secret")
		case c.Flags().Changed("string"):
			encoded, err := json.Marshal(text)
			if err != nil {
				return fmt.Errorf("encoding the value: %w", err)
			}
			change.JSON = encoded
		case c.Flags().Changed("json-value"):
			change.JSON = json.RawMessage(jsonText)
		case secret != "":
			change.Link = &backend.Link{Secret: secret, Field: field}
		}
		return nil
	}), a.restoreCommand(n))
}

func shorten(s string) string {
	const most = 48
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
