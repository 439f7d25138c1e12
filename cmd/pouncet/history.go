// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// versionColumns are the columns of a history.
var versionColumns = []column{
	{"version", func(o backend.Object) string { return strconv.FormatInt(o.Version, 10) }},
	{"created", func(o backend.Object) string { return formatTime(o.CreatedAt) }},
	{"by", func(o backend.Object) string { return o.CreatedBy }},
	{"with", func(o backend.Object) string { return o.Client }},
	{"type", func(o backend.Object) string {
		if o.Binary {
			return "(binary)"
		}
		return o.Type
	}},
	{"tags", func(o backend.Object) string { return strings.Join(tagsOf(o), ", ") }},
	{"note", func(o backend.Object) string { return o.Note }},
}

func tagsOf(version backend.Object) []string { return slices.Sorted(maps.Keys(version.Tags)) }

// versionJSON is one version in the JSON of a history.
type versionJSON struct {
	Version   int64     `json:"version"`
	Current   bool      `json:"current"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	Client    string    `json:"client,omitempty"`
	Type      string    `json:"type,omitempty"`
	Binary    bool      `json:"binary,omitempty"`
	Note      string    `json:"note,omitempty"`
	Tags      []string  `json:"tags"`
}

func (a *app) historyCommand(o objectCommand) *cobra.Command {
	limit := 0
	c := &cobra.Command{
		Use:   "history NAME-OR-ID",
		Short: "List the versions of one secret",
		Long: wrap("Lists the versions of a secret, newest first: when, by whom and with which program each was written, " +
			"its type, its tags and its note. It never shows a value."),
		Example: "  pouncet secret history db_password --env prod\n" +
			"  pouncet secret history db_password --env prod --limit 5 --json",
		Args: arguments(1, 1, "one name or id"),
	}
	a.placeFlags(c)
	c.Flags().IntVar(&limit, "limit", 0, "list only the newest `number` of versions; 0 lists all")
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		if limit < 0 {
			return usage(c, "--limit must not be negative")
		}
		secret, err := a.findReference(ctx, s, o, args[0])
		if err != nil {
			return err
		}
		versions, err := a.versions(ctx, s, secret.ID, limit)
		if err != nil {
			return err
		}
		if a.json {
			out := make([]versionJSON, len(versions))
			for i, v := range versions {
				out[i] = versionJSON{v.Version, v.Version == secret.Version, v.CreatedAt, v.CreatedBy, v.Client, v.Type,
					v.Binary, v.Note, slices.AppendSeq([]string{}, slices.Values(tagsOf(v)))}
			}
			a.printJSON(map[string]any{"id": secret.ID, "versions": out})
			return nil
		}
		a.print(objectCommand{kind: backend.KindVersion, columns: versionColumns}, versions)
		return nil
	})
	return c
}

// versions returns the newest versions of a secret; with a limit of 0, all.
func (a *app) versions(ctx context.Context, s backend.Service, secret string, limit int) ([]backend.Object, error) {
	defer a.working("reading the versions")()
	versions := []backend.Object{}
	q := backend.Query{Kind: backend.KindVersion, ID: secret, Limit: min(limit, backend.MaxPage)}
	for v, err := range backend.List(ctx, s, q) {
		if err != nil {
			return nil, err
		}
		if versions = append(versions, v); len(versions) == limit {
			break
		}
	}
	return versions, nil
}

func (a *app) compareCommand(o objectCommand) *cobra.Command {
	c := &cobra.Command{
		Use:   "compare NAME-OR-ID VERSION VERSION",
		Short: "Compare the values of two versions",
		Long: wrap("Compares the values of two versions of a secret, and never shows them. A version is a number, a tag, " +
			"\"previous\" or \"current\". For JSON objects of a secret type it lists the fields that differ, to those who may " +
			"have the values; otherwise \"fields\" is null in the JSON. " +
			"The exit code is 0 if the values are equal, and 5 if they differ."),
		Example: "  pouncet secret compare db_password --env prod 3 5\n" +
			"  pouncet secret compare db_password --env prod stable current",
		Args: arguments(3, 3, "a name or id, and two versions"),
	}
	a.placeFlags(c)
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		secret, err := a.findReference(ctx, s, o, args[0])
		if err != nil {
			return err
		}
		one, two := versionArgument(args[1]), versionArgument(args[2])
		if err := checkVersions(one, two); err != nil {
			return err
		}
		out, err := s.Apply(ctx, backend.ChangeSet{DryRun: true, Changes: []backend.Change{{
			Op: backend.OpCompare, Kind: backend.KindSecret, ID: secret.ID, FromVersion: &one,
			With: &backend.VersionOf{Version: two},
		}}})
		if err == nil && out[0].Err != nil {
			err = out[0].Err
		}
		if err != nil {
			return markMissing(err)
		}
		if out[0].Unchecked != "" {
			return backend.Errorf(backend.CodeDenied,
				"the values are not compared: you may not have them, and have compared them too often today").
				WithHint("try again tomorrow, or use a token that may have the value")
		}
		equal := out[0].Action == backend.ActionUnchanged
		if a.json {
			a.printJSON(map[string]any{"equal": equal, "fields": differentFields(out[0])})
		}
		label := "versions " + args[1] + " and " + args[2] + " of secret " + backend.Quote(secret.Name)
		if equal {
			if !a.json {
				a.println(label + " have the same value")
			}
			return nil
		}
		if !a.json {
			for _, f := range out[0].Fields {
				a.println(f)
			}
		}
		return differsError{backend.Errorf(backend.CodeConflict, "%s have different values", label)}
	})
	return c
}

// differentFields returns the fields in which two values differ: none if they are equal, and nil if it is not known
// which.
func differentFields(o backend.Outcome) []string {
	if o.Action == backend.ActionUnchanged {
		return []string{}
	}
	return o.Fields
}

// checkVersions returns the error of an argument that cannot name a version. "" is the current one.
func checkVersions(versions ...string) error {
	for _, v := range versions {
		if err := backend.CheckVersion(v); err != nil && v != "" {
			return &usageError{err}
		}
	}
	return nil
}

// versionArgument returns the version of an argument, as a reference has it.
func versionArgument(s string) string {
	if s == "current" {
		return ""
	}
	return s
}

func (a *app) rollbackCommand(o objectCommand) *cobra.Command {
	var to, note string
	var expect int64
	c := &cobra.Command{
		Use:   "rollback NAME-OR-ID --to VERSION",
		Short: "Make the value of an earlier version the current one",
		Long: wrap("Writes the value of an earlier version again, as a new version. The versions in between stay. " +
			"It never shows a value."),
		Example: "  pouncet secret rollback db_password --env prod --to 3\n" +
			"  pouncet secret rollback db_password --env prod --to previous --note 'the new one does not work'",
		Args: arguments(1, 1, "one name or id"),
	}
	a.placeFlags(c)
	a.draftFlag(c)
	c.Flags().StringVar(&to, "to", "", "`version` whose value is written again: a number, a tag, or \"previous\"")
	c.Flags().StringVar(&note, "note", "", "`text` that says why; it is kept with the version")
	c.Flags().Int64Var(&expect, "expect", 0, "fail unless the secret is at this `version`")
	run := a.with(func(ctx context.Context, s backend.Service, args []string) error {
		secret, err := a.findReference(ctx, s, o, args[0])
		if err != nil {
			return err
		}
		err = a.apply(ctx, s, backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: secret.ID, FromVersion: &to,
			Note: flagValue(c, "note", note), Expect: flagValue(c, "expect", expect)})
		return markMissing(err)
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case to == "":
			return usage(c, "--to is required: the version whose value is written again")
		case expect < 0:
			return usage(c, "--expect must not be negative")
		}
		if err := checkVersions(to); err != nil {
			return err
		}
		return run(c, args)
	}
	return c
}

func (a *app) tagCommand(o objectCommand) *cobra.Command {
	c := &cobra.Command{
		Use:   "tag NAME-OR-ID VERSION TAG",
		Short: "Give a version of a secret a name",
		Long: wrap("Gives a version a tag, which references can use: get_secret_value('NAME', version='TAG'). A tag of " +
			"another version moves to this one. A new value moves no tag."),
		Example: "  pouncet secret tag db_password --env prod 3 stable",
		Args:    arguments(3, 3, "a name or id, a version and a tag"),
	}
	a.placeFlags(c)
	a.draftFlag(c)
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		if err := backend.CheckTag(args[2]); err != nil {
			return &usageError{err}
		}
		secret, err := a.findReference(ctx, s, o, args[0])
		if err != nil {
			return err
		}
		n := secret.Version
		switch number, ok := backend.VersionNumber(args[1]); {
		case ok:
			n = number
		case args[1] == backend.PreviousVersion && n > 1:
			n--
		case args[1] == "current":
		case secret.Tags[args[1]] > 0:
			n = secret.Tags[args[1]]
		default:
			return usage(c, "VERSION must be a number, \"current\", \"previous\" or a tag of the secret")
		}
		return markMissing(a.apply(ctx, s, backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret,
			ID: secret.ID, Tags: map[string]int64{args[2]: n}}))
	})
	return c
}

func (a *app) untagCommand(o objectCommand) *cobra.Command {
	c := &cobra.Command{
		Use:     "untag NAME-OR-ID TAG",
		Short:   "Remove a tag from a secret",
		Long:    wrap("Removes a tag. The version stays."),
		Example: "  pouncet secret untag db_password --env prod stable",
		Args:    arguments(2, 2, "a name or id, and a tag"),
	}
	a.placeFlags(c)
	a.draftFlag(c)
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		secret, err := a.findReference(ctx, s, o, args[0])
		if err != nil {
			return err
		}
		if secret.Tags[args[1]] == 0 {
			return markMissing(backend.Errorf(backend.CodeNotFound, "secret %s has no tag %s", backend.Quote(secret.Name),
				backend.Quote(args[1])).WithHint("list its versions: pouncet secret history %s", secret.ID))
		}
		return a.apply(ctx, s, backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: secret.ID,
			Tags: map[string]int64{args[1]: 0}})
	})
	return c
}
