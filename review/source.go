// SPDX-License-Identifier: MPL-2.0

package review

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/scan"
	"github.com/pouncet/terraform-provider-pouncet/review/fileset"
)

// Source holds the references and problems of one file, without its text.
type Source struct {
	Name       string // the path as the user gave it, with slashes
	References []scan.Reference
	NearMisses []scan.Problem
	Unclear    []scan.Problem // texts that may be files in an unknown format
	Unencoded  []scan.Problem // references where Kubernetes expects base64
	Problems   []scan.Problem // a file with problems has no References
	Leaks      []Leak

	comments  []scan.Position // the positions of references in comments
	ignores   []ignore
	terraform *terraformFile // of a Terraform file, which has no References
}

// Leak is a position that seems to hold a secret in plain text. It does not hold the secret, so that nothing can print
// it.
type Leak struct {
	Line, Column int
	EndLine      int    // the line in which the secret ends
	Rule         string // the name of the scanner's rule, which says what type of secret it is
	Key          string // the name before the secret on the same line, if there is one

	lines uint64 // a hash of the lines of the secret, without the spaces around them, under a key of this process
}

// Scanner detects secrets in the text of a file. It must be safe for concurrent use.
type Scanner interface {
	Scan(name string, data []byte) []Leak
}

// Files are the files that paths select.
type Files struct {
	Names    []string      // sorted
	Problems scan.Problems // what cannot be read below a folder
	Input    *scan.File    // standard input, if it is read
}

// Count returns the number of files.
func (f Files) Count() int {
	if f.Input != nil {
		return len(f.Names) + 1
	}
	return len(f.Names)
}

// All returns the names of all files, with standard input last.
func (f Files) All() []string {
	if f.Input != nil {
		return append(slices.Clone(f.Names), f.Input.Name)
	}
	return f.Names
}

// ListFiles returns the files that paths select by the rules of the reader. With Terraform, it also selects Terraform
// files below folders.
func (r Reader) ListFiles(ctx context.Context, paths []string) (Files, error) {
	names, problems, err := r.rules().List(ctx, paths)
	return Files{Names: names, Problems: problems}, err
}

func (r Reader) rules() fileset.Rules {
	rules := r.Rules
	if r.Terraform {
		rules.Selects = func(name string) bool { return scan.IsConfigurationFile(name) || isTerraformFile(name) }
	}
	return rules
}

// Reader reads files. With Terraform, it reads the names of objects in Terraform files. Without a Scanner it does not
// look for secrets, and never in files that are Unchanged. It calls Step, if that is set, with the number of files that
// are done; several goroutines may call it at the same time.
type Reader struct {
	Format    scan.Format
	Dialect   scan.Dialect
	Nested    scan.Nested
	Terraform bool
	Rules     fileset.Rules
	Scanner   Scanner
	Unchanged map[string]bool // by the name of the Source
	Step      func(done, files int)
}

// Read scans files on all processors. It returns a Source for each file that has references, problems or suppressions.
// A file or folder that cannot be read has a problem.
func (r Reader) Read(ctx context.Context, files Files) ([]*Source, error) {
	var done atomic.Int64
	sources, err := r.scanAll(ctx, len(files.Names), func(i int) (scan.File, error) {
		data, err := os.ReadFile(files.Names[i])
		if r.Step != nil {
			r.Step(int(done.Add(1)), len(files.Names))
		}
		return scan.File{Name: filepath.ToSlash(files.Names[i]), Data: data}, err
	})
	if err == nil && files.Input != nil {
		if s := r.scan(*files.Input); s != nil {
			sources = append(sources, s)
		}
	}
	for _, p := range files.Problems {
		sources = append(sources, unreadable(p))
	}
	return sources, err
}

// unreadable returns the source of a file or folder that cannot be read.
func unreadable(p scan.Problem) *Source {
	return &Source{Name: p.Pos.File, Problems: []scan.Problem{p}}
}

