// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// setText is the help of a set command.
type setText struct{ short, long, example string }

// setCommand returns the set command of a kind of object. addFlags adds the
// flags of the kind, and fill puts their values into the change.
func (a *app) setCommand(
	o objectCommand, text setText,
	addFlags func(c *cobra.Command), fill func(c *cobra.Command, change *backend.Change) error,
) *cobra.Command {
	c := &cobra.Command{
		Use: "set NAME-OR-ID", Short: text.short, Long: text.long, Example: text.example,
		Args: arguments(1, 1, "one name or id"),
	}
	var description, managedBy string
	var labels []string
	var yes bool
	if o.kind == backend.KindProject {
		c.Flags().BoolVar(&yes, "yes", false, yesUsage)
	}
	c.Flags().StringVar(&description, "description", "", "`text` that says what the "+o.kind.String()+" is for")
	c.Flags().StringArrayVar(&labels, "label", nil,
		"`KEY=VALUE`; repeat for more labels; they replace all existing labels (\"\" removes them)")
	c.Flags().StringVar(&managedBy, "managed-by", "",
		"`name` of the tool that manages the "+o.kind.String()+", such as terraform (\"\" for none)")
	mayBeEmpty(c, "description", "label", "managed-by")
	if o.isEntry() {
		a.placeFlags(c)
	}
	a.draftFlag(c)
	addFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		q := a.query(o, args[0])
		change := backend.Change{
			Op: backend.OpSet, Kind: o.kind, ID: q.ID,
			Project: q.Project, Environment: q.Environment, Scope: q.Scope, Name: q.Name,
		}
		if change.ID != "" {
			change.Op = backend.OpUpdate
		} else if o.isEntry() && change.Environment == "" {
			return usage(c, "an environment is required").
				withHint("set --env or POUNCET_ENV; --env '*' means every environment")
		}
		change.Description = flagValue(c, "description", description)
		change.ManagedBy = flagValue(c, "managed-by", managedBy)
		if c.Flags().Changed("label") {
			var ok bool
			if change.Labels, ok = parseLabels(labels); !ok {
				return usage(c, "--label must be KEY=VALUE")
			}
		}
		if err := fill(c, &change); err != nil {
			return err
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			if o.kind == backend.KindSecret {
				if err := a.promptIfNeeded(ctx, s, q, &change); err != nil {
					return err
				}
			}
			if o.kind == backend.KindProject {
				if err := a.checkProject(c, s, q, change, yes); err != nil {
					return err
				}
			}
			return withFlagName(c, a.apply(ctx, s, change))
		})(c, nil)
	}
	return c
}

// withFlagName lets an error about an attribute begin with the flag for it.
func withFlagName(c *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	e := *backend.AsError(err)
	flag := strings.ReplaceAll(e.Attribute, "_", "-")
	if e.Attribute == "json" {
		flag = "json-value" // --json is about the output
	}
	rest, about := strings.CutPrefix(e.Message, e.Attribute+" ")
	if e.Attribute == "" || !about || c.Flags().Lookup(flag) == nil {
		return err
	}
	e.Message = "--" + flag + " " + rest
	if e.Code == backend.CodeInvalid && c.Flags().Changed(flag) {
		return (&usageError{&e}).withHint("%s", cmp.Or(e.Hint, "read the help: "+c.CommandPath()+" --help"))
	}
	return &e
}

// parseLabels parses KEY=VALUE. Only the first "=" separates; a value may hold
// any character.
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

// flagValue returns the value of a flag, or nil if the flag was not given.
func flagValue[T any](c *cobra.Command, name string, value T) *T {
	if !c.Flags().Changed(name) {
		return nil
	}
	return &value
}

