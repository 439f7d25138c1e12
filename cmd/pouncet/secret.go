// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func (a *app) secretCommand() *cobra.Command {
	n := noun{backend.KindSecret, "secret", []string{"secrets"}, "Secrets: encrypted, versioned, never listed with their values", []column{
		{"name", name}, {"environment", environment}, {"scope", scope},
		{"type", func(o backend.Object) string { return o.Type }},
		{"visibility", func(o backend.Object) string { return string(o.Visibility) }},
		{"version", func(o backend.Object) string { return strconv.FormatInt(o.Version, 10) }},
		{"updated", updated}, {"id", id},
	}}
	var from source
	var typeKey, visibility, expires string
	var expect int64
	var rotationDays int
	var protected bool
	set := a.setCommand(n, "set NAME-OR-ID", "Create a secret, or change its value or metadata", func(c *cobra.Command) {
		from.flags(c)
		c.Flags().StringVar(&typeKey, "type", "", `key of its secret type, "" for none`)
		c.Flags().StringVar(&visibility, "visibility", "", "masked or restricted")
		c.Flags().IntVar(&rotationDays, "rotation-days", 0, "days after which a value should be replaced, 0 for none (at most 3650)")
		c.Flags().StringVar(&expires, "expires", "", `when it stops to resolve: a date, a time (RFC 3339), a number of days as 90d, or "never"`)
		c.Flags().BoolVar(&protected, "protected", false, "refuse to delete it")
		c.Flags().Int64Var(&expect, "expect", 0, "fail unless the secret is at this version (0: does not exist)")
	}, func(c *cobra.Command, change *backend.Change) error {
		change.Type, change.Visibility = flag(c, "type", typeKey), flag(c, "visibility", backend.Visibility(visibility))
		change.Expect, change.RotationDays, change.Protected = flag(c, "expect", expect), flag(c, "rotation-days", rotationDays), flag(c, "protected", protected)
		if c.Flags().Changed("expires") {
			at, ok := parseExpiry(expires, time.Now())
			if !ok {
				return usage(c, `--expires is a date (2027-01-31), a time (2027-01-31T12:00:00Z), a number of days (90d) or "never"`)
			}
			change.ExpiresAt = &at
		}
		return from.read(a, c, change)
	})
	set.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 1 || (len(args) == 1 && strings.Contains(args[0], "=")) {
			return &usageError{backend.Errorf(backend.CodeInvalid, "a value is never an argument, since other processes see argument lists").
				WithHint("use the prompt, --stdin, --file or --generate; if it was a secret, it may now be in your shell's history").At("value")}
		}
		return arguments(1, 1, "one name or id")(c, args)
	}
	return a.group(n, set, a.revealCommand(n), a.restoreCommand(n))
}

// parseExpiry reads when something ends; the zero time is never.
func parseExpiry(s string, now time.Time) (time.Time, bool) {
	if s == "never" {
		return time.Time{}, true
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return now.UTC().AddDate(0, 0, int(n)).Truncate(time.Second), err == nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// promptIfNew asks for the value of a secret that is about to be created and
// was given none; and of one that exists, where nothing at all was to be changed.
func (a *app) promptIfNew(ctx context.Context, s backend.Service, q backend.Query, c *backend.Change) error {
	if !c.Value.IsZero() || c.Generate != nil {
		return nil
	}
	if q.Scope == "" && q.ID == "" {
		q.Scope = backend.ProjectScope
	}
	page, err := s.Query(ctx, q)
	if err != nil {
		return err
	}
	nothing := c.Description == nil && c.Labels == nil && c.Type == nil && c.Visibility == nil &&
		c.RotationDays == nil && c.ExpiresAt == nil && c.Protected == nil
	switch {
	case len(page.Objects) == 0 && q.ID != "":
		return nil // the backend says that there is no such id
	case len(page.Objects) > 0 && (!nothing || !isTerminal(a.in)):
		return nil
	case len(page.Objects) > 0:
		q.Name = page.Objects[0].Name
	}
	c.Value, err = a.prompt(ctx, q.Name)
	return err
}

func (a *app) revealCommand(n noun) *cobra.Command {
	var field, version string
	c := &cobra.Command{
		Use:   "reveal NAME-OR-ID",
		Short: "Show the value of a masked secret to a person; this is audited",
		Args:  arguments(1, 1, "one name or id"),
	}
	a.placeFlags(c)
	c.Flags().StringVar(&field, "field", "", "only this field of a JSON value, as in a.b[0]")
	c.Flags().StringVar(&version, "version", "", `a version's number, or "previous"`)
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		o, err := a.one(ctx, s, n, args[0])
		if err != nil {
			return err
		}
		environment := o.Environment
		if environment == backend.AnyEnvironment {
			// What all share is seen from any of them.
			if environment, err = a.anyEnvironment(ctx, s, o); err != nil {
				return err
			}
		}
		return a.resolveOne(ctx, s, backend.Ref{
			Kind: backend.KindSecret, Project: o.Project, Environment: environment, Scope: o.Scope, Name: o.Name,
			Field: field, Version: version, Reveal: true,
		}, o.ID)
	})
	return c
}

// anyEnvironment is an environment from which a shared secret is seen, and not
// one that has a secret of its own under that name.
func (a *app) anyEnvironment(ctx context.Context, s backend.Service, shared backend.Object) (string, error) {
	environments, err := all(ctx, s, backend.Query{Kind: backend.KindEnvironment, Project: shared.Project})
	if err != nil {
		return "", err
	}
	same, err := all(ctx, s, backend.Query{Kind: backend.KindSecret, Project: shared.Project, Name: shared.Name, Scope: shared.Scope})
	if err != nil {
		return "", err
	}
	own := map[string]bool{}
	for _, o := range same {
		own[o.Environment] = true
	}
	for _, e := range environments {
		if !own[e.Name] {
			return e.Name, nil
		}
	}
	return "", backend.Errorf(backend.CodeNotFound, "no environment sees the shared secret %q: each has its own, or there is none", shared.Name)
}

// resolveOne prints the value that a reference stands for. id, if not empty, is the
// object that it must be.
func (a *app) resolveOne(ctx context.Context, s backend.Service, ref backend.Ref, id string) error {
	out, err := s.Resolve(ctx, []backend.Ref{ref})
	if err != nil {
		return err
	}
	r := out[0]
	if r.Err != nil {
		return asMissing(r.Err)
	}
	if id != "" && r.ID != id {
		return backend.Errorf(backend.CodeConflict, "secret %q was replaced while it was looked up", ref.Name).WithHint("try again")
	}
	if a.json {
		a.printJSON(resolution(r))
		return nil
	}
	if _, err := a.out.Write(r.Value.Expose()); err != nil {
		return a.out.failure()
	}
	if isTerminal(a.out.to) {
		a.println()
	}
	return nil
}

// resolution is a resolved reference for scripts. A JSON string holds text
// alone: a value that is none goes out as base64, under another name.
func resolution(r backend.Resolution) map[string]any {
	out := map[string]any{"is_json": r.JSON, "environment": r.Environment, "scope": r.Scope, "version": r.Version, "id": r.ID}
	if value := r.Value.Expose(); utf8.Valid(value) {
		out["value"] = string(value)
	} else {
		out["value_base64"] = value
	}
	return out
}
