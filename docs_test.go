// SPDX-License-Identifier: MPL-2.0

package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
	"github.com/pouncet/terraform-provider-pouncet/docs/pagetest"
)

// pages returns the pages that a person wrote and that a test of this package runs. Guides of the provider are
// generated, and provider.TestGuides runs them.
func pages(t *testing.T) []string {
	t.Helper()
	out := []string{"docs/install.md"}
	for _, folder := range []string{"tutorial", "howto", "explanation"} {
		found, err := filepath.Glob("docs/" + folder + "/*.md")
		if err != nil || len(found) < 4 {
			t.Fatalf("docs/%s has %d pages: %v", folder, len(found), err)
		}
		out = append(out, found...)
	}
	return out
}

// TestPages runs the examples of every page as printed.
func TestPages(t *testing.T) {
	for _, page := range pages(t) {
		name := strings.TrimSuffix(strings.TrimPrefix(page, "docs/"), ".md")
		if testing.Short() && !strings.HasPrefix(name, "tutorial/") && name != "install" {
			continue // a page takes seconds
		}
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			// Pages with a server name its default address, so only one of them can run at a time.
			if !strings.Contains(string(text), "127.0.0.1:8420") {
				t.Parallel()
			}
			var o pagetest.Options
			switch name {
			case "install":
				program, err := exec.LookPath("go")
				if err != nil {
					t.Skip("SKIPPED: go is not on PATH, and the page builds with it")
				}
				o.NotInstalled = true
				o.Env = []string{"GO_PROGRAM=" + program}
				o.StandIns = map[string]string{
					// Both need the network or minutes.
					"git":  `[ "$1" = clone ] && mkdir -p "$3"`,
					"make": `[ "$1 $3" = "-C build" ] && mkdir -p "$2/bin" && cp "$BUILT"/* "$2/bin/"`,
					// Go is real, and only a build of the provider is replaced. A program for another platform is only
					// its name here, because a lock file holds a checksum of whatever the mirror has.
					"go": `[ "$1" = -C ] || exec "$GO_PROGRAM" "$@"
						test -d "$2" && [ "$3 $4 $5 $7" = "build -trimpath -o ." ]
						mkdir -p "$(dirname "$6")"
						if [ "$GOOS" = "$("$GO_PROGRAM" env GOHOSTOS)" ]; then cp "$BUILT/terraform-provider-pouncet" "$6"
						else echo "$GOOS $GOARCH" > "$6"; chmod +x "$6"; fi`,
					// A release: the archive of pouncet, and the checksums of all files that are in this folder.
					"curl": `name=${2##*/}; case $name in
						*.tar.gz) tar -czf "$name" -C "$BUILT" pouncet ;;
						*) sha256sum *.tar.gz > "$name" ;;
					esac`,
				}
			case "howto/run-servers-on-postgresql", "howto/move-to-postgresql":
				o.Env = []string{"POUNCET_DATABASE=" + postgrestest.Start(t).URL("postgres")}
			case "howto/aws-kms":
				if os.Getenv("POUNCET_TEST_PARTS") == "" {
					t.Skip("SKIPPED: this page runs the AWS command line and moto_server: set POUNCET_TEST_PARTS, or make test-parts")
				}
				o.Env = localAWS(t)
			}
			pagetest.Run(t, page, o)
		})
	}
}

// localAWS starts a KMS that speaks the protocol of AWS, and returns the variables that point every AWS client at it.
func localAWS(t *testing.T) []string {
	t.Helper()
	return []string{
		"AWS_ENDPOINT_URL=" + kmstest.StartMoto(t), "AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
	}
}

// generated are the folders below docs/ that `make generate` writes.
var generated = regexp.MustCompile(
	`^docs/(actions|data-sources|ephemeral-resources|functions|guides|list-resources|resources|index\.md)`)

// markdown returns all Markdown files of the repository that a person wrote.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		path = filepath.ToSlash(path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"node_modules", "testdata", ".git", "bin"}, d.Name()):
			return fs.SkipDir
		case d.IsDir() || (!strings.HasSuffix(path, ".md") && !strings.HasSuffix(path, ".md.tmpl")):
			return nil
		case path == "CHANGELOG.md" || generated.MatchString(path):
			return nil
		}
		text, err := os.ReadFile(path)
		out[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 40 {
		t.Fatalf("only %d Markdown files were found", len(out))
	}
	return out
}