func (a *app) projectCommand() *cobra.Command {
	o := objectCommand{
		kind: backend.KindProject, sample: "shop", aliases: []string{"projects"},
		short: "Manage projects",
		long: `A project is the unit of ownership, quota and naming policy. It holds
environments, secrets and scoped values.`,
		columns: []column{
			{"name", name}, {"secrets", quotaText}, {"description", description}, {"created", created}, {"id", id},
		},
	}
	text := setText{
		short: "Create a project, or change its policy",
		long: `Creates a project, or changes the policy of the one with this name or id. Flags
that you leave out change nothing.`,
		example: `  pouncet project set shop --max-secrets 500
  pouncet project set shop --name-pattern '^[a-z_]+$' --immutable-names`,
	}
	var p struct {
		maxSecrets, maxValueBytes, maxNameLength, maxVersions int

		recoveryDays, versionDays daysFlag

		namePattern, visibility, duplicates string
		immutable, forbidFingerprints       bool
	}
	return a.objectGroup(o, a.setCommand(o, text, func(c *cobra.Command) {
		f := c.Flags()
		f.IntVar(&p.maxSecrets, "max-secrets", 0, "highest `number` of secrets in all environments (default 100)")
		f.IntVar(&p.maxValueBytes, "max-value-bytes", 0,
			"size of the largest value in `bytes` (default and limit 65536)")
		f.IntVar(&p.maxNameLength, "max-name-length", 0, "`length` of the longest name (default and limit 256)")
		f.StringVar(&p.namePattern, "name-pattern", "", "regular `expression` (RE2) that every name must match")
		f.BoolVar(&p.immutable, "immutable-names", false, "forbid renaming secrets and scoped values")
		f.Var(&p.recoveryDays, "recovery-days",
			"recovery window in `days`, 0 to 90, in which a deletion can be undone (default 7)")
		f.IntVar(&p.maxVersions, "max-versions", 0,
			"`number` of versions of a secret that are kept, with those that have a tag; 0 keeps all (default 0)")
		f.Var(&p.versionDays, "version-days",
			"`days` for which old versions of a secret are kept; 0 keeps them for ever (default 0)")
		f.BoolVar(&p.forbidFingerprints, "forbid-fingerprints", false,
			"return no fingerprints of values; the backend then makes all comparisons of a Terraform plan")
		f.StringVar(&p.visibility, "default-visibility", "", "`visibility` of new secrets: masked or restricted")
		f.StringVar(&p.duplicates, "duplicates", "", "what a write does if another secret of the project has the same "+
			"`value`: allow, note or refuse (default allow)")
		takesWords(c, "default-visibility", visibilities...)
		takesWords(c, "duplicates", duplicatesWords...)
		mayBeEmpty(c, "name-pattern")
	}, func(c *cobra.Command, change *backend.Change) error {
		policy := backend.PolicyChange{
			MaxSecrets:         flagValue(c, "max-secrets", p.maxSecrets),
			MaxValueBytes:      flagValue(c, "max-value-bytes", p.maxValueBytes),
			MaxNameLength:      flagValue(c, "max-name-length", p.maxNameLength),
			NamePattern:        flagValue(c, "name-pattern", p.namePattern),
			ImmutableNames:     flagValue(c, "immutable-names", p.immutable),
			DefaultVisibility:  flagValue(c, "default-visibility", backend.Visibility(p.visibility)),
			RecoveryDays:       flagValue(c, "recovery-days", p.recoveryDays.days),
			MaxVersions:        flagValue(c, "max-versions", p.maxVersions),
			VersionDays:        flagValue(c, "version-days", p.versionDays.days),
			ForbidFingerprints: flagValue(c, "forbid-fingerprints", p.forbidFingerprints),
			Duplicates:         flagValue(c, "duplicates", backend.Duplicates(p.duplicates)),
		}
		if policy != (backend.PolicyChange{}) {
			change.Policy = &policy
		}
		return nil
	}))
}

func (a *app) environmentCommand() *cobra.Command {
	o := objectCommand{
		kind: backend.KindEnvironment, sample: "staging",
		aliases: []string{"environment", "envs", "environments"},
		short:   "Manage environments",
		long: `An environment, such as dev or prod, is a named part of a project. Secrets of
different environments are encrypted under different keys.`,
		columns: []column{
			{"name", name}, {"protected", func(o backend.Object) string { return yesIf(o.Protected) }},
			{"description", description}, {"created", created}, {"id", id},
		},
	}
	text := setText{
		short: "Create an environment, or change it",
		long: `Creates an environment, or changes the one with this name or id. Another KMS key
wraps the keys of the environment again, and changes no value.`,
		example: `  pouncet env set dev
  pouncet env set prod --protected --kms-key aws-kms:///alias/prod`,
	}
	var kmsKey string
	var protected bool
	return a.objectGroup(o, a.setCommand(o, text, func(c *cobra.Command) {
		c.Flags().StringVar(&kmsKey, "kms-key", "",
			"`URI` of the environment's own KMS key: aws-kms:///alias/NAME or file:///PATH")
		c.Flags().BoolVar(&protected, "protected", false,
			"refuse to delete the environment; --deletion-protection is the same")
	}, func(c *cobra.Command, change *backend.Change) error {
		change.KMSKey, change.Protected = flagValue(c, "kms-key", kmsKey), flagValue(c, "protected", protected)
		return nil
	}), a.environmentDiffCommand(), a.copyNamesCommand())
}

func (a *app) typeCommand() *cobra.Command {
	o := objectCommand{
		kind: backend.KindSecretType, sample: "pin", aliases: []string{"types"},
		short: "Manage secret types",
		long: `A secret type is a JSON Schema. The value of every secret of the type must be
valid for the schema. Built-in types cannot be changed.`,
		columns: []column{
			{"key", name}, {"display name", func(o backend.Object) string { return o.DisplayName }},
			{"built in", func(o backend.Object) string { return yesIf(o.BuiltIn) }}, {"description", description},
		},
	}
	text := setText{
		short: "Create a secret type, or change it",
		long: `Creates a secret type, or changes the one with this key or id. Existing secrets
must be valid for a changed schema.`,
		example: `  pouncet type set pin --schema-file pin.json --display-name PIN`,
	}
	var schemaFile, displayName string
	set := a.setCommand(o, text, func(c *cobra.Command) {
		c.Flags().StringVar(&schemaFile, "schema-file", "", "`file` with the JSON Schema (draft 2020-12)")
		c.Flags().StringVar(&displayName, "display-name", "", "`name` for people")
		mayBeEmpty(c, "display-name")
	}, func(c *cobra.Command, change *backend.Change) error {
		change.DisplayName = flagValue(c, "display-name", displayName)
		if schemaFile == "" {
			return nil
		}
		text, err := readNamed(c.Context(), "schema", schemaFile)
		if err != nil {
			return err
		}
		change.Schema = text
		return nil
	})
	set.Use = "set KEY-OR-ID"
	return a.objectGroup(o, set)
}

