// SPDX-License-Identifier: MPL-2.0

package fileset

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree makes files, and changes into their folder.
func tree(t *testing.T, names ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range names {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("a: 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func git(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: needs git: %v\n%s", err, out)
	}
}

func wantFiles(t *testing.T, r Rules, paths []string, want ...string) {
	t.Helper()
	got, problems, err := r.List(t.Context(), paths)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v: %v, %v", paths, problems, err)
	}
	for i := range got {
		got[i] = filepath.ToSlash(got[i])
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v selects %v, want %v", paths, got, want)
	}
}

func TestPathsAndNames(t *testing.T) {
	tree(t, "a.yaml", "b.txt", "Dockerfile", "sub/c.JSON", "sub/.env", ".github/d.yml", ".git/e.yaml",
		"sub/.pouncet/f.yaml", "sub/main.tf")
	wantFiles(t, Rules{}, []string{"."}, ".github/d.yml", "a.yaml", "sub/.env", "sub/c.JSON")
	wantFiles(t, Rules{}, []string{"sub", "a.yaml", "./a.yaml", "sub/c.JSON"}, "a.yaml", "sub/.env", "sub/c.JSON")
	wantFiles(t, Rules{}, []string{"b.txt", "Dockerfile", ".git/e.yaml"}, ".git/e.yaml", "Dockerfile", "b.txt")
	wantFiles(t, Rules{}, []string{".git"}, ".git/e.yaml")
	terraform := Rules{Selects: func(name string) bool { return strings.HasSuffix(name, ".tf") }}
	wantFiles(t, terraform, []string{"."}, "sub/main.tf")
	if _, _, err := (Rules{}).List(t.Context(), []string{"a.yaml", "none"}); err == nil {
		t.Error("a path that does not exist is no error")
	}
}

func TestExclude(t *testing.T) {
	tree(t, "a.yaml", "charts/x/templates/t.yaml", "charts/x/values.yaml", "sub/a.yaml", "sub/b.gen.yaml")
	for _, c := range []struct {
		exclude []string
		want    []string
	}{
		{[]string{"charts"}, []string{"a.yaml", "sub/a.yaml", "sub/b.gen.yaml"}},
		{[]string{"charts/**"}, []string{"a.yaml", "sub/a.yaml", "sub/b.gen.yaml"}},
		{[]string{"charts/*/templates/", "*.gen.yaml"}, []string{"a.yaml", "charts/x/values.yaml", "sub/a.yaml"}},
		{[]string{"./a.yaml"}, []string{"charts/x/templates/t.yaml", "charts/x/values.yaml", "sub/a.yaml", "sub/b.gen.yaml"}},
		{[]string{"a.yaml", "**/templates/*"}, []string{"charts/x/values.yaml", "sub/b.gen.yaml"}},
		{[]string{"{a,b}*.yaml"}, []string{"charts/x/templates/t.yaml", "charts/x/values.yaml"}},
	} {
		r := Rules{Exclude: c.exclude}
		wantFiles(t, r, []string{"."}, c.want...)
		var named, below []string
		for _, name := range []string{"a.yaml", "charts/x/templates/t.yaml", "charts/x/values.yaml", "sub/a.yaml",
			"sub/b.gen.yaml"} {
			files, _, err := r.List(t.Context(), []string{filepath.FromSlash(name)})
			if err != nil {
				t.Fatal(err)
			}
			if len(files) > 0 {
				named = append(named, name)
			}
			if r.Below([]string{"."}, filepath.FromSlash(name)) {
				below = append(below, name)
			}
		}
		if !slices.Equal(named, c.want) || !slices.Equal(below, c.want) {
			t.Errorf("%v: by name %v, in a revision %v, want %v", c.exclude, named, below, c.want)
		}
	}
	for pattern, want := range map[string]bool{"": false, "[": false, "a/**": true} {
		if ValidPattern(pattern) != want {
			t.Errorf("pattern %q is valid: %v", pattern, !want)
		}
	}
}

