// SPDX-License-Identifier: MPL-2.0

package report

import (
	"bytes"
	"encoding/xml"
	"os"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/review"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// hostile returns a report with names that hold special characters of each format.
func hostile() *review.Report {
	f := func(rule string, s review.Severity, file string, line int) review.Finding {
		return review.Finding{
			Rule: rule, Name: "a-name", Severity: s, File: file, Line: line, Column: 2,
			Message: "secret \"a|b\" <i> %0A\x1b[31m", Hint: "it exists in dev, prod",
			Reference: "get_secret_value('a', field='`|`')", Environments: []string{"dev"}, Fingerprint: "00ff",
		}
	}
	findings := []review.Finding{
		f(review.Missing, review.Error, "a b/c:d,%.yaml", 1), f(review.Added, review.Note, "a b/c:d,%.yaml", 7),
		f(review.PlanRemoves, review.Warning, "/abs/x\n::error::.yaml", 3),
	}
	return &review.Report{Files: 3, References: 4, Environments: []string{"dev"}, Suppressed: 1, Findings: findings}
}

func write(t *testing.T, format string, r *review.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, r, Options{Version: "1.2.3", FailOn: review.Error, Title: "Review"}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSARIFIsValid(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*review.Report{"hostile": hostile(), "empty": {}} {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(write(t, "sarif", r)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if schema.Validate(map[string]any{"version": "2.0.0", "runs": []any{}}) == nil {
		t.Error("the schema accepts an invalid document")
	}
}

func TestJUnitIsXML(t *testing.T) {
	var suites junitSuites
	if err := xml.Unmarshal([]byte(write(t, "junit", hostile())), &suites); err != nil {
		t.Fatal(err)
	}
	if suites.Tests != 3 || suites.Failures != 1 || len(suites.Suites) != 2 {
		t.Errorf("%+v", suites)
	}
	if text := write(t, "junit", &review.Report{}); !strings.Contains(text, `tests="1" failures="0"`) {
		t.Error(text)
	}
}

func TestNamesAreEscapedInEveryFormat(t *testing.T) {
	commands := strings.Split(strings.TrimSpace(write(t, "github", hostile())), "\n")
	const want = "::error file=a b/c%3Ad%2C%25.yaml,line=1,col=2,title=POUNCET001 a-name::"
	if len(commands) != 4 || !strings.HasPrefix(commands[0], want) {
		t.Error(strings.Join(commands, "\n"))
	}
	for _, row := range strings.Split(write(t, "markdown", hostile()), "\n") {
		if strings.HasPrefix(row, "| ") && strings.Count(row, "|")-strings.Count(row, `\|`) != 5 {
			t.Error(row)
		}
	}
	r := hostile()
	for i := range r.Findings { // all that a finding takes from files and from the backend
		f, text := &r.Findings[i], "\x1b[2J\u202e\u009b\r\n::add-mask::x\n ##[group]y \u2028 ##vso[z]"
		f.File, f.Message, f.Hint, f.Reference = f.File+text, f.Message+text, f.Hint+text, text
		f.Environments = []string{text}
		r.Environments = f.Environments
	}
	for _, format := range Formats() {
		for _, r := range []*review.Report{hostile(), r} {
			for i, line := range strings.Split(write(t, format, r), "\n") {
				own := format == "github" && i < len(r.Findings) // an annotation is a command of this program
				if strings.ContainsAny(line, "\x1b\r\u202e\u009b\u2028") || strings.Contains(line, "##[") ||
					strings.Contains(line, "##vso[") || strings.HasPrefix(strings.TrimSpace(line), "::") && !own {
					t.Errorf("%s: a name or text is not escaped: %q", format, line)
				}
			}
		}
	}
}

func TestMarkdownMatchesTheGoldenFile(t *testing.T) {
	want, err := os.ReadFile("testdata/report.md")
	if err != nil {
		t.Fatal(err)
	}
	if got := write(t, "markdown", hostile()); got != string(want) {
		t.Errorf("got\n%s", got)
	}
}

func TestLongTablesAreCut(t *testing.T) {
	r := hostile()
	for range 3 * maxRows {
		r.Findings = append(r.Findings, r.Findings[0])
	}
	if text := write(t, "markdown", r); len(text) > 65_536 || !strings.Contains(text, "And 201 more.") {
		t.Errorf("%d characters", len(text))
	}
}
