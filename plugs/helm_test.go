// SPDX-License-Identifier: MPL-2.0

package plugs_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestHelm renders a chart with Helm 3 and Helm 4: only references change, and a missing reference fails Helm.
func TestHelm(t *testing.T) {
	for name, test := range map[string]struct {
		tool  string
		flags []string
	}{
		"3": {"helm3", []string{"--post-renderer", "pouncet", "--post-renderer-args", "render",
			"--post-renderer-args", "-", "--post-renderer-args", "--env=prod"}},
		"4": {"helm4", []string{"--post-renderer", "pouncet", "--post-renderer-args", "--env=prod"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTestBackend(t)
			helm := tool(t, test.tool)
			homes := t.TempDir()
			w.env = append(w.env,
				"HELM_CONFIG_HOME="+homes+"/config", "HELM_DATA_HOME="+homes+"/data", "HELM_CACHE_HOME="+homes+"/cache")
			if name == "4" {
				w.must("", helm, "plugin", "install", "helm")
			}
			plain := w.must("", helm, "template", "app", "helm/chart").stdout
			rendered := w.must("", helm, append([]string{"template", "app", "helm/chart"}, test.flags...)...).stdout
			wantOnlyReferencesReplaced(t, plain, rendered)
			var secret struct {
				StringData struct{ Password, URL, Replicas string }
				Data       struct {
					Password []byte `json:"password_base64"`
				}
			}
			decode(t, rendered, &secret)
			if secret.StringData.Password != dbPassword || string(secret.Data.Password) != dbPassword ||
				secret.StringData.Replicas != "0123" {
				t.Errorf("rendered:\n%s", rendered)
			}

			missing := filepath.Join(t.TempDir(), "values.yaml")
			write(t, missing, "url: \"{{ get_secret_value('db_pasword') }}\"\n")
			r := w.run(w.command("", helm, append([]string{"template", "app", "helm/chart", "-f", missing}, test.flags...)...))
			r.fails(t, `secret "db_pasword" does not exist in environment "prod"; did you mean db_password?`)
		})
	}
}

// wantOnlyReferencesReplaced checks that exactly the lines with a reference have changed.
func wantOnlyReferencesReplaced(t *testing.T, before, after string) {
	t.Helper()
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	if len(old) != len(now) {
		t.Fatalf("got %d lines, want %d:\n%s", len(now), len(old), after)
	}
	references := 0
	for i := range old {
		hasReference := strings.Contains(old[i], "get_secret_value")
		if hasReference == (old[i] == now[i]) {
			t.Errorf("line %d: %q was changed to %q", i+1, old[i], now[i])
		}
		if hasReference {
			references++
		}
	}
	if references == 0 {
		t.Error("no line has a reference")
	}
}

// decode reads YAML and converts it to JSON first, as Kubernetes does.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	var tree any
	err := yaml.Unmarshal([]byte(text), &tree)
	var out []byte
	if err == nil {
		out, err = json.Marshal(tree)
	}
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
}
