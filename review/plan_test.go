// SPDX-License-Identifier: MPL-2.0

package review

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// scanText is the source that a text is.
func scanText(t *testing.T, name, text string) []*Source {
	t.Helper()
	s := Reader{}.scan(interpolate.File{Name: name, Data: []byte(text)})
	if s == nil {
		return nil
	}
	return []*Source{s}
}

// brief writes findings in a line each.
func brief(findings []Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Rule+" "+f.Message)
	}
	return out
}

func same(t *testing.T, findings []Finding, want ...string) {
	t.Helper()
	if got := brief(findings); !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nnot\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// realPlan is what Terraform printed; testdata/plan/make.sh makes it.
func realPlan(t *testing.T) *Plan {
	t.Helper()
	text, err := os.ReadFile("testdata/plan/plan.json")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := ParsePlan(text)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestAPlanUnderReferences(t *testing.T) {
	plan := realPlan(t)
	for _, c := range []struct {
		reference string
		want      []string
	}{
		{"get_secret_value('removed')", []string{`POUNCET030 the plan removes secret "removed" from dev, and nothing takes its place`}},
		{"get_secret_value('before')", []string{`POUNCET031 the plan renames secret "before" in dev to "after" (pouncet_secret.renamed)`}},
		{"get_secret_value('before', default='x')", []string{`POUNCET010 the plan renames secret "before" in dev to "after" (pouncet_secret.renamed); its default stands in`}},
		{"get_secret_value('rotated')", []string{`POUNCET033 the plan writes a new value of secret "rotated" in prod (pouncet_secret.rotated)`}},
		{"get_value('link')", []string{`POUNCET033 the plan writes a new value of secret "rotated" in prod (pouncet_secret.rotated)`}},
		{"get_secret_value('exposed')", []string{`POUNCET034 the plan lets people be shown secret "exposed", restricted so far, in prod (pouncet_secret.exposed)`}},
		{"get_secret_value('anew')", []string{`POUNCET032 the plan deletes secret "anew" and makes it anew in prod (pouncet_secret.anew)`}},
		{"get_secret_value('kept')", []string{`POUNCET035 after the plan the reference leads to secret "kept" (prod, scope project) instead of secret "kept" (all environments, scope project) in prod`}},
		{"get_secret_value('kept', env='dev')", nil},
		{"get_secret_value('kept', env='old')", []string{`POUNCET030 the plan removes the environment old`}},
		{"get_secret_value('staged')", nil}, // it follows its environment
		{"get_secret_value('staged', env='stage')", []string{`POUNCET031 the plan renames the environment stage, which the reference names, to staging`}},
		{"get_secret_value('not_the_plans')", nil},
		{"get_secret_value('removed', project='other')", nil},
	} {
		t.Run(c.reference, func(t *testing.T) {
			sources := scanText(t, "a.yaml", "a: \"{{ "+c.reference+" }}\"\n")
			same(t, plan.Check(sources, CheckOptions{Defaults: Defaults{Project: "default"}}), c.want...)
		})
	}
}

// An added reference is held against what will be there after the plan.
func TestWhatAPlanMakesIsThere(t *testing.T) {
	plan := realPlan(t)
	base := &Catalog{Format: 1, Projects: []*Project{{Name: "default", whole: true, Environments: []Environment{{Name: "dev"}, {Name: "prod"}}}}}
	before, after := plan.Apply(base, Defaults{Project: "default"})
	sources := scanText(t, "a.yaml", "a: \"{{ get_secret_value('after') }}\"\n")
	o := CheckOptions{Defaults: Defaults{Project: "default"}, Environments: []string{"dev"}}
	o.Catalog = before
	same(t, Check(sources, o), `POUNCET001 secret "after" does not exist in dev`)
	o.Catalog = after
	same(t, Check(sources, o))
	if len(base.Projects[0].Entries) != 0 {
		t.Error("the catalog that the plan was applied to has changed")
	}
}

func TestAPlanThatHasNotDecided(t *testing.T) {
	plan, err := ParsePlan([]byte(`{"format_version": "1.2", "resource_changes": [
		{"address": "other.x", "mode": "managed", "type": "other", "change": {"before": 7, "after": [1]}},
		{"address": "pouncet_secret.x", "mode": "managed", "type": "pouncet_secret", "change": {"actions": ["update"],
			"before": {"id": "1", "project": "p", "environment": "*", "scope": "project", "name": "a", "version": 1},
			"after": {"id": "1", "project": "p", "environment": "*", "scope": "project", "version": 1}, "after_unknown": {"name": true}}},
		{"address": "pouncet_environment.x", "mode": "managed", "type": "pouncet_environment", "change": {"actions": ["no-op"],
			"before": {"id": "2", "project": "p", "name": "dev"}, "after": {"id": "2", "project": "p", "name": "dev"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	sources := scanText(t, "a.yaml", "a: \"{{ get_secret_value('a') }}\"\n")
	same(t, plan.Check(sources, CheckOptions{Defaults: Defaults{Project: "p"}}),
		`POUNCET002 whether secret "a" exists in dev cannot be told: the plan makes entries whose names are not known yet`)
}

func TestPlansThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"CANARY":                     "the plan is not JSON",
		`{"format_version": "2.0"}`:  "1.x is known",
		`{"resource_changes": "no"}`: "the plan is not JSON",
		`{"format_version": "1.2", "resource_changes": [{"address": "a", "mode": "managed", "type": "pouncet_secret", "change": {"before": "CANARY"}}]}`: "what the plan says of a cannot be read",
	} {
		_, err := ParsePlan([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