// TestPagesSayWhatTheReaderCanDo checks that a page starts with what the reader can do after reading it.
func TestPagesSayWhatTheReaderCanDo(t *testing.T) {
	guides, err := filepath.Glob("templates/guides/*.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	others := []string{"docs/README.md", "docs/settings.md", "docs/comparison.md", "docs/style.md", "docs/adr/README.md"}
	for _, page := range slices.Concat(pages(t), guides, others) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		if !regexp.MustCompile(`(?m)^# .+\n\nAfter reading `).Match(text) {
			t.Errorf("%s: the first paragraph must start with \"After reading\"", page)
		}
	}
}

// TestPagesSayWhatToDoNext checks that a page ends with links to what the reader can do next.
func TestPagesSayWhatToDoNext(t *testing.T) {
	generated := []string{"docs/explanation/attributes.md", "docs/explanation/rules.md"} // lists, to look things up
	guides, err := filepath.Glob("templates/guides/*.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range slices.Concat(pages(t), guides) {
		heading := "## Next"
		switch {
		case strings.HasSuffix(page, "/README.md"), slices.Contains(generated, page):
			continue
		case strings.HasPrefix(page, "docs/explanation/"):
			heading = "## More"
		}
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		_, next, _ := strings.Cut(string(text), "\n"+heading+"\n\n")
		if !strings.HasPrefix(next, "- ") || strings.Contains(next, "\n#") {
			t.Errorf("%s: the last section must be %q, with a list of links", page, heading)
		}
	}
}

// TestIndexesHaveEveryPage checks that the index of each folder of pages links to all of them.
func TestIndexesHaveEveryPage(t *testing.T) {
	for _, folder := range []string{"docs", "docs/tutorial", "docs/howto", "docs/explanation", "docs/adr", "docs/guides"} {
		index := folder + "/README.md"
		if folder == "docs/guides" {
			index = "docs/README.md"
		}
		text, err := os.ReadFile(index)
		if err != nil {
			t.Fatal(err)
		}
		found, err := filepath.Glob(folder + "/*.md")
		if err != nil || len(found) < 4 {
			t.Fatalf("%s has %d pages: %v", folder, len(found), err)
		}
		for _, page := range found {
			page = filepath.ToSlash(page)
			link, err := filepath.Rel(filepath.Dir(index), page)
			if err != nil {
				t.Fatal(err)
			}
			link = filepath.ToSlash(link)
			if page != index && !strings.Contains(string(text), "]("+link+")") {
				t.Errorf("%s has no link to %s", index, link)
			}
		}
	}
}

// TestLinksLeadToFiles checks every relative link of the pages that a person wrote, and every link to a file of this
// repository on GitHub, with its anchor.
func TestLinksLeadToFiles(t *testing.T) {
	const here = "https://github.com/pouncet/terraform-provider-pouncet/blob/main/"
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code := regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	for path, text := range markdown(t) {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			switch {
			case strings.HasPrefix(target, here):
				target = strings.TrimPrefix(target, here)
			case strings.Contains(target, "://"), strings.HasPrefix(target, "mailto:"):
				continue
			case target == "":
				target = path
			default:
				target = filepath.ToSlash(filepath.Join(filepath.Dir(path), target))
			}
			aim, err := os.ReadFile(target)
			if info, statErr := os.Stat(target); statErr != nil {
				t.Errorf("%s: the link %s leads to no file", path, m[1])
				continue
			} else if info.IsDir() {
				continue
			}
			if err != nil {
				t.Error(err)
			}
			if anchor != "" && !strings.Contains(anchors(string(aim)), "\n"+anchor+"\n") {
				t.Errorf("%s: the link %s leads to no heading; the headings are:%s", path, m[1], anchors(string(aim)))
			}
		}
	}
}

// anchors returns the anchors that GitHub makes of the headings of a page, one per line.
func anchors(text string) string {
	out := "\n"
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		anchor := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		out += strings.ReplaceAll(anchor, " ", "-") + "\n"
	}
	return out
}

