// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The findings of a report. Scripts rely on their names.
const (
	findingExpired     = "expired"
	findingExpiring    = "expiring"
	findingRotationDue = "rotation due"
	findingInNoFile    = "in no file"
	findingMissing     = "missing"
	findingSameValue   = "same value"
)

// reportOrder is the order of the findings, the most urgent first.
var reportOrder = []string{findingExpired, findingExpiring, findingRotationDue, findingMissing, findingInNoFile,
	findingSameValue}

// mostOthers limits the others of a finding, because all secrets may have one value.
const mostOthers = 10

// reportFinding is one line of a report.
type reportFinding struct {
	Finding     string `json:"finding"`
	Name        string `json:"name"`
	Environment string `json:"environment"`
	Scope       string `json:"scope"`
	ID          string `json:"id,omitempty"` // of the secret; a missing one has none
	// At is when the secret expires, or since when its rotation is due.
	At time.Time `json:"at,omitzero"`
	// Others are the first secrets with the same value, and OthersTotal is how many have it.
	Others      []reportPlace `json:"others,omitempty"`
	OthersTotal int           `json:"others_total,omitempty"`
}

// reportPlace names a secret.
type reportPlace struct {
	Name        string `json:"name"`
	Environment string `json:"environment"`
	Scope       string `json:"scope"`
	ID          string `json:"id"`
}

// secretReport is a report.
type secretReport struct {
	Findings []reportFinding
	// NotCompared counts the secrets whose values were not compared, because the caller may not have them.
	NotCompared int
	// HasUsages says whether files have registered their references. Without, no secret is "in no file".
	HasUsages bool
}

func (a *app) reportCommand() *cobra.Command {
	within := durationFlag(30 * 24 * time.Hour)
	c := &cobra.Command{
		Use:   "report",
		Short: "List the secrets that need attention",
		Long: wrap("Lists the secrets of a project that have expired or will soon, whose rotation is due, that are missing " +
			"in some environments, that no registered file uses, and that have the same value as another one. It never shows " +
			"a value. Values are compared only among the secrets whose values you may have, and nothing about the result is " +
			"stored. Files register their references with \"pouncet check --register\"."),
		Example: "  pouncet report\n  pouncet report --env prod --within 7d --json",
		Args:    arguments(0, 0, "no arguments"),
	}
	a.filterFlags(c)
	c.Flags().Var(&within, "within", "`duration` in which a secret is reported as expiring")
	c.RunE = a.with(func(ctx context.Context, s backend.Service, _ []string) error {
		if within < 0 {
			return usage(c, "--within must not be negative")
		}
		r, err := a.makeReport(ctx, s, time.Duration(within))
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(map[string]any{"findings": r.Findings, "not_compared": r.NotCompared, "has_usages": r.HasUsages})
			return nil
		}
		a.printReport(r)
		return nil
	})
	return c
}

// makeReport reads the metadata of a project and compares the values of its secrets.
func (a *app) makeReport(ctx context.Context, s backend.Service, within time.Duration) (secretReport, error) {
	project, environment := a.projectName(), a.environmentName()
	list := func(kind backend.Kind) ([]backend.Object, error) {
		return backend.ListAll(ctx, s, backend.Query{Kind: kind, Project: project})
	}
	secrets, err := list(backend.KindSecret)
	if err != nil {
		return secretReport{}, err
	}
	values, err := list(backend.KindScopedValue)
	if err != nil {
		return secretReport{}, err
	}
	environments, err := list(backend.KindEnvironment)
	if err != nil {
		return secretReport{}, err
	}
	usages, err := list(backend.KindUsage)
	if err != nil {
		return secretReport{}, err
	}
	if environment != "" && environment != backend.AnyEnvironment &&
		!slices.ContainsFunc(environments, func(o backend.Object) bool { return o.Name == environment }) {
		_, err := s.Query(ctx, backend.Query{Kind: backend.KindSecret, Project: project, Environment: environment, Limit: 1})
		if err != nil {
			return secretReport{}, err // it names the existing environments
		}
	}
	r := secretReport{Findings: []reportFinding{}, HasUsages: len(usages) > 0}
	r.Findings = append(r.Findings, dueFindings(secrets, time.Now(), within)...)
	r.Findings = append(r.Findings, missingFindings(secrets, environments)...)
	if r.HasUsages {
		r.Findings = append(r.Findings, unusedFindings(secrets, values, usages)...)
	}
	same, notCompared, err := sameValueFindings(ctx, s, secrets)
	if err != nil {
		return secretReport{}, err
	}
	r.Findings, r.NotCompared = append(r.Findings, same...), notCompared
	r.Findings = slices.DeleteFunc(r.Findings, func(f reportFinding) bool {
		return environment != "" && f.Environment != environment || a.scope != "" && f.Scope != a.scope
	})
	slices.SortFunc(r.Findings, func(x, y reportFinding) int {
		return cmp.Or(cmp.Compare(slices.Index(reportOrder, x.Finding), slices.Index(reportOrder, y.Finding)),
			strings.Compare(x.Name, y.Name), strings.Compare(x.Environment, y.Environment), strings.Compare(x.Scope, y.Scope))
	})
	return r, nil
}

