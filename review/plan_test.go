// SPDX-License-Identifier: MPL-2.0

package review

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// scanText returns the source of a text.
func scanText(t *testing.T, name, text string) []*Source {
	t.Helper()
	s := Reader{}.scan(interpolate.File{Name: name, Data: []byte(text)})
	if s == nil {
		return nil
	}
	return []*Source{s}
}

// messages returns the rule and the message of each finding.
func messages(findings []Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Rule+" "+f.Message)
	}
	return out
}

func wantMessages(t *testing.T, findings []Finding, want ...string) {
	t.Helper()
	if got := messages(findings); !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// realPlan returns a plan of a real Terraform. testdata/plan/make.sh creates it.
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

func TestPlanCheck(t *testing.T) {
	plan := realPlan(t)
	for _, c := range []struct {
		reference string
		want      []string
	}{
		{"get_secret_value('removed')", []string{
			`POUNCET030 the plan removes secret "removed" from dev, and no other entry replaces it`}},
		{"get_secret_value('before')", []string{
			`POUNCET031 the plan renames secret "before" in dev to "after" (pouncet_secret.renamed)`}},
		{"get_secret_value('before', default='x')", []string{
			`POUNCET010 the plan renames secret "before" in dev to "after" (pouncet_secret.renamed); the default is used`}},
		{"get_secret_value('rotated')", []string{
			`POUNCET033 the plan changes the value of secret "rotated" in prod (pouncet_secret.rotated)`}},
		{"get_value('link')", []string{
			`POUNCET033 the plan changes the value of secret "rotated" in prod (pouncet_secret.rotated)`}},
		{"get_secret_value('exposed')", []string{
			`POUNCET034 the plan changes secret "exposed" from restricted to masked in prod (pouncet_secret.exposed)`}},
		{"get_secret_value('replaced')", []string{
			`POUNCET032 the plan deletes secret "replaced" and creates it again in prod (pouncet_secret.replaced)`}},
		{"get_secret_value('kept')", []string{`POUNCET035 after the plan the reference resolves to secret "kept" ` +
			`(prod, scope project) instead of secret "kept" (all environments, scope project) in prod`}},
		{"get_secret_value('kept', env='dev')", nil},
		{"get_secret_value('kept', env='old')", []string{`POUNCET030 the plan removes environment old`}},
		{"get_secret_value('staged')", nil}, // the entry follows its environment
		{"get_secret_value('staged', env='stage')", []string{
			`POUNCET031 the plan renames environment stage to staging, but the reference uses the old name`}},
		{"get_secret_value('not_in_the_plan')", nil},
		{"get_secret_value('removed', project='other')", nil},
	} {
		t.Run(c.reference, func(t *testing.T) {
			sources := scanText(t, "a.yaml", "a: \"{{ "+c.reference+" }}\"\n")
			wantMessages(t, plan.Check(sources, CheckOptions{Defaults: Defaults{Project: "default"}}), c.want...)
		})
	}
}

func TestCheckWithTheCatalogAfterAPlan(t *testing.T) {
	plan := realPlan(t)
	environments := []Environment{{Name: "dev"}, {Name: "prod"}}
	base := &Catalog{Format: 1, Projects: []*Project{{Name: "default", complete: true, Environments: environments}}}
	before, after := plan.Apply(base, Defaults{Project: "default"})
	sources := scanText(t, "a.yaml", "a: \"{{ get_secret_value('after') }}\"\n")
	o := CheckOptions{Defaults: Defaults{Project: "default"}, Environments: []string{"dev"}}
	o.Catalog = before
	wantMessages(t, Check(sources, o), `POUNCET001 secret "after" does not exist in dev`)
	o.Catalog = after
	wantMessages(t, Check(sources, o))
	if len(base.Projects[0].Entries) != 0 {
		t.Error("Apply changed the base catalog")
	}
}

func TestUnknownNamesInAPlanAreReported(t *testing.T) {
	plan, err := ParsePlan([]byte(`{"format_version": "1.2", "resource_changes": [
		{"address": "other.x", "mode": "managed", "type": "other", "change": {"before": 7, "after": [1]}},
		{"address": "pouncet_secret.x", "mode": "managed", "type": "pouncet_secret", "change": {"actions": ["update"],
			"before": {"id": "1", "project": "p", "environment": "*", "scope": "project", "name": "a", "version": 1},
			"after": {"id": "1", "project": "p", "environment": "*", "scope": "project", "version": 1},
			"after_unknown": {"name": true}}},
		{"address": "pouncet_environment.x", "mode": "managed", "type": "pouncet_environment", "change": {
			"actions": ["no-op"], "before": {"id": "2", "project": "p", "name": "dev"},
			"after": {"id": "2", "project": "p", "name": "dev"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	sources := scanText(t, "a.yaml", "a: \"{{ get_secret_value('a') }}\"\n")
	wantMessages(t, plan.Check(sources, CheckOptions{Defaults: Defaults{Project: "p"}}),
		`POUNCET002 it is unknown whether secret "a" exists in dev: `+
			`the plan creates entries with names or places that are not known yet`)
}

func TestInvalidPlansAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"CANARY":                     "the plan is invalid JSON",
		`{"format_version": "2.0"}`:  "use format 1.x",
		`{"resource_changes": "no"}`: "the plan is invalid JSON",
		`{"format_version": "1.2", "resource_changes": [{"address": "a", "mode": "managed", "type": "pouncet_secret",
			"change": {"before": "CANARY"}}]}`: "the change of resource a in the plan cannot be parsed",
	} {
		_, err := ParsePlan([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
