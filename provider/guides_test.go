// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// TestGuides applies the whole example of every guide with the real CLI, plans
// it again without changes, and removes it.
func TestGuides(t *testing.T) {
	no := false
	in := func(env, name string) backend.Change {
		return backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: env, Name: name}
	}
	byHand := in("dev", "db_password")
	byHand.Value = backend.PlaintextString("by hand")
	letGo := in("production", "db_password")
	letGo.Protected = &no
	for name, c := range map[string]struct{ before, after []backend.Change }{
		"rotate":       {},
		"environments": {after: []backend.Change{letGo}},
		"import": {before: []backend.Change{
			{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: "default", Name: "dev"}, byHand,
			{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev", Name: "db_host", JSON: json.RawMessage(`"db.internal"`)},
		}},
		"pass-on": {},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("../examples/guides", name, "main.tf"))
			if err != nil {
				t.Fatal(err)
			}
			w := acctest.NewWorkspace(t)
			w.Write("main.tf", string(text))
			w.Write("provider.tf", "terraform {\n  required_providers { pouncet = { source = \"pouncet/pouncet\" } }\n}\n")
			w.Env = append(w.Env, "TF_VAR_db_password=correct horse", `TF_VAR_db_passwords={"staging":"one","production":"two"}`)
			path := filepath.Join(w.Dir, "data")
			change(t, path, c.before)
			w.Must("apply", "-input=false", "-auto-approve")
			if out := w.Must("plan", "-input=false", "-no-color"); !strings.Contains(out, "No changes") {
				t.Errorf("planned again:\n%s", out)
			}
			change(t, path, c.after)
			w.Must("destroy", "-input=false", "-auto-approve")
		})
	}
}

// change changes the backend in a folder, which is made if need be.
func change(t *testing.T, path string, changes []backend.Change) {
	t.Helper()
	b, err := open.Open(context.Background(), open.Config{Path: path, CreateIfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Apply(context.Background(), backend.ChangeSet{Changes: changes}); err != nil {
		t.Fatal(err)
	}
}
