// SPDX-License-Identifier: MPL-2.0

package lists_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// lister runs list resources through the plugin protocol.
type lister struct {
	*acctest.Process
	t *testing.T
}

// listResult is what a list resource returns.
type listResult struct {
	names     []string // display names
	resources []map[string]tftypes.Value
	diags     []*tfprotov6.Diagnostic
}

// list lists objects. The result contains the resources if include is set.
func (l *lister) list(typeName string, filters map[string]string, limit int64, include bool) (result listResult) {
	l.t.Helper()
	schema := l.Schemas.ListResourceSchemas[typeName]
	if schema == nil {
		l.t.Fatalf("the provider has no list resource %s", typeName)
	}
	config := l.Config(schema.ValueType(), filters)
	ctx := context.Background()
	valid, err := l.Server.ValidateListResourceConfig(ctx,
		&tfprotov6.ValidateListResourceConfigRequest{TypeName: typeName, Config: config})
	if err != nil || len(valid.Diagnostics) > 0 {
		l.t.Fatal(err, valid)
	}
	stream, err := l.Server.ListResource(ctx,
		&tfprotov6.ListResourceRequest{TypeName: typeName, Config: config, IncludeResource: include, Limit: limit})
	if err != nil {
		l.t.Fatal(err)
	}
	for r := range stream.Results {
		result.diags = append(result.diags, r.Diagnostics...)
		if r.Identity == nil {
			continue
		}
		result.names = append(result.names, r.DisplayName)
		if include {
			v, err := r.Resource.Unmarshal(l.Schemas.ResourceSchemas[typeName].ValueType())
			var values map[string]tftypes.Value
			if err != nil || v.As(&values) != nil {
				l.t.Fatal(err)
			}
			result.resources = append(result.resources, values)
		}
	}
	return result
}

func text(t *testing.T, v tftypes.Value) string {
	t.Helper()
	var s *string
	if err := v.As(&s); err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return "null"
	}
	return *s
}

func TestListResourcesApplyFiltersAndLimit(t *testing.T) {
	b := acctest.New(t)
	password, maxSecrets := "password", 2_000
	changes := []backend.Change{
		{
			Op: backend.OpUpdate, Kind: backend.KindProject, Name: "default",
			Policy: &backend.PolicyChange{MaxSecrets: &maxSecrets},
		},
		{Op: backend.OpSet, Kind: backend.KindProject, Name: "shop"},
		{
			Op: backend.OpSet, Kind: backend.KindSecretType, Project: "default", Name: "mine",
			Schema: json.RawMessage(`{"type":"string"}`),
		},
		{
			Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "*", Scope: "app/web",
			Name: "db", Type: &password, Value: backend.PlaintextString("CANARY-one"),
		},
		{
			Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev", Name: "v",
			Link: &backend.Link{Secret: "db", Field: "a"},
		},
	}
	for i := range 1_001 {
		changes = append(changes, backend.Change{
			Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev",
			Name: fmt.Sprintf("s%04d", i), Value: backend.PlaintextString("CANARY"),
		})
	}
	b.Apply(changes...)
	l := &lister{acctest.NewProcess(t, map[string]string{"path": b.Path}), t}
	for _, c := range []struct {
		typeName string
		filters  map[string]string
		limit    int64
		want     []string
	}{
		{"pouncet_project", nil, 0, []string{"default", "shop"}},
		{"pouncet_environment", nil, 0, []string{"default/dev", "default/prod"}},
		{"pouncet_environment", map[string]string{"name_prefix": "p"}, 0, []string{"default/prod"}},
		{"pouncet_secret_type", nil, 0, []string{"default/mine"}}, // no built-in types
		{"pouncet_secret", map[string]string{"environment": "*"}, 0, []string{"default/*/app/web/db"}},
		{"pouncet_secret", map[string]string{"type": "password"}, 0, []string{"default/*/app/web/db"}},
		{"pouncet_secret", map[string]string{"scope": "app/web"}, 0, []string{"default/*/app/web/db"}},
		{"pouncet_secret", map[string]string{"project": "shop"}, 0, nil},
		{"pouncet_secret", nil, 2, []string{"default/*/app/web/db", "default/dev/s0000"}},
		{"pouncet_scoped_value", nil, 0, []string{"default/dev/v"}},
	} {
		got := l.list(c.typeName, c.filters, c.limit, true)
		if !slices.Equal(got.names, c.want) || (len(got.diags) > 0) != (c.limit > 0) {
			t.Errorf("%s with filters %v returns %v (%v), want %v", c.typeName, c.filters, got.names, got.diags, c.want)
		}
		for _, r := range got.resources {
			if strings.Contains(fmt.Sprint(r), "CANARY") {
				t.Errorf("%s shows a secret value", c.typeName)
			}
		}
	}
	if got := l.list("pouncet_secret", nil, 0, false); len(got.names) != 1_002 || len(got.diags) > 0 {
		t.Errorf("the list has %d of 1,002 secrets (%v)", len(got.names), got.diags)
	}
	shared := l.list("pouncet_secret", map[string]string{"environment": "*"}, 0, true).resources[0]
	for name, want := range map[string]string{
		"name": "db", "environment": "*", "scope": "app/web", "type": "password", "project": "default",
		"value_wo": "null", "description": "null",
	} {
		if got := text(t, shared[name]); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	diags := l.list("pouncet_secret", map[string]string{"environment": "nowhere"}, 0, false).diags
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "nowhere") || diags[0].Attribute == nil {
		t.Errorf("the diagnostics of an unknown environment: %v", diags)
	}
}

