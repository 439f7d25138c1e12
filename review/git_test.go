// SPDX-License-Identifier: MPL-2.0

package review

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// TestRevisionComparesFilesWithOddNames checks that a name which git reads in another way hides no file.
func TestRevisionComparesFilesWithOddNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows does not allow these names")
	}
	t.Chdir(t.TempDir())
	names := []string{`"quoted".yaml`, "two\nlines.yaml", " blank .yaml", "a.yaml", `b\n.yaml`}
	for _, name := range names {
		if err := os.WriteFile(name, []byte("a: 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "a"},
	} {
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if err := os.WriteFile("a.yaml", []byte("a: {{ get_secret_value('x') }}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	revision, err := Reader{}.Revision(t.Context(), "HEAD", []string{"."})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if changed := name == "a.yaml"; revision.Unchanged[name] == changed {
			t.Errorf("%q: unchanged %v", name, revision.Unchanged[name])
		}
	}
	if len(revision.Files) != len(names) {
		t.Errorf("the files are %q", revision.Files)
	}
}
