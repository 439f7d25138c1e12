// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// sharedConfiguration has every resource. WORD and PATTERN differ between the first and the second configuration.
const sharedConfiguration = acctest.RequiredProviders + `
variable "ephemeral_values" { default = "resolve" }
provider "pouncet" {
  configuration    = "shop"
  project          = "shop"
  ephemeral_values = var.ephemeral_values
}
locals { environment = pouncet_environment.prod.name }
resource "pouncet_project" "p" {
  name        = "shop"
  description = "WORD"
}
resource "pouncet_environment" "prod" {
  project = pouncet_project.p.name
  name    = "prod"
}
resource "pouncet_secret_type" "pin" {
  project = pouncet_project.p.name
  key     = "pin"
  schema  = jsonencode({ type = "string", pattern = "PATTERN" })
}
resource "pouncet_secret" "pin" {
  environment = local.environment
  name        = "pin"
  type        = pouncet_secret_type.pin.key
  value_wo    = "1234"
}
resource "pouncet_secret" "same" {
  for_each    = { same_masked = "masked", same_restricted = "restricted" }
  environment = local.environment
  name        = each.key
  visibility  = each.value
  value_wo    = "CANARY-same"
}
resource "pouncet_secret" "changing" {
  for_each    = { masked = "masked", restricted = "restricted" }
  environment = local.environment
  name        = each.key
  visibility  = each.value
  value_wo    = "CANARY-WORD"
}
resource "pouncet_secret" "generated" {
  environment = local.environment
  name        = "generated_WORD"
  generate    = { keepers = { since = "WORD" } }
}
resource "pouncet_scoped_value" "link" {
  environment = local.environment
  name        = "link"
  from_secret = { name = pouncet_secret.changing["masked"].name }
}
resource "pouncet_scoped_value" "plain" {
  environment = local.environment
  name        = "plain"
  value_json  = jsonencode({ word = "WORD" })
}
data "pouncet_secrets" "all" {
  depends_on = [pouncet_project.p]
}
data "pouncet_config_references" "pipelines" {
  paths      = ["pipeline.yaml"]
  depends_on = [pouncet_scoped_value.link]
}
check "references" {
  assert {
    condition     = length(data.pouncet_secrets.all.secrets) > 0
    error_message = "There are no secrets."
  }
}
`

// consumers have copies of ephemeral values.
const consumers = `
ephemeral "pouncet_secret_value" "v" {
  environment = local.environment
  name        = pouncet_secret.same["same_masked"].name
}
ephemeral "pouncet_secret_values" "v" {
  environment = local.environment
  names       = [for s in pouncet_secret.same : s.name]
}
ephemeral "pouncet_rendered_configuration" "v" {
  environment = local.environment
  content     = "password: \"{{ get_secret_value('same_masked') }}\""
  depends_on  = [pouncet_secret.same]
}
resource "pouncet_secret" "copy" {
  environment = local.environment
  name        = "copy"
  value_wo = join(" ", [
    ephemeral.pouncet_secret_value.v.value, ephemeral.pouncet_secret_values.v.values["same_restricted"],
    ephemeral.pouncet_rendered_configuration.v.rendered,
  ])
}
`

// plannerWorkspace is a workspace with a server, and a token of each role.
type plannerWorkspace struct {
	*acctest.Workspace
	t           *testing.T
	environment []string
	tokens      map[backend.Role]string
	refused     atomic.Int64 // requests that the server refused
}

