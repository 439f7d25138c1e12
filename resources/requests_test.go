// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// ADR 21 lists cases outside of the laws. These tests show what Terraform leaves out of its requests in these cases. If
// one fails with a later Terraform, the provider may be able to do more.

// requests runs Terraform, and returns the first request of each kind that the provider gets: what
// TF_LOG_SDK_PROTO_DATA_DIR records, by the name of the call and of the field.
func (w *ordinary) requests(terraform func()) map[string]string {
	w.t.Helper()
	env, dir := w.Env, w.t.TempDir()
	w.Env = append(slices.Clone(env), "TF_LOG_SDK_PROTO_DATA_DIR="+dir)
	terraform()
	w.Env = env
	files, err := os.ReadDir(dir) // sorted by the time in the name
	if err != nil {
		w.t.Fatal(err)
	}
	first := map[string]string{}
	for _, f := range files {
		_, name, _ := strings.Cut(f.Name(), "_")
		name = strings.TrimSuffix(strings.TrimSuffix(name, ".msgpack"), ".empty")
		if !strings.HasPrefix(name, "PlanResourceChange_Request") && !strings.HasPrefix(name, "ApplyResourceChange_Request") {
			continue
		}
		if _, later := first[name]; later {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			w.t.Fatal(err)
		}
		first[name] = string(content)
	}
	return first
}

// A creation can come before the deletion of the object that it replaces (create_before_destroy), or before another
// object gives up the name. In the apply, Terraform asks the same in both cases. In the first case the contents of an
// environment go to the new object, and in the second case they stay with the old one. So a plan refuses the second. If
// two provider blocks plan it, no process sees both, and the apply stops.
func TestCreationsInPlaceOfAnotherObjectLookTheSame(t *testing.T) {
	planAndApply := func(w *ordinary, apply func(...string) string, more ...string) map[string]string {
		w.Must(append([]string{"plan", "-out=saved", "-input=false", "-no-color"}, more...)...)
		return w.requests(func() { apply("apply", "-input=false", "-no-color", "-parallelism=1", "saved") })
	}
	replaced := newOrdinaryIn(t, acctest.NewWorkspace(t))
	replaced.config(`
resource "pouncet_environment" "e" {
  name = "two"
  lifecycle { create_before_destroy = true }
}`)
	replaced.applies()
	replacement := planAndApply(replaced, replaced.Must, "-replace=pouncet_environment.e")
	replaced.isDone()

	renamed := newOrdinaryIn(t, acctest.NewWorkspace(t))
	renamed.config(`resource "pouncet_environment" "e" { name = "two" }`)
	renamed.applies()
	renamed.config(fmt.Sprintf(`
provider "pouncet" {
  alias         = "second"
  path          = %q
  configuration = "shop"
}
resource "pouncet_environment" "new" {
  name     = "two"
  provider = pouncet.second
}
resource "pouncet_environment" "e" {
  name       = "old"
  depends_on = [pouncet_environment.new]
}`, renamed.Data()))
	var out string
	creation := planAndApply(renamed, func(args ...string) string { out = renamed.Fails(args...); return out })

	if len(replacement) < 8 || !maps.Equal(replacement, creation) {
		t.Errorf("Terraform asks differently for a replacement and for another object:\n%q\n%q", replacement, creation)
	}
	if private := creation["PlanResourceChange_Request_PriorPrivate"]; private != "" {
		t.Errorf("Terraform gives the private state %q to a creation", private)
	}
	out = acctest.OneLine(out)
	if !strings.Contains(out, `Environment "two" was taken over by a later creation of its name`) ||
		!strings.Contains(out, "plan again") {
		t.Errorf("the error does not name the way out:\n%s", out)
	}
	renamed.converges(10)
}

// The requests of an action have its arguments, and neither its event nor the resource that triggers it.
func TestRequestsOfAnActionDoNotNameItsEvent(t *testing.T) {
	want := []string{"ActionType", "Config", "ClientCapabilities"}
	for _, request := range []any{tfprotov6.PlanActionRequest{}, tfprotov6.InvokeActionRequest{}} {
		var fields []string
		for i := range reflect.TypeOf(request).NumField() {
			fields = append(fields, reflect.TypeOf(request).Field(i).Name)
		}
		if !slices.Equal(fields, want) {
			t.Errorf("%T has %q: use them, and change ADR 21", request, fields)
		}
	}
}