func TestListThatTheLimitCutsHasAWarning(t *testing.T) {
	b := acctest.New(t)
	for _, name := range []string{"a", "b", "c"} {
		b.SetSecret("dev", name, "CANARY")
	}
	b.SetSecret("prod", "d", "CANARY")
	l := &lister{acctest.NewProcess(t, map[string]string{"path": b.Path}), t}
	for limit, want := range map[int64]string{
		1: "More secrets match the filters than the limit of 1 allows.",
		2: "More secrets match the filters than the limit of 2 allows.",
		3: "", // all secrets of dev
		4: "",
		0: "",
	} {
		got := l.list("pouncet_secret", map[string]string{"environment": "dev"}, limit, false)
		if n := len(got.names); n != 3 && n != int(limit) {
			t.Errorf("with limit %d, the list has %d secrets", limit, n)
		}
		switch {
		case want == "" && len(got.diags) == 0:
		case want != "" && len(got.diags) == 1 && got.diags[0].Severity == tfprotov6.DiagnosticSeverityWarning &&
			strings.HasPrefix(got.diags[0].Detail, want):
		default:
			t.Errorf("with limit %d, the diagnostics are %v, want %q", limit, got.diags, want)
		}
	}
}

func TestFiltersOfListsThatNothingCanMatchAreErrors(t *testing.T) {
	b := acctest.New(t)
	l := &lister{acctest.NewProcess(t, map[string]string{"path": b.Path}), t}
	for attribute, given := range map[string]string{
		"environment": "nowhere", "scope": "foo", "type": "nothing", "project": "nowhere", "name_prefix": "a b",
	} {
		got := l.list("pouncet_secret", map[string]string{attribute: given}, 0, false)
		if len(got.diags) != 1 || !strings.Contains(got.diags[0].Detail, `"`+given+`"`) ||
			!strings.Contains(got.diags[0].Attribute.String(), attribute) {
			t.Errorf("%s = %q: %v", attribute, given, got.diags)
		}
	}
}

