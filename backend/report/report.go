// SPDX-License-Identifier: MPL-2.0

// Package report finds the secrets of a project that need attention: those that have expired or will soon, whose
// rotation is due, that nobody resolves, that some environments lack, that no registered file uses, and that have the
// same value as another one.
//
// A report is made from queries and one dry run for each 1,000 secrets, with the rights of the caller. It has no value,
// and nothing about it is stored.
package report

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// Kind says why a secret needs attention. Scripts rely on the texts.
type Kind string

// The kinds of findings.
const (
	Expired     Kind = "expired"
	Expiring    Kind = "expiring"
	RotationDue Kind = "rotation due"
	Unused      Kind = "unused"
	InNoFile    Kind = "in no file"
	Missing     Kind = "missing"
	SameValue   Kind = "same value"
)

// Kinds lists the kinds, the most urgent first.
var Kinds = []Kind{Expired, Expiring, RotationDue, Missing, Unused, InNoFile, SameValue}

// ParseKind returns the kind with a name. Words may have a hyphen between them, as in "in-no-file".
func ParseKind(name string) (Kind, error) {
	names := make([]string, len(Kinds))
	for i, k := range Kinds {
		if names[i] = k.Name(); names[i] == name || string(k) == name {
			return k, nil
		}
	}
	return "", backend.Errorf(backend.CodeInvalid, "finding %s does not exist", backend.Quote(name)).
		WithHint("%s", suggest.Hint(suggest.Name(name, names), "the findings are "+strings.Join(names, ", ")))
}

// Name returns the kind without spaces, for a flag or an argument.
func (k Kind) Name() string { return strings.ReplaceAll(string(k), " ", "-") }

// mostOthers limits the others of a finding, because all secrets may have one value.
const mostOthers = 10

// Finding is one line of a report.
type Finding struct {
	Kind        Kind   `json:"finding"`
	Name        string `json:"name"`
	Environment string `json:"environment"`
	Scope       string `json:"scope"`
	ID          string `json:"id,omitempty"` // of the secret; a missing one has none
	// At is when the secret expires, or since when its rotation is due.
	At time.Time `json:"at,omitzero"`
	// Others are the first secrets with the same value, and OthersTotal is how many have it.
	Others      []Secret `json:"others,omitempty"`
	OthersTotal int      `json:"others_total,omitempty"`
	// LastResolvedAt and LastResolvedBy are as in backend.Object.
	LastResolvedAt time.Time `json:"last_resolved_at,omitzero"`
	LastResolvedBy string    `json:"last_resolved_by,omitempty"`
}

// Secret names a secret.
type Secret struct {
	Name        string `json:"name"`
	Environment string `json:"environment"`
	Scope       string `json:"scope"`
	ID          string `json:"id"`
}

// Options say what a report is about.
type Options struct {
	Project     string // name or id
	Environment string // its name, or "" for all
	Scope       string // "" for all
	Kinds       []Kind // nil for all
	// ExpiresIn is the time in which a secret is reported as expiring, and Unused the time after which one is reported as
	// unused.
	ExpiresIn, Unused time.Duration
	Now               time.Time
}

// The defaults of Options.
const (
	DefaultExpiresIn = 30 * 24 * time.Hour
	DefaultUnused    = 90 * 24 * time.Hour
)

// Report is what was found.
type Report struct {
	Findings []Finding
	// NotCompared counts the secrets whose values were not compared, because the caller may not have them.
	NotCompared int
	// HasUsages says whether files have registered their references. Without, no secret is "in no file".
	HasUsages bool
	// ResolvedSince is the time since when the backend notes which secrets are resolved; zero if it notes nothing.
	ResolvedSince time.Time
}

