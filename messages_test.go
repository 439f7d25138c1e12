// SPDX-License-Identifier: MPL-2.0

package main

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var updateMessages = flag.Bool("update", false, "write testdata/messages.golden")

// messageFuncs lists the functions that take a text for a person, with the index and the type of each text. A key is a
// name, or a folder and a name for a function that other packages may have too. A method has the name without its
// receiver. TestMessages fails if a function passes a text parameter on to one of these and is not in the list.
var messageFuncs = map[string][]textArg{
	// Errors.
	"Errorf":                            {{1, "error"}},
	"fmt.Errorf":                        {{0, "error"}},
	"errors.New":                        {{0, "error"}},
	"WithHint":                          {{0, "hint"}},
	"suggest.Hint":                      {{1, "hint"}},
	"backend/engine.corrupt":            {{1, "error"}},
	"backend/kms.invalid":               {{0, "error"}},
	"backend/kms.unusable":              {{1, "error"}},
	"backend/kms.unavailable":           {{0, "error"}},
	"backend/store/sqlite.corruptError": {{0, "error"}},
	"cmd/pouncet.usage":                 {{1, "error"}},
	"cmd/pouncet.withHint":              {{0, "hint"}},
	"backend/suggest.MissingHint":       {{2, "hint"}},
	"functions.argumentError":           {{0, "error"}},
	"interpolate/expr.hint":             {{0, "hint"}},
	"interpolate/expr.syntaxErrorf":     {{1, "error"}},
	"interpolate/expr.uriError":         {{0, "error"}},

	// Findings: the start and the end of a message. The environments are between them.
	"review.breaks":  {{1, "message"}, {2, "message"}},
	"review.report":  {{1, "message"}, {2, "message"}},
	"review.missing": {{4, "message"}},

	// Diagnostics of Terraform.
	"AddError":             {{0, "summary"}, {1, "detail"}},
	"AddWarning":           {{0, "summary"}, {1, "detail"}},
	"AddAttributeError":    {{1, "summary"}, {2, "detail"}},
	"AddAttributeWarning":  {{1, "summary"}, {2, "detail"}},
	"NewErrorDiagnostic":   {{0, "summary"}, {1, "detail"}},
	"NewWarningDiagnostic": {{0, "summary"}, {1, "detail"}},
	"NewArgumentFuncError": {{1, "error"}},
	"session.Report":       {{1, "summary"}},
	"session.Warn":         {{1, "summary"}},

	// Output and help of the command line.
	"cmd/pouncet.ask":        {{0, "output"}},
	"cmd/pouncet.notef":      {{0, "output"}},
	"cmd/pouncet.noteText":   {{0, "output"}},
	"cmd/pouncet.answer":     {{1, "output"}},
	"cmd/pouncet.printText":  {{0, "output"}},
	"cmd/pouncet.println":    {{0, "output"}},
	"cmd/pouncet.readHidden": {{2, "output"}},
	"fmt.Fprintf":            {{1, "output"}},
	"fmt.Fprintln":           {{1, "output"}},
	"fmt.Fprint":             {{1, "output"}},
	"http.Error":             {{1, "error"}},
	"cmd/pouncet.BoolVar":    {{3, "flag"}},
	"cmd/pouncet.StringVar":  {{3, "flag"}},
	"cmd/pouncet.StringVarP": {{4, "flag"}},
	"cmd/pouncet.IntVar":     {{3, "flag"}},
	"cmd/pouncet.Int64Var":   {{3, "flag"}},
	"cmd/pouncet.Var":        {{2, "flag"}},
	"cmd/pouncet.String":     {{2, "flag"}},
}

type textArg struct {
	index    int
	textType string
}

// messageFields lists the fields and variables whose value is a text for a person, with the type of the text. A key
// is a name, or a folder and a name. It applies to composite literals, assignments, and maps of texts.
var messageFields = map[string]string{
	"Message": "error", "Hint": "hint", "Short": "help", "Long": "help", "Example": "help", "Reason": "error",
	"messageStart": "message", "messageEnd": "message", "hint": "hint", "problem": "error", "Problem": "error",
	"short": "help", "long": "help", "example": "help", "summary": "summary", "backend/kms.refusalHints": "hint",
	"review.Description": "rule", "web/site.texts": "page",
}

