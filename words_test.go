// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// avoidedPhrases lists phrases that are hard to read, with what to write instead. docs/style.md explains the style. A
// phrase is a regular expression that ignores case; (?-i) makes a part of it respect case.
var avoidedPhrases = []struct{ phrase, instead string }{
	{`nobody has said`, `no credentials were supplied`},
	{`in nobody`, `in no …, or say what has it instead`},
	{`says? why not`, `is rejected with a reason`},
	{`afresh|anew`, `again; or a new …`},
	{`stands? in the way`, `blocks; the dependents that block …`},
	{`the one too many`, `over the limit`},
	{`as good as none`, `not useful; or say what is missing`},
	{`makes? worthwhile`, `is worth; or say the benefit`},
	{`in the clear`, `in plain text`},
	{`leads? nowhere|leads? to nothing`, `refers to a missing …`},
	{`for whoever|whoever`, `for anyone who; someone who`},
	{`no more than that`, `only this`},
	{`how many-?eth|manieth`, `a counter; the n-th`},
	{`(?:expression|file|JSON|text|URI|YAML) do(?:es)? not parse\b`, `cannot be parsed`},
	{`(?:answer|document|file|JSON|plan|response|text|URI|YAML) do(?:es)? not read\b`, `cannot be parsed`},
	{`stops? to`, `expires; no longer …; stops …ing`},
	{`also if`, `even if; or: also when …`},
	{`Test[A-Z]\w+ holds (?:this|it|them)`, `a test checks something`},
	{`that (?:is|are) none(?:[^ ]|$| [^o])`, `is not valid; is invalid JSON`},
	{`is not one(?:[^ \w]|$)`, `is not a valid …`},
	{`(?:is|are) there already|exists already`, `already exists`},
	{`(?:is|are) told`, `is reported; gets`},
	{`told (?:why|from|apart)`, `is rejected with a reason; is distinguished`},
	{`(?:those|what|all) that there (?:is|are)`, `existing …; the available …`},
	{`what is there\b`, `existing …`},
	{`(?:a|an|the) \w+ of (?:its|their) own\b`, `its own …; a separate …`},
	{`scope keys?\b`, `environment key`},
	{`failed to\b`, `name the operation: "reading record: …"`},
}

// avoidedNames lists names of Go identifiers that do not say what the thing is, with better ones.
var avoidedNames = map[string]string{
	"lane":       "connPool, queue",
	"lanes":      "connPools, queues",
	"cells":      "columns, row",
	"loan":       "connection, lease",
	"flight":     "call, request",
	"tired":      "slow, timeout",
	"tame":       "plain, safe",
	"stirred":    "changed",
	"lull":       "idleTimeout",
	"patience":   "timeout",
	"patiently":  "retryWhileBusy",
	"afresh":     "again",
	"anew":       "replaced, again",
	"worthwhile": "needed",
	"handful":    "a number",
	"blurred":    "unknown",
	"atHand":     "cached",
	"find":       "match, search, or what it looks for: draftOf",
	"finds":      "matches",
	"Finds":      "Matches",
	"early":      "before, prefetched, isOld",
	"moment":     "time, instant",
	"usual":      "default",
	"bare":       "plain, unquoted, unbraced",
	"Bare":       "Plain, Unquoted, Unbraced",
	"within":     "inside, limit, condition",
	"Within":     "Regions, Limit",
}

// avoidedDeclarations lists names that are clear for a variable next to its use, but not for a function or a type.
var avoidedDeclarations = map[string]string{
	"found": "reportPage, matches",
	"Found": "what was found: ChangedOutside",
}

// betweenLines matches the end of a line, and the marks of a comment at the start of the next one.
var betweenLines = regexp.MustCompile(` *\r?\n[\t #/>*-]*`)

