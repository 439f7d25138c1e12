// SPDX-License-Identifier: MPL-2.0

package plugs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPreCommit runs both hooks in a temporary repository. The hooks come from a repository with the working tree. They
// use no backend, and the network only for Go modules that are not in the cache.
func TestPreCommit(t *testing.T) {
	preCommit := onPath(t, "pre-commit")
	w := newTestBackend(t)
	project := projectRepository(t, w)
	w.env = append(w.env, "PRE_COMMIT_HOME="+t.TempDir())
	// The build of the hook uses the caches of this machine.
	modules, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, "GOMODCACHE="+strings.TrimSpace(string(modules)), "GOFLAGS=-trimpath -buildvcs=false",
		"CGO_ENABLED=0")
	w.must("", preCommit, "validate-manifest", "../.pre-commit-hooks.yaml")
	w.must("", preCommit, "validate-config", "pre-commit/pre-commit-config.yaml")

	for _, hook := range []string{"pouncet-check-system", "pouncet-check"} {
		t.Run(hook, func(t *testing.T) {
			repository := t.TempDir()
			git := func(args ...string) { t.Helper(); w.must("", "git", append([]string{"-C", repository}, args...)...) }
			git("init", "--quiet")
			config := read(t, "pre-commit/pre-commit-config.yaml")
			config = strings.Replace(config, "https://github.com/pouncet/terraform-provider-pouncet", project, 1)
			config = strings.Replace(config, "v0.1.0", "head", 1)
			config = strings.Replace(config, "id: pouncet-check", "id: "+hook, 1)
			write(t, filepath.Join(repository, ".pre-commit-config.yaml"), config)
			w.must("", "pouncet", "check", "--write-manifest", filepath.Join(repository, "pouncet.manifest.json"))
			write(t, filepath.Join(repository, "pipeline.yaml"),
				"a: \"{{ get_secret_value('db_password') }}\" # pouncet:ignore POUNCET001 dev has none\n")
			git("add", ".")
			offline := func() result {
				cmd := w.command(repository, preCommit, "run", "--verbose", "--color=never")
				cmd.Env = append(cmd.Env, "POUNCET_HOME=/nonexistent")
				return w.run(cmd)
			}
			r := offline()
			if r.code != 0 || !strings.Contains(r.stdout, "references to secrets exist") ||
				!strings.Contains(r.stdout, "Passed") {
				t.Fatalf("%+v", r)
			}
			git("commit", "--quiet", "-m", "first")
			write(t, filepath.Join(repository, "other.yaml"), "b: \"{{ get_secret_value('db_pasword') }}\"\n")
			write(t, filepath.Join(repository, "not-staged.yaml"), "b: \"{{ get_secret_value('never_read') }}\"\n")
			git("add", "other.yaml")
			r = offline()
			r.fails(t, "other.yaml\n  1:5      error")
			r.fails(t, `did you mean db_password?`)
			if strings.Contains(r.stdout, "never_read") {
				t.Errorf("the hook reads a file that is not staged:\n%s", r.stdout)
			}
		})
	}
}

// projectRepository creates a repository with the working tree, including uncommitted files, under the tag "head".
func projectRepository(t *testing.T, w *testBackend) string {
	t.Helper()
	w.env = append(w.env, gitIdentity...)
	list := w.must("", "git", "-C", "..", "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
	to := t.TempDir()
	for _, name := range strings.Split(strings.TrimRight(list, "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // the deletion is not committed
		}
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, name), string(data))
	}
	for _, args := range [][]string{
		{"init", "--quiet"}, {"add", "--all", "--force"}, {"commit", "--quiet", "-m", "all"}, {"tag", "head"},
	} {
		w.must("", "git", append([]string{"-C", to}, args...)...)
	}
	return to
}