func (r Reader) scanAll(ctx context.Context, n int, read func(i int) (scan.File, error)) ([]*Source, error) {
	sources := make([]*Source, n)
	g, ctx := errgroup.WithContext(ctx)
	workers := min(runtime.GOMAXPROCS(0), n)
	for w := range workers {
		g.Go(func() error {
			for i := w; i < n; i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				f, err := read(i)
				if err != nil {
					sources[i] = unreadable(fileset.Unreadable(f.Name, err))
					continue
				}
				sources[i] = r.scan(f)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(sources, func(s *Source) bool { return s == nil }), nil
}

func (r Reader) scan(f scan.File) *Source {
	f.Format, f.Dialect, f.Nested = r.Format, r.Dialect, r.Nested
	s := &Source{Name: f.Name, ignores: parseIgnores(f.Data)}
	if r.Terraform && isTerraformFile(f.Name) {
		s.terraform = parseTerraform(f)
		return s
	}
	doc, err := scan.Read(f)
	var problems scan.Problems
	switch {
	case errors.As(err, &problems):
		s.Problems = problems
	case err == nil:
		s.References, s.NearMisses, s.Unclear = doc.References(), doc.Warnings(), doc.Unclear()
		s.Unencoded = doc.Unencoded()
		s.comments = referencesInComments(f, s.References)
	}
	if r.Scanner != nil && !r.Unchanged[f.Name] {
		s.Leaks = scanSecrets(r.Scanner, f)
	}
	if len(s.References)+len(s.NearMisses)+len(s.Unclear)+len(s.Unencoded)+len(s.Problems)+len(s.Leaks)+len(s.comments)+
		len(s.ignores) == 0 {
		return nil
	}
	return s
}

// commentedCall matches a line that has an expression with a call of Pouncet after a "#" that may start a comment.
var commentedCall = compileOnce(
	`(?:^|[ \t])#.*?(\{\{[^}\n]*\b(?:get_secret_value|mage_secret_var|get_value)\s*\()`)

// compileOnce compiles a pattern when it is used first, so that the other commands do not wait for it.
func compileOnce(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// referencesInComments returns the positions of references after a "#" that interpolate did not report, because they
// are in a comment.
func referencesInComments(f scan.File, reported []scan.Reference) []scan.Position {
	if !bytes.Contains(f.Data, []byte("{{")) || !bytes.ContainsRune(f.Data, '#') {
		return nil
	}
	known := map[scan.Position]bool{}
	for _, r := range reported {
		known[r.Pos] = true
	}
	var out []scan.Position
	line := 0
	for text := range bytes.Lines(bytes.TrimPrefix(f.Data, []byte("\ufeff"))) {
		line++
		if !bytes.Contains(text, []byte("{{")) {
			continue
		}
		m := commentedCall().FindSubmatchIndex(text)
		if m == nil {
			continue
		}
		pos := scan.Position{File: f.Name, Line: line, Column: utf8.RuneCount(text[:m[2]]) + 1}
		if !known[pos] {
			out = append(out, pos)
		}
	}
	return out
}

// ignore is a comment that suppresses findings of rules on a line.
type ignore struct {
	line, column int // the position of the comment
	target       int // the line that it applies to
	rules        []string
	problem      string // why the comment is not valid; it then suppresses nothing
}

var (
	ignoreComment = compileOnce(`(?:^|[ \t])#[ \t]*pouncet:ignore\b[ \t]*(.*)`)
	ruleList      = compileOnce(`^([A-Za-z0-9,-]+)[ \t]*(.*)$`)
)

// parseIgnores returns the comments of the form "# pouncet:ignore POUNCET001 reason". A comment after other text
// applies to its own line. A comment alone on a line applies to the next line that is neither empty nor a comment.
func parseIgnores(data []byte) []ignore {
	if !bytes.Contains(data, []byte("pouncet:ignore")) {
		return nil
	}
	lines := strings.Split(string(data), "\n")
	var out []ignore
	next := 0
	for i, text := range lines {
		m := ignoreComment().FindStringSubmatchIndex(text)
		if m == nil {
			continue
		}
		hash := m[0] + strings.IndexByte(text[m[0]:], '#')
		g := parseIgnore(strings.TrimSpace(text[m[2]:m[3]]))
		g.line, g.column, g.target = i+1, utf8.RuneCountInString(text[:hash])+1, i+1
		if strings.TrimSpace(text[:hash]) == "" {
			if next <= i { // computed once for a block of comments, or many of them would take quadratic time
				next = nextContent(lines, i+1)
			}
			if next < len(lines) {
				g.target = next + 1
			}
		}
		out = append(out, g)
	}
	return out
}

// nextContent returns the index of the first line from i on that is neither empty nor a comment, or len(lines).
func nextContent(lines []string, i int) int {
	for ; i < len(lines); i++ {
		if t := strings.TrimSpace(lines[i]); t != "" && t[0] != '#' {
			break
		}
	}
	return i
}

func parseIgnore(text string) ignore {
	m := ruleList().FindStringSubmatch(text)
	if m == nil {
		return ignore{problem: "the suppression names no rule"}
	}
	g := ignore{rules: strings.Split(m[1], ",")}
	for _, id := range g.rules {
		if ruleOf(id) == nil || id == BadIgnore {
			return ignore{problem: "the suppression names " + backend.Quote(id) + ", which is not a rule that can be suppressed"}
		}
	}
	if m[2] == "" {
		return ignore{problem: "the suppression of " + m[1] + " gives no reason"}
	}
	return g
}