// TestAvoidedPhrases keeps phrases out of messages, documentation, templates, comments and scripts.
func TestAvoidedPhrases(t *testing.T) {
	var patterns []*regexp.Regexp
	var all []string
	for _, p := range avoidedPhrases {
		patterns = append(patterns, regexp.MustCompile(`(?i)\b(?:`+p.phrase+`)`))
		all = append(all, p.phrase)
	}
	any := regexp.MustCompile(`(?i)\b(?:` + strings.Join(all, "|") + `)`) // one search for all phrases is fast
	// In a whole file, a line does not end at its $ but at a space.
	wide := regexp.MustCompile(strings.ReplaceAll(any.String(), "$", "$| "))
	forEachText(t, func(path string) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// Most files have no phrase: one search of the whole file is faster than two searches of each line.
		if !wide.Match(betweenLines.ReplaceAll(content, []byte(" "))) && !bytes.Contains(content, []byte("<<<<<<< ")) {
			return
		}
		lines := bufio.NewScanner(bytes.NewReader(content))
		lines.Buffer(nil, 1<<24)
		before := ""
		for n := 1; lines.Scan(); n++ {
			// A phrase may be on two lines. The comment marks of the second line are removed.
			line := strings.TrimLeft(lines.Text(), "\t #/>*-")
			if strings.HasPrefix(lines.Text(), "<<<<<<< ") {
				t.Errorf("%s:%d: a mark of a merge conflict", path, n)
			}
			both := before + line
			for i, p := range patterns {
				if i == 0 && !any.MatchString(both) {
					break
				}
				for _, at := range p.FindAllStringIndex(both, -1) {
					if at[1] > len(before) {
						t.Errorf("%s:%d: do not write %q; write: %s", path, n, both[at[0]:at[1]], avoidedPhrases[i].instead)
					}
				}
			}
			before = strings.TrimRight(line, " ") + " "
		}
		if err := lines.Err(); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	})
}

// TestAvoidedNames keeps names that do not say what the thing is out of the code.
func TestAvoidedNames(t *testing.T) {
	forEachText(t, func(path string) {
		if filepath.Ext(path) != ".go" {
			return
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		reported := map[string]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			if id := declared(n); id != nil && avoidedDeclarations[id.Name] != "" {
				t.Errorf("%s: do not name a function or a type %q; write: %s", fset.Position(id.Pos()), id.Name,
					avoidedDeclarations[id.Name])
			}
			if id, ok := n.(*ast.Ident); ok && !reported[id.Name] {
				if better, avoided := avoidedNames[id.Name]; avoided {
					reported[id.Name] = true
					t.Errorf("%s: do not name anything %q; write: %s", fset.Position(id.Pos()), id.Name, better)
				}
			}
			return true
		})
	})
}

// ownMeanings lists the terms of docs/style.md that no further type may have as its name, with the files that have it.
var ownMeanings = map[string][]string{
	"place": {"backend/rights.go", "backend/store/places.go", "backend/engine/draft_list.go",
		"provider/planning/claims.go", "resources/private.go", "web/site/place.go"},
	"kind": {"backend/model.go", "backend/report/report.go", "backend/trace/span.go"},
	"plan": {"provider/planning/plan.go", "review/plan.go"}, // of Terraform
}

// TestTermsKeepTheirMeaning keeps further types from getting the name of a term that has one meaning.
func TestTermsKeepTheirMeaning(t *testing.T) {
	forEachText(t, func(path string) {
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				files, isTerm := ownMeanings[strings.ToLower(spec.Name.Name)]
				if isTerm && !slices.Contains(files, path) {
					t.Errorf("%s: the type %s has the name of a term with another meaning: see docs/style.md", path,
						spec.Name.Name)
				}
			}
			return true
		})
	})
}

// declared returns the name of a function or a type that a node declares.
func declared(n ast.Node) *ast.Ident {
	switch n := n.(type) {
	case *ast.FuncDecl:
		return n.Name
	case *ast.TypeSpec:
		return n.Name
	}
	return nil
}

// forEachText calls f for each file of the project that people read or edit.
func forEachText(t *testing.T, f func(path string)) {
	t.Helper()
	// Change entries may name old terms.
	skipped := []string{
		".git", ".terraform", ".changes", "CHANGELOG.md", "bin", "node_modules",
		"docs/style.md", "words_test.go",
	}
	read := []string{".go", ".md", ".tmpl", ".txtar", ".tf", ".tofu", ".py", ".sh", ".sql", ".yaml", ".yml", ".golden"}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		switch skip := slices.Contains(skipped, path) || slices.Contains(skipped, d.Name()); {
		case d.IsDir() && skip:
			return fs.SkipDir
		case !d.IsDir() && !skip && slices.Contains(read, filepath.Ext(path)):
			f(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