// Make reads the metadata of a project and compares the values of its secrets.
func Make(ctx context.Context, s backend.Service, o Options) (Report, error) {
	m := &maker{ctx: ctx, service: s, Options: o, out: Report{Findings: []Finding{}}}
	if err := m.read(); err != nil {
		return Report{}, err
	}
	if err := m.addFindings(); err != nil {
		return Report{}, err
	}
	m.out.Findings = slices.DeleteFunc(m.out.Findings, func(f Finding) bool {
		return o.Environment != "" && f.Environment != o.Environment || o.Scope != "" && f.Scope != o.Scope ||
			!o.wants(f.Kind)
	})
	slices.SortFunc(m.out.Findings, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(Kinds, x.Kind), slices.Index(Kinds, y.Kind)),
			strings.Compare(x.Name, y.Name), strings.Compare(x.Environment, y.Environment), strings.Compare(x.Scope, y.Scope))
	})
	return m.out, nil
}

func (o Options) wants(k Kind) bool { return o.Kinds == nil || slices.Contains(o.Kinds, k) }

// maker makes one report.
type maker struct {
	Options
	ctx     context.Context
	service backend.Service
	out     Report

	secrets, values, environments, usages []backend.Object
}

// read reads the metadata of the project.
func (m *maker) read() (err error) {
	m.secrets, m.out.ResolvedSince, err = Secrets(m.ctx, m.service, backend.Query{Project: m.Project})
	if err != nil {
		return err
	}
	for kind, into := range map[backend.Kind]*[]backend.Object{backend.KindScopedValue: &m.values,
		backend.KindEnvironment: &m.environments, backend.KindUsage: &m.usages} {
		*into, err = backend.ListAll(m.ctx, m.service, backend.Query{Kind: kind, Project: m.Project})
		if err != nil {
			return err
		}
	}
	m.out.HasUsages = len(m.usages) > 0
	if m.Environment == "" || m.Environment == backend.AnyEnvironment ||
		slices.ContainsFunc(m.environments, func(o backend.Object) bool { return o.Name == m.Environment }) {
		return nil
	}
	_, err = m.service.Query(m.ctx, backend.Query{Kind: backend.KindSecret, Project: m.Project,
		Environment: m.Environment, Limit: 1})
	return err // it names the existing environments
}

// Secrets lists secrets with the time when they were last resolved, and since when the backend notes that. A server of
// an earlier release does not know it: then the secrets have no such time, and since is zero.
func Secrets(
	ctx context.Context, s backend.Querier, q backend.Query,
) (secrets []backend.Object, since time.Time, err error) {
	q.Kind, q.LastResolved = backend.KindSecret, true
	secrets, since, err = listSecrets(ctx, s, q)
	if errors.Is(err, backend.ErrInvalid) {
		q.LastResolved = false
		secrets, since, err = listSecrets(ctx, s, q)
	}
	return secrets, since, err
}

func listSecrets(
	ctx context.Context, s backend.Querier, q backend.Query,
) (secrets []backend.Object, since time.Time, err error) {
	secrets = []backend.Object{}
	for page, err := range backend.Pages(ctx, s, q) {
		if err != nil {
			return nil, time.Time{}, err
		}
		secrets, since = append(secrets, page.Objects...), page.ResolvedSince
	}
	return secrets, since, nil
}

// addFindings adds the findings.
func (m *maker) addFindings() error {
	add := func(found ...Finding) { m.out.Findings = append(m.out.Findings, found...) }
	add(dueFindings(m.secrets, m.Now, m.ExpiresIn)...)
	add(missingFindings(m.secrets, m.environments)...)
	add(m.unusedFindings()...)
	if m.out.HasUsages {
		add(inNoFileFindings(m.secrets, m.values, m.usages)...)
	}
	if !m.wants(SameValue) {
		return nil
	}
	same, notCompared, err := sameValueFindings(m.ctx, m.service, m.secrets)
	m.out.NotCompared = notCompared
	add(same...)
	return err
}

// unusedFindings lists the secrets that are known not to have been resolved for some time.
func (m *maker) unusedFindings() []Finding {
	since := m.Now.Add(-m.Unused)
	var out []Finding
	for _, o := range m.secrets {
		if o.UnusedSince(since, m.out.ResolvedSince) {
			out = append(out, about(o, Unused))
		}
	}
	return out
}
