// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

func (a *app) krmCommand() *cobra.Command {
	var missing string
	var noEnvVar bool
	c := &cobra.Command{
		Use:   "krm",
		Short: "Fill references in Kubernetes resources, as a KRM function",
		Long: `Reads a ResourceList on standard input, replaces the references in it with their
values, and writes it to standard output. Kustomize and kpt call it as a KRM
function.

The functionConfig of the list can set environment, project, scope, missing and
noEnvVar, in spec or, for a ConfigMap, in data. Flags and environment variables
set the rest.

If anything is wrong, krm replaces no reference. It reports each problem in the
results of the list and on standard error, with resource, field and file.`,
		Example: `  pouncet krm --env prod < resources.yaml
  kustomize build --enable-alpha-plugins --enable-exec overlays/prod`,
		Args: arguments(0, 0, "no arguments"),
	}
	a.resolveFlags(c)
	c.Flags().StringVar(&missing, "missing", "error", missingFlagUsage)
	takesWords(c, "missing", missingWords...)
	c.Flags().BoolVar(&noEnvVar, "no-env-var", false, "reject env_var()")
	c.RunE = func(c *cobra.Command, _ []string) error {
		data, err := a.readInput(c)
		if err != nil {
			return err
		}
		list, err := parseResourceList(data)
		if err != nil {
			return err
		}
		o, err := a.krmOptions(c, list, missing, noEnvVar)
		if err != nil {
			return err
		}
		return a.with(func(ctx context.Context, b backend.Service, _ []string) error {
			return a.krm(ctx, a.toOutput(b), list, o)
		})(c, nil)
	}
	return c
}

// krmOptions combines the functionConfig of a list with the flags. The
// functionConfig wins.
func (a *app) krmOptions(
	c *cobra.Command, list *resourceList, missing string, noEnvVar bool,
) (o interpolate.Options, err error) {
	s, err := list.settings()
	if err != nil {
		return o, err
	}
	o = interpolate.Options{
		Project:     cmp.Or(s.project, a.projectName()),
		Environment: cmp.Or(s.environment, a.environmentName()),
		Scope:       cmp.Or(s.scope, a.scope),
	}
	if s.scope != "" {
		if err := backend.CheckScope(s.scope); err != nil {
			return o, err
		}
	}
	if o.Environment == "" {
		return o, usage(c, "an environment is required").
			withHint("set spec.environment of functionConfig, --env or POUNCET_ENV")
	}
	if err := checkOneEnvironment(c, o.Environment); err != nil {
		return o, err
	}
	var known bool
	if o.Missing, known = missingModes[cmp.Or(s.missing, missing)]; !known {
		return o, usage(c, "missing must be error, null or keep")
	}
	switch cmp.Or(s.noEnvVar, fmt.Sprint(noEnvVar)) {
	case "true":
	case "false":
		o.LookupEnv = os.LookupEnv
	default:
		return o, usage(c, "noEnvVar must be true or false")
	}
	return o, nil
}

// krm renders the list and prints it. It prints the list with the results of a
// failure too, because the caller reads them there.
func (a *app) krm(ctx context.Context, r interpolate.Resolver, list *resourceList, o interpolate.Options) error {
	var results []krmResult
	o.Warn = func(p interpolate.Problem) {
		result := list.result(p, "warning")
		a.notef("pouncet: warning: %s", result)
		results = append(results, result)
	}
	rendered, err := interpolate.Render(ctx, r, []interpolate.File{{Name: "-", Data: list.data}}, o)
	var problems interpolate.Problems
	switch {
	case err == nil:
		_, _ = a.out.Write(list.withResults(rendered[0].Data, results)) // a.out keeps its error
		return nil
	case !errors.As(err, &problems):
		results = append(results, krmResult{Message: backend.AsError(err).Error(), Severity: "error"})
	}
	lines := []string{backend.Plural(len(problems), "problem") + "; no reference was replaced"}
	for _, p := range problems {
		result := list.result(p, "error")
		results, lines = append(results, result), append(lines, result.String())
	}
	_, _ = a.out.Write(list.withResults(list.data, results))
	if len(problems) == 0 {
		return err
	}
	summary := backend.Errorf(backend.AsError(err).Code, "%s", strings.Join(lines, "\n"))
	if errors.As(markAllMissing(err), new(missingReferenceError)) {
		return missingReferenceError{summary}
	}
	return summary
}
