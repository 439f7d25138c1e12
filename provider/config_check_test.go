// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// exampleWorkspace returns a workspace with a copy of an example that reads files in its folder.
func exampleWorkspace(t *testing.T, example string) *acctest.Workspace {
	t.Helper()
	w := acctest.NewWorkspace(t)
	w.Init()
	w.Env = append(w.Env, "TF_VAR_db_password=correct horse")
	w.Copy(example)
	return w
}

func TestConfigReferencesExample(t *testing.T) {
	w := exampleWorkspace(t, "../examples/data-sources/pouncet_config_references")
	w.Write("providers.tf", acctest.RequiredProviders)
	w.Must("apply", "-no-color", "-input=false", "-auto-approve")
	if out := w.Must("plan", "-no-color", "-input=false"); !strings.Contains(out, "No changes") {
		t.Errorf("the second plan has changes:\n%s", out)
	}
}

// The plan fails before anything exists, succeeds when the secret is declared, and fails when the secret would be
// deleted.
func TestConfigCheckGuideFailsForAMissingSecret(t *testing.T) {
	w := exampleWorkspace(t, "../examples/guides/config-check")
	const all = `-var=api_key_environments=["dev","prod"]`
	const missing = `pipelines/load.yaml:6:37: secret "api_key" does not exist in environment "prod"; it exists in dev`
	out := acctest.OneLine(w.Fails("plan", "-no-color", "-input=false"))
	if !strings.Contains(out, missing) || strings.Contains(out, `db_password" does not exist`) {
		t.Errorf("the plan before the first apply: %s", out)
	}
	w.Must("apply", "-no-color", "-input=false", "-auto-approve", all)
	if out := w.Must("plan", "-no-color", "-input=false", all); !strings.Contains(out, "No changes") {
		t.Errorf("the plan after the apply has changes:\n%s", out)
	}
	if out := acctest.OneLine(w.Fails("plan", "-no-color", "-input=false")); !strings.Contains(out, missing) {
		t.Errorf("the plan that deletes the secret: %s", out)
	}
	if out := w.Must("state", "pull"); strings.Contains(out, "correct horse") {
		t.Error("a value is in the state")
	}
	w.Write("pipelines/load.yaml", "a: 1\n")
	if out := w.Must("plan", "-no-color", "-input=false"); !strings.Contains(out, "1 to destroy") {
		t.Errorf("the plan after the reference was removed:\n%s", out)
	}
}
