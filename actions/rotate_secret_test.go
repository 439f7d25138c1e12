// SPDX-License-Identifier: MPL-2.0

package actions_test

import (
	"context"
	"maps"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// rotate runs the action pouncet_rotate_secret.
func rotate(
	t *testing.T, p *acctest.Process, arguments map[string]string,
) (progress []string, diags []*tfprotov6.Diagnostic) {
	t.Helper()
	return run(t, p, "pouncet_rotate_secret", arguments)
}

// run validates, plans and invokes an action, as Terraform 1.14 does. It stops at the first diagnostics.
func run(
	t *testing.T, p *acctest.Process, action string, arguments map[string]string,
) (progress []string, diags []*tfprotov6.Diagnostic) {
	t.Helper()
	ctx := context.Background()
	config := p.Config(p.Schemas.ActionSchemas[action].Schema.ValueType(), arguments)
	valid, err := p.Server.ValidateActionConfig(ctx,
		&tfprotov6.ValidateActionConfigRequest{ActionType: action, Config: config})
	if err != nil || len(valid.Diagnostics) > 0 {
		return nil, valid.Diagnostics
	}
	planned, err := p.Server.PlanAction(ctx, &tfprotov6.PlanActionRequest{ActionType: action, Config: config})
	if err != nil || len(planned.Diagnostics) > 0 {
		return nil, planned.Diagnostics
	}
	return invoke(t, p, action, arguments)
}

// invoke invokes an action without a plan.
func invoke(
	t *testing.T, p *acctest.Process, action string, arguments map[string]string,
) (progress []string, diags []*tfprotov6.Diagnostic) {
	t.Helper()
	config := p.Config(p.Schemas.ActionSchemas[action].Schema.ValueType(), arguments)
	stream, err := p.Server.InvokeAction(t.Context(), &tfprotov6.InvokeActionRequest{ActionType: action, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	for e := range stream.Events {
		switch e := e.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			progress = append(progress, e.Message)
		case tfprotov6.CompletedInvokeActionEventType:
			diags = append(diags, e.Diagnostics...)
		}
	}
	return progress, diags
}

func TestRotationGeneratesANewVersion(t *testing.T) {
	b := acctest.New(t)
	smtp := "smtp"
	b.SetSecret("dev", "db", "CANARY-before")
	b.Apply(backend.Change{
		Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: "mail", Type: &smtp,
		Value: backend.PlaintextString(`{"host":"h","port":25}`),
	})
	p := acctest.NewProcess(t, map[string]string{"path": b.Path})

	progress, diags := rotate(t, p, map[string]string{"name": "db", "environment": "dev"})
	after := b.Secret("dev", "db")
	const done = `secret "db" in environment "dev" now has version 2`
	if len(diags) > 0 || len(progress) != 1 || progress[0] != done {
		t.Errorf("the rotation reports %v (%v)", progress, diags)
	}
	if len(after) != 32 || strings.Contains(after, "CANARY") || strings.Contains(strings.Join(progress, ""), after) {
		t.Errorf("the new value has %d characters, or was printed", len(after))
	}
	for name, c := range map[string]struct {
		arguments map[string]string
		message   string
	}{
		"neither name nor id":           {map[string]string{}, "id"},
		"a name without an environment": {map[string]string{"name": "db"}, "environment"},
		"id and name": {map[string]string{
			"id": "01890a5d-ac96-774b-bcce-b302099a8057", "name": "db", "environment": "dev",
		}, "cannot be specified"},
		"a missing secret":      {map[string]string{"name": "none", "environment": "dev"}, "does not exist"},
		"a JSON type":           {map[string]string{"name": "mail", "environment": "dev"}, "x-generate"},
		"an alphabet too small": {map[string]string{"name": "db", "environment": "dev", "alphabet": "abc"}, "alphabet"},
		"a character given twice": {map[string]string{
			"name": "db", "environment": "dev", "alphabet": "aaaaaaaaaaaa",
		}, "each once"},
	} {
		_, diags := rotate(t, p, c.arguments)
		if len(diags) == 0 {
			t.Errorf("%s is accepted", name)
			continue
		}
		text := strings.ToLower(diags[0].Summary + diags[0].Detail)
		if !strings.Contains(text, strings.ToLower(c.message)) {
			t.Errorf("%s: the error is %q, want %q in it", name, text, c.message)
		}
	}
	if b.Secret("dev", "db") != after {
		t.Error("a refused rotation changed the value")
	}
}

func TestRotationIsRefusedInAPlanWithoutValues(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db", "CANARY-before")
	p := acctest.NewProcess(t, map[string]string{"path": b.Path, "ephemeral_values": "unknown"})
	progress, diags := rotate(t, p, map[string]string{"name": "db", "environment": "dev"})
	if len(progress) > 0 || len(diags) != 1 || !strings.Contains(diags[0].Detail, `ephemeral_values = "unknown"`) ||
		!strings.Contains(diags[0].Detail, `set it to "resolve"`) {
		t.Errorf("the rotation reports %v and %v", progress, diags)
	}
	if b.Secret("dev", "db") != "CANARY-before" {
		t.Error("the rotation changed the value")
	}
}

// An apply can create a secret of a name, but not one with an id that is known before.
func TestRotationOfWhatDoesNotExist(t *testing.T) {
	b := acctest.New(t)
	p := acctest.NewProcess(t, map[string]string{"path": b.Path})
	_, diags := rotate(t, p, map[string]string{"id": "01890a5d-ac96-774b-bcce-b302099a8057"})
	if len(diags) != 1 || diags[0].Severity != tfprotov6.DiagnosticSeverityError {
		t.Errorf("the plan for a missing id reports %v", diags)
	}
	arguments := map[string]string{"name": "later", "environment": "dev"}
	_, diags = rotate(t, p, arguments)
	if len(diags) != 1 || diags[0].Severity != tfprotov6.DiagnosticSeverityWarning {
		t.Errorf("the plan for a missing name reports %v", diags)
	}
	_, diags = invoke(t, p, "pouncet_rotate_secret", arguments)
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "use after_create") {
		t.Errorf("the action reports %v", diags)
	}
}

// The plan of an action reports that the token may not make the change, and names its role. A planner may plan it.
func TestPlanOfAnActionNamesTheRole(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db", "CANARY-before")
	b.Stage("release", secret(backend.OpSet, "db", "CANARY-after"))
	handler, _ := acctest.Serve(t, b.Path)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	for role, wants := range map[backend.Role]map[string]string{
		backend.RoleViewer:  {"pouncet_rotate_secret": `role "viewer"`, "pouncet_deploy_draft": `role "viewer"`},
		backend.RoleRuntime: {"pouncet_rotate_secret": `role "runtime"`, "pouncet_deploy_draft": `role "runtime"`},
		backend.RoleAuditor: {"pouncet_rotate_secret": `role "auditor"`, "pouncet_deploy_draft": `role "auditor"`},
		backend.RolePlanner: {"pouncet_rotate_secret": ""},
		backend.RoleEditor:  {"pouncet_rotate_secret": "", "pouncet_deploy_draft": ""},
	} {
		p := acctest.NewProcess(t, map[string]string{"endpoint": server.URL, "token": b.Token(role)})
		for action, want := range wants {
			arguments := map[string]string{"name": "db", "environment": "dev"}
			if action == "pouncet_deploy_draft" {
				arguments = map[string]string{"name": "release"}
			}
			planned, err := p.Server.PlanAction(t.Context(), &tfprotov6.PlanActionRequest{
				ActionType: action,
				Config:     p.Config(p.Schemas.ActionSchemas[action].Schema.ValueType(), arguments),
			})
			if err != nil {
				t.Fatal(err)
			}
			switch diags := planned.Diagnostics; {
			case want == "" && len(diags) == 0:
			case want != "" && len(diags) == 1 && strings.Contains(diags[0].Detail, want) &&
				diags[0].Severity == tfprotov6.DiagnosticSeverityError:
			default:
				t.Errorf("%s: the plan of %s reports %v, want %q", role, action, diags, want)
			}
		}
	}
	if b.Secret("dev", "db") != "CANARY-before" {
		t.Error("a plan changed the value")
	}
}

// The plan of an action warns if the next plan would set the rotated value back, and trigger the action again. That is
// so for a value that the configuration sets, unless only a number decides when it is written.
func TestPlanWarnsOfARotationThatRepeats(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db", "CANARY-configured")
	for name, c := range map[string]struct {
		arguments map[string]string
		warns     bool
	}{
		"a value":                  {map[string]string{"value_wo": "CANARY-configured"}, true},
		"another value":            {map[string]string{"value_wo": "CANARY-other"}, true},
		"a value and its number":   {map[string]string{"value_wo": "CANARY-configured", "value_wo_version": "1"}, false},
		"no value":                 {map[string]string{}, false},
		"no value and a new label": {map[string]string{"description": "new"}, false},
	} {
		p := acctest.NewProcess(t, map[string]string{"path": b.Path, "configuration": "shop"})
		planSecret(t, p, "dev", "db", c.arguments)
		planned, err := p.Server.PlanAction(t.Context(), &tfprotov6.PlanActionRequest{
			ActionType: "pouncet_rotate_secret",
			Config: p.Config(p.Schemas.ActionSchemas["pouncet_rotate_secret"].Schema.ValueType(),
				map[string]string{"name": "db", "environment": "dev"}),
		})
		if err != nil {
			t.Fatal(err)
		}
		switch diags := planned.Diagnostics; {
		case !c.warns && len(diags) == 0:
		case c.warns && len(diags) == 1 && diags[0].Severity == tfprotov6.DiagnosticSeverityWarning &&
			strings.Contains(diags[0].Detail, `sets the value of secret "db" with value_wo`):
		default:
			t.Errorf("%s: the plan reports %v", name, diags)
		}
	}
}

// planSecret plans an existing secret with the given arguments, as Terraform does before it plans an action.
func planSecret(t *testing.T, p *acctest.Process, environment, name string, arguments map[string]string) {
	t.Helper()
	const secretType = "pouncet_secret"
	imported, err := p.Server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{
		TypeName: secretType, ID: environment + "/" + name,
	})
	if err != nil || len(imported.ImportedResources) != 1 {
		t.Fatal(err, imported.Diagnostics)
	}
	r := imported.ImportedResources[0]
	read, err := p.Server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: secretType, CurrentState: r.State, Private: r.Private,
	})
	if err != nil || len(read.Diagnostics) > 0 {
		t.Fatal(err, read.Diagnostics)
	}
	given := maps.Clone(arguments)
	given["environment"], given["name"] = environment, name
	attributes := p.Schemas.ResourceSchemas[secretType].ValueType()
	proposed := map[string]tftypes.Value{}
	if state, err := read.NewState.Unmarshal(attributes); err != nil || state.As(&proposed) != nil {
		t.Fatal(err)
	}
	if description, ok := arguments["description"]; ok {
		proposed["description"] = tftypes.NewValue(tftypes.String, description)
	}
	if _, ok := arguments["value_wo_version"]; ok {
		proposed["value_wo_version"] = tftypes.NewValue(tftypes.Number, 1)
	}
	proposedState, err := tfprotov6.NewDynamicValue(attributes, tftypes.NewValue(attributes, proposed))
	if err != nil {
		t.Fatal(err)
	}
	planned, err := p.Server.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: secretType, PriorState: read.NewState, ProposedNewState: &proposedState, PriorPrivate: read.Private,
		Config: p.Config(attributes, given),
	})
	if err != nil || len(planned.Diagnostics) > 0 {
		t.Fatal(err, planned.Diagnostics)
	}
}
