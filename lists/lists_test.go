// SPDX-License-Identifier: MPL-2.0

package lists_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

type lister struct {
	*acctest.Process
	t *testing.T
}

// list returns the display names of what is found, and the resources if asked for.
func (l *lister) list(kind string, filters map[string]string, limit int64, include bool) (names []string, resources []map[string]tftypes.Value, diags []*tfprotov6.Diagnostic) {
	l.t.Helper()
	schema := l.Schemas.ListResourceSchemas[kind]
	if schema == nil {
		l.t.Fatalf("%s cannot be listed", kind)
	}
	config := l.Config(schema.ValueType(), filters)
	checked, err := l.Server.ValidateListResourceConfig(context.Background(), &tfprotov6.ValidateListResourceConfigRequest{TypeName: kind, Config: config})
	if err != nil || len(checked.Diagnostics) > 0 {
		l.t.Fatal(err, checked)
	}
	stream, err := l.Server.ListResource(context.Background(), &tfprotov6.ListResourceRequest{TypeName: kind, Config: config, IncludeResource: include, Limit: limit})
	if err != nil {
		l.t.Fatal(err)
	}
	for r := range stream.Results {
		diags = append(diags, r.Diagnostics...)
		if r.Identity == nil {
			continue
		}
		names = append(names, r.DisplayName)
		if include {
			v, err := r.Resource.Unmarshal(l.Schemas.ResourceSchemas[kind].ValueType())
			var values map[string]tftypes.Value
			if err != nil || v.As(&values) != nil {
				l.t.Fatal(err)
			}
			resources = append(resources, values)
		}
	}
	return names, resources, diags
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

func TestLists(t *testing.T) {
	b := acctest.New(t)
	password, many := "password", 2_000
	changes := []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindProject, Name: "default", Policy: &backend.PolicyChange{MaxSecrets: &many}},
		{Op: backend.OpSet, Kind: backend.KindProject, Name: "shop"},
		{Op: backend.OpSet, Kind: backend.KindSecretType, Project: "default", Name: "mine", Schema: json.RawMessage(`{"type":"string"}`)},
		{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "*", Scope: "app/web", Name: "db", Type: &password, Value: backend.PlaintextString("CANARY-one")},
		{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev", Name: "v", Link: &backend.Link{Secret: "db", Field: "a"}},
	}
	for i := range 1_001 {
		changes = append(changes, backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: fmt.Sprintf("s%04d", i), Value: backend.PlaintextString("CANARY")})
	}
	b.Apply(changes...)
	l := &lister{acctest.NewProcess(t, map[string]string{"path": b.Path}), t}
	for _, c := range []struct {
		kind    string
		filters map[string]string
		limit   int64
		want    []string
	}{
		{"pouncet_project", nil, 0, []string{"default", "shop"}},
		{"pouncet_environment", nil, 0, []string{"default/dev", "default/prod"}},
		{"pouncet_environment", map[string]string{"name_prefix": "p"}, 0, []string{"default/prod"}},
		{"pouncet_secret_type", nil, 0, []string{"default/mine"}}, // none that is built in
		{"pouncet_secret", map[string]string{"environment": "*"}, 0, []string{"default/*/app/web/db"}},
		{"pouncet_secret", map[string]string{"type": "password"}, 0, []string{"default/*/app/web/db"}},
		{"pouncet_secret", map[string]string{"scope": "app/web"}, 0, []string{"default/*/app/web/db"}},
		{"pouncet_secret", map[string]string{"project": "shop"}, 0, nil},
		{"pouncet_secret", nil, 2, []string{"default/*/app/web/db", "default/dev/s0000"}},
		{"pouncet_scoped_value", nil, 0, []string{"default/dev/v"}},
	} {
		names, resources, diags := l.list(c.kind, c.filters, c.limit, true)
		if !slices.Equal(names, c.want) || len(diags) > 0 {
			t.Errorf("%s %v: %v %v, want %v", c.kind, c.filters, names, diags, c.want)
		}
		for _, r := range resources {
			if strings.Contains(fmt.Sprint(r), "CANARY") {
				t.Errorf("%s shows a value", c.kind)
			}
		}
	}
	if names, _, diags := l.list("pouncet_secret", nil, 0, false); len(names) != 1_002 || len(diags) > 0 {
		t.Errorf("%d of 1,002 secrets, %v", len(names), diags)
	}
	_, secrets, _ := l.list("pouncet_secret", map[string]string{"environment": "*"}, 0, true)
	for name, want := range map[string]string{"name": "db", "environment": "*", "scope": "app/web", "type": "password", "project": "default", "value_wo": "null", "description": "null"} {
		if got := text(t, secrets[0][name]); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	_, _, diags := l.list("pouncet_secret", map[string]string{"environment": "nowhere"}, 0, false)
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "nowhere") || diags[0].Attribute == nil {
		t.Errorf("an unknown environment: %v", diags)
	}
}