func newPlannerWorkspace(t *testing.T) *plannerWorkspace {
	w := &plannerWorkspace{Workspace: acctest.NewWorkspace(t), t: t}
	b := acctest.New(t)
	handler, admin := acctest.Serve(t, b.Path)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		if recorder.Code == http.StatusForbidden {
			w.refused.Add(1)
		}
		maps.Copy(rw.Header(), recorder.Header())
		rw.WriteHeader(recorder.Code)
		_, _ = rw.Write(recorder.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	w.tokens = map[backend.Role]string{backend.RoleAdmin: admin, backend.RolePlanner: b.Token(backend.RolePlanner)}
	w.environment = append(w.Env, "POUNCET_ENDPOINT="+server.URL)
	return w
}

// use makes the next commands use a role, and a value of ephemeral_values.
func (w *plannerWorkspace) use(role backend.Role, ephemeralValues string) {
	w.Env = append(w.environment[:len(w.environment):len(w.environment)],
		"POUNCET_TOKEN="+w.tokens[role], "TF_VAR_ephemeral_values="+ephemeralValues)
}

func (w *plannerWorkspace) write(word, pattern, more string) {
	w.Write("pipeline.yaml", "password: \"{{ get_value('link') }}\"\n")
	w.Write("main.tf", strings.NewReplacer("WORD", word, "PATTERN", pattern).Replace(sharedConfiguration+more))
}

// plan returns a plan as JSON, and what Terraform prints.
func (w *plannerWorkspace) plan(role backend.Role) (plan map[string]any, output string) {
	w.t.Helper()
	w.use(role, "resolve")
	output = w.Must("plan", "-input=false", "-no-color", "-out=plan")
	if err := json.Unmarshal([]byte(w.Must("show", "-json", "plan")), &plan); err != nil {
		w.t.Fatal(err)
	}
	delete(plan, "timestamp")
	if list, ok := plan["relevant_attributes"].([]any); ok { // a set, in any order
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return plan, output
}

// wantEqualPlans compares the plan of an admin with the plan of a planner, which it leaves in the file "plan". It
// returns what Terraform prints for the planner.
func (w *plannerWorkspace) wantEqualPlans(what string) string {
	w.t.Helper()
	ofAdmin, _ := w.plan(backend.RoleAdmin)
	ofPlanner, output := w.plan(backend.RolePlanner)
	for part := range ofAdmin {
		if !reflect.DeepEqual(ofAdmin[part], ofPlanner[part]) {
			w.t.Errorf("%s: %s of the plan of a planner differs from that of an admin:\n%v\n%v", what, part,
				ofPlanner[part], ofAdmin[part])
		}
	}
	if w.refused.Load() > 0 {
		w.t.Errorf("%s: the server refused %d requests of the planner", what, w.refused.Load())
	}
	return output
}

func TestPlannerPlansWhatAnAdminPlans(t *testing.T) {
	w := newPlannerWorkspace(t)
	apply := []string{"apply", "-input=false", "-no-color", "-auto-approve"}
	w.write("one", "^[0-9]{4}$", `
resource "pouncet_secret" "removed" {
  environment = local.environment
  name        = "removed"
  value_wo    = "CANARY-removed"
}
resource "pouncet_secret" "retyped" {
  environment = local.environment
  name        = "retyped"
  value_wo    = "5678"
}
`)
	if out := w.wantEqualPlans("creation"); !strings.Contains(out, "Plan: 13 to add") {
		t.Errorf("the creation is planned as:\n%s", out)
	}
	w.use(backend.RoleAdmin, "resolve")
	w.Must(apply...)

	w.write("two", "^[0-9]+$", `
resource "pouncet_secret" "added" {
  environment = local.environment
  name        = "added"
  value_wo    = "CANARY-added"
}
resource "pouncet_secret" "retyped" {
  environment = local.environment
  name        = "retyped"
  type        = pouncet_secret_type.pin.key
}
`)
	out := w.wantEqualPlans("change")
	if !strings.Contains(out, "Plan: 1 to add, 7 to change, 1 to destroy") || strings.Contains(out, "CANARY") {
		t.Errorf("the change is planned as:\n%s", out)
	}
	if got := strings.Count(acctest.OneLine(out), "may not check stored values against a schema"); got != 2 {
		t.Errorf("%d warnings about unchecked schemas, want 2:\n%s", got, out)
	}
	w.use(backend.RoleAdmin, "resolve")
	w.Must("apply", "-input=false", "-no-color", "plan")

	w.write("three", "^[0-9]+$", "")
	w.use(backend.RolePlanner, "resolve")
	if out := acctest.OneLine(w.Fails(apply...)); !strings.Contains(out, "which may not change anything") {
		t.Errorf("the apply of a planner fails with:\n%s", out)
	}
}

func TestPlanWithoutEphemeralValues(t *testing.T) {
	w := newPlannerWorkspace(t)
	apply := []string{"apply", "-input=false", "-no-color", "-auto-approve"}
	plan := []string{"plan", "-input=false", "-no-color"}
	w.write("one", "^[0-9]{4}$", consumers)
	w.use(backend.RoleAdmin, "resolve")
	w.Must(apply...)

	w.use(backend.RolePlanner, "resolve")
	out := acctest.OneLine(w.Fails(plan...))
	if !strings.Contains(out, `has role "planner", which may not resolve references`) ||
		!strings.Contains(out, `set ephemeral_values = "unknown" in the provider block`) {
		t.Errorf("without the argument, the plan of a planner fails with:\n%s", out)
	}
	w.use(backend.RolePlanner, "unknown")
	out = acctest.OneLine(w.Must(plan...))
	if !strings.Contains(out, "~ version = 1 -> (known after apply)") ||
		!strings.Contains(out, "Plan: 0 to add, 1 to change, 0 to destroy") || !strings.Contains(out, "cannot be applied") {
		t.Errorf("with the argument, the plan of a planner is:\n%s", out)
	}

	// Nothing is written, and the state keeps the copy.
	w.use(backend.RoleAdmin, "unknown")
	w.Must("plan", "-input=false", "-no-color", "-out=plan")
	for _, arguments := range [][]string{apply, {"apply", "-input=false", "-no-color", "plan"}} {
		out = acctest.OneLine(w.Fails(arguments...))
		if strings.Count(out, "Error: ") != 1 ||
			!strings.Contains(out, `The provider block has ephemeral_values = "unknown"`) ||
			!strings.Contains(out, `set it to "resolve", then run terraform apply again`) {
			t.Errorf("with the argument, %v fails with:\n%s", arguments, out)
		}
	}
	w.use(backend.RoleAdmin, "resolve")
	if out := w.Must(plan...); !strings.Contains(out, "No changes") {
		t.Errorf("after the refused apply, the plan is:\n%s", out)
	}
}

func TestRefusedApplyCreatesNoBackend(t *testing.T) {
	w := acctest.NewWorkspace(t)
	w.Write("main.tf", acctest.RequiredProviders+`
provider "pouncet" {
  create           = true
  ephemeral_values = "unknown"
}
resource "pouncet_environment" "e" { name = "dev" }
`)
	out := acctest.OneLine(w.Fails("apply", "-input=false", "-no-color", "-auto-approve"))
	if !strings.Contains(out, `The provider block has ephemeral_values = "unknown"`) {
		t.Errorf("the apply fails with:\n%s", out)
	}
	if _, err := os.Stat(w.Data()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the refused apply left a folder: %v", err)
	}
}