func (a *app) valueCommand() *cobra.Command {
	o := objectCommand{
		kind: backend.KindScopedValue, sample: "region --env prod", aliases: []string{"values"},
		short: "Manage scoped values",
		long: `A scoped value is a plain JSON value or a link to a secret, in one environment and
scope. A plain value is not secret: it is not encrypted, and lists show it.`,
		columns: []column{
			{"name", name}, {"environment", environment}, {"scope", scope},
			{"value", func(o backend.Object) string {
				if o.Link != nil {
					return "→ " + linkText(o)
				}
				return shorten(string(o.JSON))
			}}, {"updated", updated},
		},
	}
	return a.objectGroup(o, a.setValueCommand(o))
}

func (a *app) setValueCommand(o objectCommand) *cobra.Command {
	text := setText{
		short: "Create a scoped value, or change it",
		long: `Creates a scoped value, or changes the one with this name or id. The value is a
string, JSON, or a link to a secret. Use "pouncet secret set" for a secret.

A link is looked up in the environment and scope of the reference that uses it.`,
		example: `  pouncet value set region --env prod --string eu-west-1
  pouncet value set limits --env '*' --json-value '{"rows": 1000}'
  pouncet value set banner --env prod --stdin < banner.txt
  pouncet value set db_host --env prod --from-secret db --field host`,
	}
	var v scopedValueFlags
	return a.setCommand(o, text, v.add, func(c *cobra.Command, change *backend.Change) error {
		return v.read(a, c, change)
	})
}

// scopedValueFlags are the flags that say what a scoped value is.
type scopedValueFlags struct {
	text, file, json, secret, field string
	stdin, trim                     bool
}

func (v *scopedValueFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&v.text, "string", "", "the value as a `string`")
	f.BoolVar(&v.stdin, "stdin", false, "read the value, a string, from standard input")
	f.StringVar(&v.file, "file", "", "read the value, a string, from this `file`")
	f.BoolVar(&v.trim, "trim-newline", false, "remove one newline from the end of the input")
	f.StringVar(&v.json, "json-value", "", "the value as `JSON`")
	f.StringVar(&v.secret, "from-secret", "", "`name` of a secret to link to")
	f.StringVar(&v.field, "field", "", "only this `field` of the linked secret, such as a.b[0]")
	mayBeEmpty(c, "string")
}

// read sets the value of a change, if the flags name one.
func (v *scopedValueFlags) read(a *app, c *cobra.Command, change *backend.Change) error {
	hasText, text := c.Flags().Changed("string"), v.text
	sources := 0
	for _, given := range []bool{hasText, v.stdin, v.file != "", v.json != "", v.secret != ""} {
		if given {
			sources++
		}
	}
	switch {
	case sources > 1:
		return exclusive(c, "--string, --stdin, --file, --json-value and --from-secret")
	case v.field != "" && v.secret == "":
		return usage(c, "--field requires --from-secret")
	case v.trim && !v.stdin && v.file == "":
		return usage(c, "--trim-newline requires --stdin or --file")
	case v.json != "":
		change.JSON = json.RawMessage(v.json)
	case v.secret != "":
		change.Link = &backend.Link{Secret: v.secret, Field: v.field}
	case v.stdin, v.file != "":
		input, err := v.input(c.Context(), a)
		if err != nil {
			return err
		}
		hasText, text = true, string(input)
	}
	if hasText {
		encoded, err := json.Marshal(text)
		if err != nil {
			return fmt.Errorf("encoding the value: %w", err)
		}
		change.JSON = encoded
	}
	return nil
}

// input reads the text of a value from standard input or a file.
func (v *scopedValueFlags) input(ctx context.Context, a *app) ([]byte, error) {
	from, name := a.in, "standard input"
	if v.file != "" {
		f, err := interruptible(ctx, func() (*os.File, error) { return os.Open(v.file) })
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, backend.Errorf(backend.CodeInvalid, "reading the value: %w", err)
		}
		defer f.Close()
		from, name = f, "file "+v.file
	}
	input, err := a.readValue(ctx, from, v.trim)
	switch {
	case err != nil:
		return nil, err
	case len(input) == 0:
		return nil, backend.Errorf(backend.CodeInvalid, "%s is empty", name).
			WithHint("use --string '' for an empty string").At("json")
	case !utf8.Valid(input):
		return nil, backend.Errorf(backend.CodeInvalid, "%s is not UTF-8, so it cannot be a JSON string", name).
			WithHint("encode it, for example in base64").At("json")
	}
	return input, nil
}