// TestGeneratedConfiguration lets the installed CLI write the configuration of
// what is imported, and expects it to be right as it is.
func TestGeneratedConfiguration(t *testing.T) {
	w := acctest.NewWorkspace(t)
	path := filepath.Join(t.TempDir(), "data")
	s, err := open.Open(context.Background(), open.Config{Path: path, CreateIfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	password, days := "password", 30
	_, err = s.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpSet, Kind: backend.KindProject, Name: "shop"},
		{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: "shop", Name: "live", Labels: map[string]string{"a": "b"}},
		{Op: backend.OpSet, Kind: backend.KindSecretType, Project: "shop", Name: "mine", Schema: json.RawMessage(`{"type":"string","minLength":3}`)},
		{Op: backend.OpSet, Kind: backend.KindSecret, Project: "shop", Environment: "live", Name: "plain", Value: backend.PlaintextString("CANARY")},
		{Op: backend.OpSet, Kind: backend.KindSecret, Project: "shop", Environment: "*", Scope: "app/web", Name: "rich", Type: &password, RotationDays: &days, Value: backend.PlaintextString("CANARY")},
		{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "shop", Environment: "live", Name: "linked", Link: &backend.Link{Secret: "plain"}},
		{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "shop", Environment: "live", Name: "json", JSON: json.RawMessage(`{"a":[1,2]}`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w.Env = append(w.Env, "POUNCET_HOME="+path)
	config := "terraform {\n  required_providers { pouncet = { source = \"pouncet/pouncet\" } }\n}\n"
	for i, c := range [][2]string{
		{"pouncet_project", "shop"}, {"pouncet_environment", "shop/live"}, {"pouncet_secret_type", "shop/mine"}, {"pouncet_secret", "shop/live/plain"},
		{"pouncet_secret", "shop/*/app/web/rich"}, {"pouncet_scoped_value", "shop/live/linked"}, {"pouncet_scoped_value", "shop/live/json"},
	} {
		config += fmt.Sprintf("import {\n  to = %s.r%d\n  id = %q\n}\n", c[0], i, c[1])
	}
	w.Write("main.tf", config)
	out, err := w.Command("plan", "-input=false", "-no-color", "-generate-config-out=generated.tf").CombinedOutput()
	generated, readErr := os.ReadFile(filepath.Join(w.Dir, "generated.tf"))
	if err != nil || readErr != nil {
		t.Fatalf("%v %v\n%s\n%s", err, readErr, out, generated)
	}
	if !regexp.MustCompile(`7 to import, 0 to add, 0 to change, 0 to destroy`).Match(out) {
		t.Errorf("the plan with generated configuration:\n%s\n%s", out, generated)
	}
	if strings.Contains(string(generated), "CANARY") {
		t.Error("the generated configuration holds a value")
	}
	w.Must("apply", "-input=false", "-auto-approve")
	if again := w.Must("plan", "-input=false", "-no-color"); !strings.Contains(again, "No changes") {
		t.Errorf("after the import:\n%s", again)
	}
}
