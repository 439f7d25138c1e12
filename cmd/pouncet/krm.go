// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
		Short: "Fill references into Kubernetes resources, as a function of kustomize or kpt",
		Long: "Reads a ResourceList on standard input, fills its references, and writes it to standard output,\n" +
			"as the KRM functions specification has it. Its functionConfig says for whom, in spec or, where it\n" +
			"is a ConfigMap, in data: environment, project, scope, missing and noEnvVar. What it does not say,\n" +
			"flags and variables do.\n\n" +
			"What is wrong stands in results, with the resource, the field and the file, and on standard error;\n" +
			"then nothing is filled in, and the exit code is not 0.\n\n" + exitCodes,
		Args: arguments(0, 0, "no arguments"),
	}
	a.placeFlags(c)
	c.Flags().StringVar(&missing, "missing", "error", missingUsage)
	c.Flags().BoolVar(&noEnvVar, "no-env-var", false, "make env_var() an error")
	c.RunE = func(c *cobra.Command, _ []string) error {
		data, err := interruptible(c.Context(), func() ([]byte, error) { return io.ReadAll(a.in) })
		if err != nil {
			return backend.Errorf(backend.CodeInvalid, "reading standard input: %w", err)
		}
		list, err := parseResourceList(data)
		if err != nil {
			return err
		}
		s, err := list.settings()
		if err != nil {
			return err
		}
		o := interpolate.Options{
			Project: cmp.Or(s.project, a.projectName()), Environment: cmp.Or(s.environment, a.environmentName()), Scope: cmp.Or(s.scope, a.scope),
		}
		if o.Environment == "" {
			return usage(c, "say which environment by spec.environment of functionConfig, --env or POUNCET_ENV")
		}
		var known bool
		if o.Missing, known = missingChoices[cmp.Or(s.missing, missing)]; !known {
			return usage(c, "missing is error, null or keep")
		}
		switch cmp.Or(s.noEnvVar, fmt.Sprint(noEnvVar)) {
		case "true":
		case "false":
			o.LookupEnv = os.LookupEnv
		default:
			return usage(c, "noEnvVar is true or false")
		}
		return a.with(func(ctx context.Context, b backend.Service, _ []string) error {
			return a.krm(ctx, b, list, o)
		})(c, nil)
	}
	return c
}

// krm writes the list in every case: an orchestrator takes the results from
// there also when the function fails.
func (a *app) krm(ctx context.Context, r interpolate.Resolver, list *resourceList, o interpolate.Options) error {
	var results []krmResult
	o.Warn = func(p interpolate.Problem) {
		result := list.result(p, "warning")
		fmt.Fprintf(a.err, "pouncet: warning: %s\n", printable(result.String()))
		results = append(results, result)
	}
	rendered, err := interpolate.Render(ctx, r, []interpolate.File{{Name: "-", Data: list.data}}, o)
	var problems interpolate.Problems
	switch {
	case err == nil:
		_, _ = a.out.Write(list.withResults(rendered[0].Data, results)) // run sees to the error
		return nil
	case !errors.As(err, &problems):
		results = append(results, krmResult{Message: backend.AsError(err).Error(), Severity: "error"})
	}
	lines := []string{count(len(problems), "problem") + "; nothing was filled in"}
	for _, p := range problems {
		result := list.result(p, "error")
		results, lines = append(results, result), append(lines, result.String())
	}
	_, _ = a.out.Write(list.withResults(list.data, results))
	if len(problems) == 0 {
		return err
	}
	told := backend.Errorf(backend.AsError(err).Code, "%s", strings.Join(lines, "\n"))
	if errors.As(classify(err), new(missingError)) {
		return missingError{told}
	}
	return told
}
