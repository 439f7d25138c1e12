// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/report"
)

func (a *app) reportCommand() *cobra.Command {
	expiresIn, unused := durationFlag(report.DefaultExpiresIn), durationFlag(report.DefaultUnused)
	var findings string
	c := &cobra.Command{
		Use:   "report",
		Short: "List the secrets that need attention",
		Long: wrap("Lists the secrets of a project that have expired or will soon, whose rotation is due, that are missing " +
			"in some environments, that nobody has resolved for some time, that no registered file uses, and that have the " +
			"same value as another one. It never shows a value. Values are compared only among the secrets whose values you " +
			"may have, and nothing about the result is stored. Files register their references with \"pouncet check " +
			"--register\"."),
		Example: "  pouncet report\n  pouncet report --env prod --within 7d --json\n" +
			"  pouncet report --finding unused,in-no-file --unused-since 180d",
		Args: arguments(0, 0, "no arguments"),
	}
	a.filterFlags(c)
	c.Flags().Var(&expiresIn, "within", "`duration` in which a secret is reported as expiring")
	c.Flags().Var(&unused, "unused-since", "`duration` after which a secret that nobody has resolved is reported")
	c.Flags().StringVar(&findings, "finding", "", "only these `findings`, with commas between them: "+findingNames())
	c.RunE = a.with(func(ctx context.Context, s backend.Service, _ []string) error {
		if expiresIn < 0 {
			return usage(c, "--within must not be negative")
		}
		if unused < 0 {
			return usage(c, "--unused-since must not be negative")
		}
		kinds, err := parseFindings(findings)
		if err != nil {
			return err
		}
		o := report.Options{Project: a.projectName(), Environment: a.environmentName(), Scope: a.scope, Kinds: kinds,
			ExpiresIn: time.Duration(expiresIn), Unused: time.Duration(unused), Now: time.Now()}
		r, err := during(a, "making the report", func() (report.Report, error) { return report.Make(ctx, s, o) })
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(map[string]any{"findings": r.Findings, "not_compared": r.NotCompared, "has_usages": r.HasUsages,
				"resolved_since": jsonTime(r.ResolvedSince)})
			return nil
		}
		a.printReport(r)
		if since := o.Now.Add(-o.Unused); c.Flags().Changed("unused-since") && r.ResolvedSince.After(since) {
			a.notef("pouncet: the backend notes which secrets are resolved only since %s, so none is reported as unused",
				formatTime(r.ResolvedSince))
		}
		return nil
	})
	return c
}

// jsonTime returns a time for JSON, and nil for none.
func jsonTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// parseFindings returns the kinds of findings that a flag lists, and nil for all.
func parseFindings(list string) (kinds []report.Kind, err error) {
	for _, name := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		kind, err := report.ParseKind(strings.TrimSpace(name))
		if err != nil {
			return nil, &usageError{backend.AsError(err)}
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// findingNames lists the kinds of findings.
func findingNames() string {
	names := make([]string, len(report.Kinds))
	for i, k := range report.Kinds {
		names[i] = k.Name()
	}
	return strings.Join(names, ", ")
}

// printReport prints a report for people.
func (a *app) printReport(r report.Report) {
	if len(r.Findings) == 0 {
		a.println("no secret needs attention")
	} else {
		t := table{titles: []string{"FINDING", "NAME", "ENVIRONMENT", "SCOPE", "DETAIL", "LAST RESOLVED"}}
		for _, f := range r.Findings {
			t.add(string(f.Kind), f.Name, f.Environment, f.Scope, findingDetail(f),
				resolvedText(f.LastResolvedAt, f.LastResolvedBy))
		}
		a.printTable(t)
	}
	if r.NotCompared > 0 {
		a.notef("pouncet: the values of %s were not compared with others, because you may not have them",
			backend.Plural(r.NotCompared, "secret"))
	}
	if !r.HasUsages {
		a.noteText("pouncet: no file has registered its references, so no secret is reported as in no file; register them " +
			"with pouncet check --register")
	}
}

// findingDetail returns what a finding says beyond its kind.
func findingDetail(f report.Finding) string {
	switch {
	case !f.At.IsZero():
		return formatTime(f.At)
	case len(f.Others) > 0:
		var names []string
		for _, o := range f.Others {
			names = append(names, o.Name+" in "+o.Environment)
		}
		text := "as " + backend.Enumerate(names)
		if more := f.OthersTotal - len(f.Others); more > 0 {
			text += " and " + backend.Plural(more, "other")
		}
		return text
	}
	return ""
}

// resolvedText says when a secret was last resolved, and by whom.
func resolvedText(at time.Time, by string) string {
	if at.IsZero() {
		return "-"
	}
	return formatTime(at) + " by " + by
}
