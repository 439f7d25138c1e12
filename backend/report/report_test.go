// SPDX-License-Identifier: MPL-2.0

package report_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/report"
)

// project is a Service with the secrets of one project.
type project struct {
	secrets []backend.Object
	noted   time.Time // when the notes begin; zero for a server of an earlier release
	applied int
}

func (p *project) Query(_ context.Context, q backend.Query) (backend.Page, error) {
	switch {
	case q.Kind == backend.KindSecret && q.LastResolved && p.noted.IsZero():
		return backend.Page{}, backend.Errorf(backend.CodeInvalid, "the field last_resolved is unknown")
	case q.Kind == backend.KindSecret:
		return backend.Page{Objects: p.secrets, ResolvedSince: p.noted}, nil
	case q.Kind == backend.KindEnvironment:
		return backend.Page{Objects: []backend.Object{{Name: "dev"}}}, nil
	}
	return backend.Page{}, nil
}

func (p *project) Resolve(context.Context, []backend.Ref) ([]backend.Resolution, error) {
	return nil, errors.New("a report resolves nothing")
}

func (p *project) Apply(_ context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	p.applied++
	return make([]backend.Outcome, len(set.Changes)), nil
}

var now = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

func daysAgo(n int) time.Time { return now.AddDate(0, 0, -n) }

func secret(name string, created, resolved time.Time) backend.Object {
	return backend.Object{Kind: backend.KindSecret, ID: name, Name: name, Environment: "dev", Scope: "project",
		CreatedAt: created, LastResolvedAt: resolved}
}

func findingsOf(t *testing.T, p *project, o report.Options) string {
	t.Helper()
	o.Now, o.Project = now, "p"
	r, err := report.Make(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Kind.Name()+" "+f.Name)
	}
	return strings.Join(out, ", ")
}

func TestUnusedSecretsAreThoseThatAreKnownToBe(t *testing.T) {
	p := &project{noted: daysAgo(100), secrets: []backend.Object{
		secret("never", daysAgo(200), time.Time{}), secret("long-ago", daysAgo(200), daysAgo(91)),
		secret("used", daysAgo(200), daysAgo(89)), secret("young", daysAgo(89), time.Time{}),
		secret("at-the-limit", daysAgo(200), daysAgo(90).Add(-time.Minute)),
	}}
	unused := report.Options{Kinds: []report.Kind{report.Unused}, Unused: 90 * 24 * time.Hour}
	if got := findingsOf(t, p, unused); got != "unused long-ago, unused never" {
		t.Error(got)
	}
	if p.applied > 0 {
		t.Error("values are compared, which nobody has asked for")
	}
	unused.Unused = 101 * 24 * time.Hour // before the notes begin
	if got := findingsOf(t, p, unused); got != "" {
		t.Error(got)
	}
	p.noted = time.Time{}
	if got := findingsOf(t, p, report.Options{Unused: time.Hour}); got != "" {
		t.Errorf("a server of an earlier release: %s", got)
	}
	if p.applied != 1 {
		t.Errorf("%d dry runs compare the values", p.applied)
	}
}

func TestKindsOfFindingsHaveNames(t *testing.T) {
	for _, k := range report.Kinds {
		for _, name := range []string{k.Name(), string(k)} {
			if got, err := report.ParseKind(name); err != nil || got != k {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
	_, err := report.ParseKind("expird")
	if e := backend.AsError(err); err == nil || e.Code != backend.CodeInvalid || !strings.Contains(e.Hint, "expired") {
		t.Errorf("%v", err)
	}
}