func TestFilesThatGitIgnores(t *testing.T) {
	tree(t, "a.yaml", "work/b.yaml", "work/x/c.yaml", "sub/d.gen.yaml", "sub/e.yaml", "tracked.gen.yaml", "local.yaml")
	wantFiles(t, Rules{}, []string{"work"}, "work/b.yaml", "work/x/c.yaml")
	git(t, "init", "-q")
	for file, text := range map[string]string{".gitignore": "work/\n*.gen.yaml\n", ".git/info/exclude": "local.yaml\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git(t, "add", "-f", "tracked.gen.yaml")
	all := []string{"a.yaml", "local.yaml", "sub/d.gen.yaml", "sub/e.yaml", "tracked.gen.yaml", "work/b.yaml",
		"work/x/c.yaml"}
	wantFiles(t, Rules{}, []string{"."}, "a.yaml", "sub/e.yaml", "tracked.gen.yaml")
	wantFiles(t, Rules{}, []string{"sub"}, "sub/e.yaml")
	wantFiles(t, Rules{Ignored: true}, []string{"."}, all...)
	// What the user names is not ignored.
	wantFiles(t, Rules{}, []string{"work", "sub/d.gen.yaml"}, "sub/d.gen.yaml", "work/b.yaml", "work/x/c.yaml")
	wantFiles(t, Rules{}, []string{"work/x"}, "work/x/c.yaml")
}

// TestGitThatRefuses checks that a repository of another user is reported, because nothing is ignored there.
func TestGitThatRefuses(t *testing.T) {
	tree(t, "a.yaml", "b.gen.yaml")
	git(t, "init", "-q")
	if err := os.WriteFile(".gitignore", []byte("*.gen.yaml\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var reasons []string
	r := Rules{NotIgnored: func(folder, reason string) { reasons = append(reasons, folder+": "+reason) }}
	wantFiles(t, r, []string{"."}, "a.yaml")
	if len(reasons) > 0 {
		t.Errorf("git answers, and %q is reported", reasons)
	}
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	wantFiles(t, r, []string{"."}, "a.yaml", "b.gen.yaml")
	if len(reasons) != 1 || !strings.HasPrefix(reasons[0], ".: detected dubious ownership") {
		t.Errorf("is %q", reasons)
	}
}

func TestLinks(t *testing.T) {
	tree(t, "real/a.yaml", "other/b.yaml")
	links := map[string]string{"real/file.yaml": "../other/b.yaml", "real/folder": "../other", "named": "other"}
	for link, target := range links {
		if err := os.Symlink(target, link); err != nil {
			t.Skip("SKIPPED: needs symbolic links: ", err)
		}
	}
	wantFiles(t, Rules{}, []string{"real"}, "real/a.yaml")
	wantFiles(t, Rules{}, []string{"real/file.yaml"}, "real/file.yaml")
	wantFiles(t, Rules{}, []string{"named"}, "named/b.yaml")
}

// TestNamedPathsHideNothing checks that a path which cannot be read is a problem, beside the files that can be read.
func TestNamedPathsHideNothing(t *testing.T) {
	tree(t, "a.yaml", "z.yaml")
	if err := os.Symlink("loop.yaml", "loop.yaml"); err != nil {
		t.Skip("SKIPPED: needs symbolic links: ", err)
	}
	for _, name := range []string{"loop.yaml", os.DevNull} {
		files, problems, err := (Rules{}).List(t.Context(), []string{"a.yaml", name, "z.yaml"})
		if err != nil || len(files) != 2 || len(problems) != 1 || problems[0].Pos.File != filepath.ToSlash(name) {
			t.Errorf("%s: %v, %v, %v", name, files, problems, err)
		}
		wantFiles(t, Rules{Exclude: []string{filepath.Base(name)}}, []string{"a.yaml", name}, "a.yaml")
	}
}

func TestAnUnreadableFolderHidesNothing(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("SKIPPED: a superuser can read every folder")
	}
	tree(t, "a.yaml", "closed/b.yaml", "z.yaml")
	if err := os.Chmod("closed", 0); err != nil {
		t.Fatal(err)
	}
	files, problems, err := (Rules{}).List(t.Context(), []string{"."})
	if err != nil || len(files) != 2 || len(problems) != 1 || problems[0].Pos.File != "closed" {
		t.Errorf("%v, %v, %v", files, problems, err)
	}
	_, problems, err = Rules{Exclude: []string{"closed"}}.List(t.Context(), []string{"."})
	if err != nil || problems != nil {
		t.Errorf("an excluded folder is read: %v, %v", problems, err)
	}
}
