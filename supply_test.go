// SPDX-License-Identifier: MPL-2.0

package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDownloadsArePinned fails for a download of the CI, the make file or the GitHub action whose content can change
// without a change of this repository.
func TestDownloadsArePinned(t *testing.T) {
	files, err := exec.Command("git", "ls-files").Output()
	if err != nil {
		t.Skipf("SKIPPED: not a clone: %v", err)
	}
	uses := regexp.MustCompile(`(?m)\buses:\s*(\S+)(.*)$`)
	pinned := regexp.MustCompile(`^[\w.-]+(/[\w.-]+)+@[0-9a-f]{40}$`)
	moving := regexp.MustCompile(`@(latest|main|master)\b|\b(curl|wget|npx)\s|\bnpm (i|install)\b|` +
		`\bpip3? install|\bpip download|\bgo get\b`)
	actions, commands := 0, 0
	for _, file := range strings.Fields(string(files)) {
		read := func() string {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		switch ext := filepath.Ext(file); {
		case strings.Contains(file, "testdata/"):
		case ext == ".yml", ext == ".yaml", ext == ".md":
			for _, m := range uses.FindAllStringSubmatch(read(), -1) {
				if !strings.Contains(m[1], "@") || strings.HasPrefix(m[1], "pouncet/terraform-provider-pouncet@v") {
					continue // a word of a text, or the release of this repository
				}
				actions++
				if !pinned.MatchString(m[1]) || !strings.HasPrefix(m[2], " # v") {
					t.Errorf("%s uses %s%s: name the commit, and the version in a comment", file, m[1], m[2])
				}
			}
		}
		if slices.Contains([]string{"action.yml", "GNUmakefile"}, file) || strings.HasPrefix(file, ".ci/") ||
			strings.HasPrefix(file, "tools/") {
			for _, line := range strings.Split(strings.ReplaceAll(read(), "\\\n", " "), "\n") {
				commands++
				if moving.MatchString(line) && !strings.Contains(line, "--require-hashes -r .ci/requirements.txt") {
					t.Errorf("%s downloads something that is not pinned: %s", file, strings.TrimSpace(line))
				}
			}
		}
	}
	if actions < 4 || commands < 400 {
		t.Errorf("%d actions and %d lines were checked: the test no longer sees all of them", actions, commands)
	}
}

func TestRequirementsHaveHashes(t *testing.T) {
	text, err := os.ReadFile(".ci/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	requirement := regexp.MustCompile(`^[a-z0-9-]+==[0-9a-z.]+( +--hash=sha256:[0-9a-f]{64})+$`)
	n := 0
	for _, line := range strings.Split(strings.ReplaceAll(string(text), "\\\n", ""), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if n++; !requirement.MatchString(line) {
			t.Errorf("not a version with hashes: %s", line)
		}
	}
	if n < 20 {
		t.Errorf("the file has %d requirements", n)
	}
	for _, file := range []string{"interpolate/testdata/parsers/package-lock.json", "web/browser/package-lock.json"} {
		var lock struct {
			Packages map[string]struct{ Integrity string }
		}
		text, err = os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &lock)
		}
		if err != nil || len(lock.Packages) < 2 {
			t.Fatalf("%s has %d packages: %v", file, len(lock.Packages), err)
		}
		for name, p := range lock.Packages {
			if name != "" && !strings.HasPrefix(p.Integrity, "sha512-") {
				t.Errorf("%s: npm package %s has no hash", file, name)
			}
		}
	}
}

func needsTools(t *testing.T) {
	if os.Getenv("POUNCET_TEST_PARTS") == "" {
		t.Skip("SKIPPED: builds tools of other projects: set POUNCET_TEST_PARTS, or make test-parts")
	}
}

// TestBillOfMaterials compares the bills of materials with the dependencies that Go recorded in the programs.
func TestBillOfMaterials(t *testing.T) {
	needsTools(t)
	out := t.TempDir()
	if text, err := exec.Command("make", "sbom", "BIN="+out).CombinedOutput(); err != nil {
		t.Fatalf("make sbom: %v\n%s", err, text)
	}
	for _, program := range []string{"pouncet", "terraform-provider-pouncet"} {
		info, err := buildinfo.ReadFile(filepath.Join(out, program))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"std@" + info.GoVersion}
		for _, d := range info.Deps {
			want = append(want, d.Path+"@"+d.Version)
		}
		text, err := os.ReadFile(filepath.Join(out, program+".cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		var bill struct {
			BOMFormat  string
			Components []struct {
				Name, Version string
				Hashes        []struct{ Alg, Content string }
			}
		}
		if err := json.Unmarshal(text, &bill); err != nil || bill.BOMFormat != "CycloneDX" {
			t.Fatalf("%s: format %q, %v", program, bill.BOMFormat, err)
		}
		var got []string
		for _, c := range bill.Components {
			got = append(got, c.Name+"@"+c.Version)
			if c.Name != "std" && (len(c.Hashes) == 0 || c.Hashes[0].Alg != "SHA-256") {
				t.Errorf("%s: %s has no hash", program, c.Name)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) || !slices.ContainsFunc(got, func(s string) bool {
			return strings.HasPrefix(s, "modernc.org/sqlite@")
		}) {
			t.Errorf("%s: the bill has %q, the program %q", program, got, want)
		}
	}
}

// TestVulnerabilitiesAreReported gives make vulnerabilities databases of its form: none, an empty one, and one that
// lists a dependency.
func TestVulnerabilitiesAreReported(t *testing.T) {
	needsTools(t)
	folder := t.TempDir()
	write := func(file, text string) {
		path := filepath.Join(folder, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	look := func() (string, error) {
		c := exec.Command("tools/vulnerabilities.sh", "-scan", "module")
		c.Env = append(os.Environ(), "GOVULNDB=file://"+folder)
		text, err := c.CombinedOutput()
		return string(text), err
	}
	if text, err := look(); err != nil || !strings.Contains(text, "SKIPPED: known vulnerabilities were NOT looked for") {
		t.Errorf("without a database: %v\n%s", err, text)
	}
	const at = `"modified":"2026-01-01T00:00:00Z"`
	write("index/db.json", "{"+at+"}")
	write("index/modules.json", "[]")
	write("index/vulns.json", "[]")
	if text, err := look(); err != nil || !strings.Contains(text, "No vulnerabilities found") {
		t.Errorf("with an empty database: %v\n%s", err, text)
	}
	write("index/modules.json", `[{"path":"modernc.org/sqlite","vulns":[{"id":"GO-2026-0001",`+at+`}]}]`)
	write("ID/GO-2026-0001.json", `{"schema_version":"1.3.1","id":"GO-2026-0001",`+at+`,"summary":"test",
		"affected":[{"package":{"name":"modernc.org/sqlite","ecosystem":"Go"},
		"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`)
	if text, err := look(); err == nil || !strings.Contains(text, "GO-2026-0001") {
		t.Errorf("with a database that lists a dependency: %v\n%s", err, text)
	}
}