// passThrough lists the functions that return their first argument in another form.
var passThrough = []string{"Sprintf", "wrap"}

// messageReturns lists the functions that return texts for a person or parts of them, with the type of each result.
var messageReturns = map[string][]string{
	"backend/suggest.Hint":        {"hint"},
	"backend/suggest.MissingHint": {"hint"},
	"review.UnknownReason":        {"message"},
	"review.check":                {"error", "hint"},
	"review.removeEnvironment":    {"hint"},
	"review.unknownExistence":     {"message"},
}

// skippedForMessages lists folders without messages for users: tests and tools.
var skippedForMessages = []string{
	"bench", "bin", "docs", "examples", "plugs", "tools", "testdata",
	"backend/kms/kmstest", "backend/oidc/oidctest", "backend/servicetest", "backend/store/storetest", "provider/acctest",
	"provider/pages",
	"review/leak/parity",
	"interpolate/engines", "web/browser", "reliability",
	"backend/httpapi/contract", "backend/telemetry/collector", "deploy",
}

// TestMessages compares the messages of the program with testdata/messages.golden, so that all of them can be read at
// once and a review shows every change.
func TestMessages(t *testing.T) {
	got := collectMessages(t)
	const golden = "testdata/messages.golden"
	if *updateMessages {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the messages differ from %s; read the difference and run: go test . -run TestMessages -update\n%s",
			golden, firstDifference(string(want), got))
	}
}

// firstDifference returns the first lines that differ.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d: the file has\n  %s\nthe source has\n  %s", i+1, a, b)
		}
	}
	return ""
}

func collectMessages(t *testing.T) string {
	t.Helper()
	folders := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		path = filepath.ToSlash(path)
		skip := slices.Contains(skippedForMessages, path) || slices.Contains(skippedForMessages, d.Name()) ||
			path != "." && d.Name()[0] == '.'
		switch {
		case err != nil:
			return err
		case d.IsDir() && skip:
			return fs.SkipDir
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			folder := filepath.ToSlash(filepath.Dir(path))
			folders[folder] = append(folders[folder], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString("# All messages of Pouncet, by file, in the order of the source. Text in {braces} is computed.\n")
	out.WriteString("# Written by: go test . -run TestMessages -update\n")
	used := map[string]bool{}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		c := newMessageCollector(t, folder, folders[folder], used)
		for _, file := range slices.Sorted(maps.Keys(c.files)) {
			if messages := c.collect(c.files[file]); len(messages) > 0 {
				fmt.Fprintf(&out, "\n%s\n%s\n", file, strings.Join(messages, "\n"))
			}
		}
	}
	for name := range messageFuncs {
		if !used[name] {
			t.Errorf("no file calls %s: remove it from messageFuncs", name)
		}
	}
	for name := range messageReturns {
		if !used[name] {
			t.Errorf("%s does not exist: remove it from messageReturns", name)
		}
	}
	return out.String()
}

// TestMessagesHoldTheirParts fails if the collection loses texts that reach a message only as an argument, through a
// function, a field without its name, a variable or a table.
func TestMessagesHoldTheirParts(t *testing.T) {
	got := collectMessages(t)
	for _, text := range []string{
		"it names no bucket",                             // an argument of a function
		"write milliseconds, 1 to 600000",                // an argument that is the whole hint
		"the type cannot change without a new value",     // an argument of a method
		"only a workload gets its value",                 // a field without its name
		"its head was changed outside Pouncet",           // a constant
		"you may have the value, its key is usable",      // a variable
		"Paste a token for this server. It begins with ", // a table
	} {
		if !strings.Contains(got, text) {
			t.Errorf("the messages do not hold %q", text)
		}
	}
}