func TestListsOfDueAndExpiringSecrets(t *testing.T) {
	b := acctest.New(t)
	days, soon, later := 10, time.Now().AddDate(0, 0, 5).UTC(), time.Now().AddDate(0, 0, 40).UTC()
	secret := func(name string, rotationDays *int, expires *time.Time) backend.Change {
		return backend.Change{
			Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: name,
			Value: backend.PlaintextString("CANARY"), RotationDays: rotationDays, ExpiresAt: expires,
		}
	}
	b.Apply(secret("plain", nil, nil), secret("rotates", &days, nil), secret("expires", nil, &soon),
		secret("expires_later", nil, &later), secret("both", &days, &soon))
	l := &lister{acctest.NewProcess(t, map[string]string{"path": b.Path}), t}
	for _, c := range []struct {
		filters map[string]string
		want    []string
	}{
		{map[string]string{"expires_within_days": "0"}, nil},
		{map[string]string{"expires_within_days": "6"}, []string{"default/dev/both", "default/dev/expires"}},
		{map[string]string{"expires_within_days": "60"},
			[]string{"default/dev/both", "default/dev/expires", "default/dev/expires_later"}},
		{map[string]string{"rotation_due_within_days": "9"}, nil},
		{map[string]string{"unused_for_days": "0", "expires_within_days": "6"},
			[]string{"default/dev/both", "default/dev/expires"}}, // nobody has resolved any secret
		{map[string]string{"unused_for_days": "1"}, nil}, // all are younger
		{map[string]string{"rotation_due_within_days": "11"}, []string{"default/dev/both", "default/dev/rotates"}},
		{map[string]string{"rotation_due_within_days": "11", "expires_within_days": "6"}, []string{"default/dev/both"}},
	} {
		if got := l.list("pouncet_secret", c.filters, 0, false); !slices.Equal(got.names, c.want) || len(got.diags) > 0 {
			t.Errorf("filters %v: %v (%v), want %v", c.filters, got.names, got.diags, c.want)
		}
	}
}

// Terraform generates the configuration of imported resources. The plan with that configuration has no changes.
func TestGeneratedConfigurationNeedsNoChange(t *testing.T) {
	w, b := acctest.NewWorkspace(t), acctest.New(t)
	password, days := "password", 30
	entry := func(kind backend.Kind, environment, scope, name string) backend.Change {
		return backend.Change{
			Op: backend.OpSet, Kind: kind, Project: "shop", Environment: environment, Scope: scope, Name: name,
		}
	}
	plain := entry(backend.KindSecret, "live", "project", "plain")
	plain.Value = backend.PlaintextString("CANARY")
	rich := entry(backend.KindSecret, "*", "app/web", "rich")
	rich.Type, rich.RotationDays, rich.Value = &password, &days, backend.PlaintextString("CANARY")
	linked := entry(backend.KindScopedValue, "live", "project", "linked")
	linked.Link = &backend.Link{Secret: "plain"}
	document := entry(backend.KindScopedValue, "live", "project", "json")
	document.JSON = json.RawMessage(`{"a":[1,2e3,0.10]}`)
	b.Apply(
		backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "shop"},
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindEnvironment, Project: "shop", Name: "live",
			Labels: map[string]string{"a": "b"},
		},
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindSecretType, Project: "shop", Name: "mine",
			Schema: json.RawMessage(`{"type":"string","minLength":3}`),
		},
		plain, rich, linked, document,
	)
	w.Env = append(w.Env, "POUNCET_HOME="+b.Path)
	config := acctest.RequiredProviders
	for i, imported := range []struct{ resource, id string }{
		{"pouncet_project", "shop"}, {"pouncet_environment", "shop/live"}, {"pouncet_secret_type", "shop/mine"},
		{"pouncet_secret", "shop/live/plain"}, {"pouncet_secret", "shop/*/app/web/rich"},
		{"pouncet_scoped_value", "shop/live/linked"}, {"pouncet_scoped_value", "shop/live/json"},
	} {
		config += fmt.Sprintf("import {\n  to = %s.r%d\n  id = %q\n}\n", imported.resource, i, imported.id)
	}
	w.Write("main.tf", config)
	out := w.Must("plan", "-input=false", "-no-color", "-generate-config-out=generated.tf")
	generated, err := os.ReadFile(filepath.Join(w.Dir, "generated.tf"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "7 to import, 0 to add, 0 to change, 0 to destroy") {
		t.Errorf("the plan with the generated configuration:\n%s\n%s", out, generated)
	}
	if strings.Contains(string(generated), "CANARY") {
		t.Error("the generated configuration contains a secret value")
	}
	w.Must("apply", "-input=false", "-auto-approve")
	if out := w.Must("plan", "-input=false", "-no-color"); !strings.Contains(out, "No changes") {
		t.Errorf("the plan after the import has changes:\n%s", out)
	}
}
