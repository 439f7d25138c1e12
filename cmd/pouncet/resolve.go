// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func (a *app) resolveCommand() *cobra.Command {
	ref := backend.Ref{Kind: backend.KindSecret}
	var value bool
	var to valueOutput
	c := &cobra.Command{
		Use:   "resolve NAME",
		Short: "Print the value of a secret, for a program",
		Long: `Prints the value that a reference to the secret NAME has in an environment. The
output is exactly the value, without a newline, except at a terminal. With
--json it is an object with the value and its version.

resolve is for programs, and prints restricted secrets too. What a terminal shows
is revealed to a person, as by "pouncet secret reveal": it shows no restricted
secret, and a token needs the right to reveal values, which the role admin has. If
the secret, field or version does not exist, the exit code is 3.

` + outputHelp,
		Example: `  pouncet resolve db_password --env prod
  pouncet resolve keystore --env prod --output keystore.p12
  pouncet resolve db --env prod --field password
  pouncet resolve region --env prod --value`,
		Args: arguments(1, 1, "one name"),
	}
	a.resolveFlags(c)
	c.Flags().BoolVar(&value, "value", false, "resolve a scoped value instead of a secret")
	c.Flags().StringVar(&ref.Field, "field", "", "only this `field` of a JSON value, such as a.b[0]")
	c.Flags().StringVar(&ref.Version, "version", "", "`version` number, a tag, or \"previous\"")
	to.add(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := checkOneEnvironment(c, a.environmentName()); err != nil {
			return err
		}
		if err := cmp.Or(to.check(a, c), checkVersions(ref.Version)); err != nil {
			return err
		}
		return a.with(func(ctx context.Context, s backend.Service, args []string) error {
			ref.Project, ref.Environment, ref.Scope, ref.Name = a.projectName(), a.environmentName(), a.scope, args[0]
			if value {
				ref.Kind = backend.KindScopedValue
			}
			if to.file == "" {
				s = a.toOutput(s)
			}
			return a.printResolved(ctx, s, ref, "", to)
		})(c, args)
	}
	return c
}

// printResolved prints the value of a reference, or writes it to a file. If id is not empty, the
// reference must lead to the object with this id.
func (a *app) printResolved(ctx context.Context, s backend.Service, ref backend.Ref, id string, to valueOutput) error {
	r, err := resolveOne(ctx, s, ref, id)
	if err != nil {
		return withOtherKind(ctx, s, ref, err)
	}
	if a.json {
		a.printJSON(resolutionJSON(r))
		return nil
	}
	value := r.Value.Expose()
	terminal := isTerminal(a.out.to)
	switch {
	case to.file != "":
		return a.writeValue(to.file, value)
	case terminal && !utf8.Valid(value):
		return a.showBinary(ref, value)
	case terminal && !to.raw:
		a.printValue(string(value))
		return nil
	}
	if _, err := a.out.Write(value); err != nil {
		return a.out.failure()
	}
	if terminal {
		a.println("")
	}
	return nil
}

// withOtherKind adds to the error of a missing name that an entry of the other kind has it.
func withOtherKind(ctx context.Context, s backend.Service, ref backend.Ref, err error) error {
	e := backend.AsError(err)
	if !e.IsMissingReference() || len(e.Environments) > 0 {
		return err
	}
	has := func(kind backend.Kind) bool {
		page, err := s.Query(ctx, backend.Query{Kind: kind, Project: ref.Project, Name: ref.Name, Limit: 1})
		return err == nil && len(page.Objects) > 0
	}
	other, hint := backend.KindScopedValue, "a scoped value has this name: add --value"
	if ref.Kind == backend.KindScopedValue {
		other, hint = backend.KindSecret, "a secret has this name: leave out --value"
	}
	if has(ref.Kind) || !has(other) {
		return err
	}
	e.Hint = hint
	return err
}

// resolveOne resolves one reference. If id is not empty, the reference must lead to the object with this id.
func resolveOne(ctx context.Context, s backend.Service, ref backend.Ref, id string) (backend.Resolution, error) {
	out, err := s.Resolve(ctx, []backend.Ref{ref})
	if err != nil {
		return backend.Resolution{}, err
	}
	r := out[0]
	if r.Err != nil {
		return r, markMissing(r.Err)
	}
	if id != "" && r.ID != id {
		return r, backend.Errorf(backend.CodeConflict, "secret %s was replaced during the request",
			backend.Quote(ref.Name)).
			WithHint("run the command again")
	}
	return r, nil
}

// toOutput returns the Service for values that go to standard output. A terminal shows them to a person.
func (a *app) toOutput(s backend.Service) backend.Service {
	if isTerminal(a.out.to) {
		return revealing{s}
	}
	return s
}

// revealing is a Service that makes every reference a reveal.
type revealing struct{ backend.Service }

func (s revealing) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	revealed := slices.Clone(refs)
	for i := range revealed {
		revealed[i].Reveal = true
	}
	const hint = "a terminal shows values to a person; for a program, send the output to a file or a pipe, and use a " +
		"token for a workload"
	out, err := s.Service.Resolve(ctx, revealed)
	for i, r := range out {
		if r.Err != nil && r.Err.Code == backend.CodeDenied {
			e := *r.Err
			out[i].Err = e.WithHint(hint)
		}
	}
	if errors.Is(err, backend.ErrDenied) {
		e := *backend.AsError(err)
		err = e.WithHint(hint)
	}
	return out, err
}

// printValue prints a value at a terminal.
func (a *app) printValue(value string) {
	escaped := backend.EscapeControls(value)
	fmt.Fprintln(a.out, escaped)
	if escaped != value {
		a.notef("pouncet: control characters of the value are escaped; to print them as they are, use --raw")
	}
}

// resolutionJSON returns the JSON form of a resolution. A JSON string can only
// hold text, so a value that is not UTF-8 is in base64, in another field.
func resolutionJSON(r backend.Resolution) map[string]any {
	out := map[string]any{
		"is_json": r.JSON, "environment": r.Environment, "scope": r.Scope, "version": r.Version, "id": r.ID,
	}
	if value := r.Value.Expose(); utf8.Valid(value) {
		out["value"] = string(value)
	} else {
		out["value_base64"] = value
	}
	return out
}
