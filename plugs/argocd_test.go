// SPDX-License-Identifier: MPL-2.0

package plugs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type argoCommand struct{ Command, Args []string }

// TestArgoCD runs the commands of the plugin as Argo CD's sidecar does: in the source folder of the Application, and
// with the variables of the Application under ARGOCD_ENV_. The manifests are the standard output.
func TestArgoCD(t *testing.T) {
	w := newTestBackend(t)
	var plugin struct {
		Kind string
		Spec struct {
			Discover struct{ Find argoCommand }
			Generate argoCommand
		}
	}
	decode(t, read(t, "argocd/plugin.yaml"), &plugin)
	if plugin.Kind != "ConfigManagementPlugin" {
		t.Fatalf("the kind is %s", plugin.Kind)
	}
	folder := copyFolder(t, "argocd/example")
	w.env = append(w.env, "SIDECAR_VARIABLE="+canary)
	argo := func(c argoCommand, env ...string) result {
		t.Helper()
		all := append(c.Command[1:len(c.Command):len(c.Command)], c.Args...)
		cmd := w.command(folder, c.Command[0], all...)
		cmd.Env = append(cmd.Env, env...)
		return w.run(cmd)
	}
	if r := argo(plugin.Spec.Discover.Find); r.code != 0 || r.stdout == "" {
		t.Errorf("a source with references is not discovered: %+v", r)
	}
	r := argo(plugin.Spec.Generate, "ARGOCD_ENV_POUNCET_ENV=prod", "ARGOCD_APP_NAME=loader")
	if r.code != 0 {
		t.Fatalf("%+v", r)
	}
	deployment, rest, _ := strings.Cut(r.stdout, "---\n")
	if deployment != read(t, "argocd/example/deployment.yaml") {
		t.Errorf("a file without references changed:\n%s", deployment)
	}
	wantOnlyReferencesReplaced(t, read(t, "argocd/example/secret.yaml"), "---\n"+rest)
	var secret struct{ StringData struct{ PASSWORD string } }
	decode(t, rest, &secret)
	if secret.StringData.PASSWORD != dbPassword {
		t.Errorf("generated:\n%s", r.stdout)
	}

	argo(plugin.Spec.Generate).fails(t, "the Application has no plugin.env POUNCET_ENV")
	argo(plugin.Spec.Generate, "ARGOCD_ENV_POUNCET_ENV=dev").fails(t,
		`secret.yaml:7:14: {{ get_secret_value('db_password') }}: `+
			`secret "db_password" does not exist in environment "dev"; it exists in prod`)
	// An Application must not read the environment of the sidecar.
	secretFile := filepath.Join(folder, "secret.yaml")
	replaceInFile(t, secretFile, "get_secret_value('db_password')", "env_var('SIDECAR_VARIABLE')")
	argo(plugin.Spec.Generate, "ARGOCD_ENV_POUNCET_ENV=prod").fails(t, "env_var")

	if err := os.Remove(filepath.Join(folder, "secret.yaml")); err != nil {
		t.Fatal(err)
	}
	if r := argo(plugin.Spec.Discover.Find); r.code != 0 || r.stdout != "" {
		t.Errorf("a source without references is discovered: %+v", r)
	}
}

func TestArgoCDExamplesMatchThePlugin(t *testing.T) {
	var application struct {
		Spec struct {
			Source struct {
				Plugin struct {
					Name string
					Env  []struct{ Name, Value string }
				}
			}
		}
	}
	decode(t, read(t, "argocd/application.yaml"), &application)
	plugin := read(t, "argocd/plugin.yaml")
	p := application.Spec.Source.Plugin
	if !strings.Contains(plugin, "\n  name: "+p.Name+"\n") || len(p.Env) == 0 {
		t.Errorf("the Application names the plugin %+v", p)
	}
	for _, e := range p.Env {
		if !strings.Contains(plugin, "ARGOCD_ENV_"+e.Name) {
			t.Errorf("the plugin does not read %s", e.Name)
		}
	}
	if !strings.Contains(read(t, "argocd/sidecar.yaml"), "/home/argocd/cmp-server/config/plugin.yaml") {
		t.Error("the sidecar does not mount the plugin where Argo CD looks for it")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