// findingOf returns a finding about a secret.
func findingOf(text string, o backend.Object) reportFinding {
	return reportFinding{Finding: text, Name: o.Name, Environment: o.Environment, Scope: o.Scope, ID: o.ID}
}

// dueFindings lists the secrets that have expired, that expire soon, and whose rotation is due.
func dueFindings(secrets []backend.Object, now time.Time, within time.Duration) []reportFinding {
	var out []reportFinding
	add := func(text string, o backend.Object, at time.Time) {
		f := findingOf(text, o)
		f.At = at
		out = append(out, f)
	}
	for _, o := range secrets {
		switch {
		case o.ExpiresBy(now):
			add(findingExpired, o, o.ExpiresAt)
		case o.ExpiresBy(now.Add(within)):
			add(findingExpiring, o, o.ExpiresAt)
		}
		if o.RotationDueBy(now) {
			add(findingRotationDue, o, o.RotationDueAt)
		}
	}
	return out
}

// missingFindings lists the names that some environments have, and others do not see. A reference in the scope of the
// name would be an error there.
func missingFindings(secrets, environments []backend.Object) []reportFinding {
	type key struct{ name, scope string }
	has := map[key]map[string]bool{}
	for _, o := range secrets {
		k := key{o.Name, o.Scope}
		if has[k] == nil {
			has[k] = map[string]bool{}
		}
		has[k][o.Environment] = true
	}
	var out []reportFinding
	for k := range has {
		for _, e := range environments {
			seen := slices.ContainsFunc(backend.LookupOrder(k.scope, e.Name), func(p backend.Visible) bool {
				return has[key{k.name, p.Scope}][p.Environment]
			})
			if !seen {
				out = append(out, reportFinding{Finding: findingMissing, Name: k.name, Environment: e.Name, Scope: k.scope})
			}
		}
	}
	return out
}

// unusedFindings lists the secrets that no registered file uses, directly or through a scoped value.
func unusedFindings(secrets, values, usages []backend.Object) []reportFinding {
	used := map[backend.Kind]map[string][]backend.Usage{backend.KindSecret: {}, backend.KindScopedValue: {}}
	for _, o := range usages {
		if u := o.Usage; u != nil && used[u.Kind] != nil {
			used[u.Kind][u.Name] = append(used[u.Kind][u.Name], *u)
		}
	}
	for _, v := range values {
		if v.Link == nil {
			continue
		}
		for _, u := range used[backend.KindScopedValue][v.Name] {
			if sees(u, v) {
				used[backend.KindSecret][v.Link.Secret] = append(used[backend.KindSecret][v.Link.Secret], u)
			}
		}
	}
	var out []reportFinding
	for _, o := range secrets {
		if !slices.ContainsFunc(used[backend.KindSecret][o.Name], func(u backend.Usage) bool { return sees(u, o) }) {
			out = append(out, findingOf(findingInNoFile, o))
		}
	}
	return out
}

// sees reports whether a usage can mean an entry of its name.
func sees(u backend.Usage, o backend.Object) bool {
	return (o.Environment == u.Environment || o.Environment == backend.AnyEnvironment) &&
		(o.Scope == cmp.Or(u.Scope, backend.ProjectScope) || o.Scope == backend.ProjectScope)
}

// sameValueFindings compares the values of secrets by their fingerprints, under a key that nobody else has. The backend
// gives none for a value that the caller may not have, so that nothing is learned of it.
func sameValueFindings(
	ctx context.Context, s backend.Service, secrets []backend.Object,
) (out []reportFinding, notCompared int, err error) {
	key := make([]byte, backend.FingerprintKeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, 0, backend.Errorf(backend.CodeInternal, "drawing random numbers: %w", err)
	}
	groups := map[string][]backend.Object{}
	for part := range slices.Chunk(secrets, backend.MaxPage) {
		set := backend.ChangeSet{DryRun: true, FingerprintKey: key}
		for _, o := range part {
			set.Changes = append(set.Changes, backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: o.ID})
		}
		outcomes, err := s.Apply(ctx, set)
		if errors.Is(err, backend.ErrDenied) {
			return nil, len(secrets), nil
		}
		if err != nil {
			return nil, 0, err
		}
		for i, o := range outcomes {
			if len(o.Fingerprint) == 0 {
				notCompared++
				continue
			}
			groups[string(o.Fingerprint)] = append(groups[string(o.Fingerprint)], part[i])
		}
	}
	for _, group := range groups {
		if len(group) < 2 {
			continue
		}
		for _, o := range group {
			f := findingOf(findingSameValue, o)
			f.OthersTotal = len(group) - 1
			for _, other := range group {
				if other.ID != o.ID && len(f.Others) < mostOthers {
					f.Others = append(f.Others, reportPlace{other.Name, other.Environment, other.Scope, other.ID})
				}
			}
			out = append(out, f)
		}
	}
	return out, notCompared, nil
}

// printReport prints a report for people.
func (a *app) printReport(r secretReport) {
	if len(r.Findings) == 0 {
		a.println("no secret needs attention")
	} else {
		t := table{titles: []string{"FINDING", "NAME", "ENVIRONMENT", "SCOPE", "DETAIL"}}
		for _, f := range r.Findings {
			t.add(f.Finding, f.Name, f.Environment, f.Scope, f.detail())
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

func (f reportFinding) detail() string {
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