// TestMarkdownLinesAreShort checks that no line of prose is longer than 120 characters, so that a diff can be read.
func TestMarkdownLinesAreShort(t *testing.T) {
	for path, text := range markdown(t) {
		for i, line := range strings.Split(text, "\n") {
			if n := len([]rune(line)); n > 120 && !strings.HasPrefix(strings.TrimSpace(line), "|") {
				t.Errorf("%s:%d: the line has %d characters, and 120 are the limit", path, i+1, n)
			}
		}
	}
}

// TestFeaturesNameWhatExists checks that every test, case, script and make target that the table of features names
// exists.
func TestFeaturesNameWhatExists(t *testing.T) {
	text, err := os.ReadFile("docs/features.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder // the last column of all tables
	ids := map[string]bool{}
	rows := regexp.MustCompile(`(?m)^\| ([A-Z]\d+) \|.*\| ([^|]+) \|$`)
	for _, row := range rows.FindAllStringSubmatch(string(text), -1) {
		shown.WriteString(row[2] + "\n")
		if ids[row[1]] {
			t.Errorf("docs/features.md has two rows with the id %s", row[1])
		}
		ids[row[1]] = true
	}
	makefile, err := os.ReadFile("GNUmakefile")
	if err != nil {
		t.Fatal(err)
	}
	contains := func(text, before, after string) func(name string) bool {
		return func(name string) bool { return strings.Contains(text, before+name+after) }
	}
	functions, cases := sources(t, ".", "_test.go"), sources(t, "backend/servicetest", ".go")
	for _, c := range []struct {
		what, pattern string
		least         int
		exists        func(name string) bool
	}{
		{"test", `\b((?:Test|Fuzz|Example)[A-Z]\w+)`, 60, contains(functions, "\nfunc ", "(")},
		{"case", `"([^"]+)"`, 30, contains(cases, "{\"", "\", func(")},
		{"script", "`((?:both|script)/\\w+)`", 20, func(name string) bool {
			_, err := os.Stat(filepath.Join("cmd/pouncet/testdata", name+".txtar"))
			return err == nil
		}},
		{"make target", "`make ([a-z-]+)`", 2, contains(string(makefile), "\n", ":")},
		{"package", "`([a-z][a-z/]+)`? (?:Test|Fuzz|Example|tests|suite|torture|fault|golden)", 15, func(name string) bool {
			info, err := os.Stat(name)
			return err == nil && info.IsDir()
		}},
	} {
		names := regexp.MustCompile(c.pattern).FindAllStringSubmatch(shown.String(), -1)
		if len(names) < c.least {
			t.Errorf("only %d names of the form %q are named: the pattern no longer fits", len(names), c.what)
		}
		for _, name := range names {
			if !c.exists(name[1]) {
				t.Errorf("docs/features.md names the %s %q, which does not exist", c.what, name[1])
			}
		}
	}
}

// TestSecurityPageNamesWhatExists checks that every test that the page about security names exists.
func TestSecurityPageNamesWhatExists(t *testing.T) {
	text, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	functions := sources(t, ".", "_test.go")
	names := regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(string(text), -1)
	if len(names) < 15 {
		t.Errorf("the page names %d tests only", len(names))
	}
	for _, name := range names {
		if !strings.Contains(functions, "\nfunc "+name+"(") {
			t.Errorf("the page names %s, which does not exist", name)
		}
	}
}

// TestPagesNameTestsThatExist checks the names of tests on every page, such as the decisions.
func TestPagesNameTestsThatExist(t *testing.T) {
	functions := sources(t, ".", "_test.go")
	pattern := regexp.MustCompile("`(?:[a-z][a-z/]* )?((?:Test|Fuzz|Benchmark)[A-Z]\\w+)`") // the package may precede
	found := 0
	for path, text := range markdown(t) {
		if path == "docs/style.md" { // its names are examples
			continue
		}
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			found++
			if !strings.Contains(functions, "\nfunc "+m[1]+"(") {
				t.Errorf("%s names %s, which does not exist", path, m[1])
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d names were found: the pattern no longer fits", found)
	}
}

// sources returns all files below a folder whose names have a suffix, one after the other.
func sources(t *testing.T, dir, suffix string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		source, err := os.ReadFile(path)
		out.Write(source)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}
