// SPDX-License-Identifier: MPL-2.0

package review

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
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
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// Source holds the references and problems of one file, without its text.
type Source struct {
	Name       string // the path as the user gave it, with slashes
	References []interpolate.Reference
	NearMisses []interpolate.Problem
	Problems   []interpolate.Problem // a file with problems has no References
	Leaks      []Leak

	comments  []interpolate.Position // the positions of references in comments
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

// ListFiles calls Reader.ListFiles for a Reader of configuration files.
func ListFiles(paths []string) ([]string, error) { return Reader{}.ListFiles(paths) }

// ListFiles returns the files that paths select, sorted. A path of a file selects this file, whatever its name. A
// path of a folder selects the configuration files below it, by their names. Below a folder, ListFiles skips .git and
// .pouncet, and links, which may point anywhere.
func (r Reader) ListFiles(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		err := filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case path == p && !d.IsDir():
				info, err := os.Stat(path) // follows a link that the user named
				if err == nil && !info.Mode().IsRegular() {
					err = errors.New("it is not a regular file")
				}
				files = append(files, path)
				return err
			case d.IsDir():
				if path != p && isExcludedFolder(d.Name()) {
					return filepath.SkipDir
				}
			case d.Type().IsRegular() && r.selects(path):
				files = append(files, path)
			}
			return nil
		})
		if err != nil {
			return nil, backend.Errorf(backend.CodeInvalid, "reading %s: %w", backend.Quote(p), err)
		}
	}
	for i, f := range files {
		files[i] = filepath.Clean(f)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

func isExcludedFolder(name string) bool { return name == ".git" || name == ".pouncet" }

// selects reports whether a Reader reads a file below a folder that the user named.
func (r Reader) selects(name string) bool {
	return interpolate.IsConfigurationFile(name) || r.Terraform && isTerraformFile(name)
}

// Reader reads files. With Terraform, it reads the names of objects in Terraform files. Without a Scanner it does not
// look for secrets, and never in files that are Unchanged. It calls Step, if that is set, with the number of files that
// are done; several goroutines may call it at the same time.
type Reader struct {
	Format    interpolate.Format
	Dialect   interpolate.Dialect
	Terraform bool
	Scanner   Scanner
	Unchanged map[string]bool // by the name of the Source
	Step      func(done, files int)
}

// Read scans files on all processors. It returns a Source for each file that has references, problems or suppressions.
func (r Reader) Read(ctx context.Context, files []string) ([]*Source, error) {
	var done atomic.Int64
	return r.scanAll(ctx, len(files), func(i int) (interpolate.File, error) {
		data, err := os.ReadFile(files[i])
		if err != nil {
			err = backend.Errorf(backend.CodeInvalid, "reading a file: %w", err)
		}
		if r.Step != nil {
			r.Step(int(done.Add(1)), len(files))
		}
		return interpolate.File{Name: filepath.ToSlash(files[i]), Data: data}, err
	})
}

func (r Reader) scanAll(ctx context.Context, n int, read func(i int) (interpolate.File, error)) ([]*Source, error) {
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
					return err
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

func (r Reader) scan(f interpolate.File) *Source {
	f.Format, f.Dialect = r.Format, r.Dialect
	s := &Source{Name: f.Name, ignores: parseIgnores(f.Data)}
	if r.Terraform && isTerraformFile(f.Name) {
		s.terraform = parseTerraform(f)
		return s
	}
	doc, err := interpolate.Scan(f)
	var problems interpolate.Problems
	switch {
	case errors.As(err, &problems):
		s.Problems = problems
	case err == nil:
		s.References, s.NearMisses = doc.References(), doc.Warnings()
		s.comments = referencesInComments(f, s.References)
	}
	if r.Scanner != nil && !r.Unchanged[f.Name] {
		s.Leaks = scanSecrets(r.Scanner, f)
	}
	if len(s.References)+len(s.NearMisses)+len(s.Problems)+len(s.Leaks)+len(s.comments)+len(s.ignores) == 0 {
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
func referencesInComments(f interpolate.File, reported []interpolate.Reference) []interpolate.Position {
	if !bytes.Contains(f.Data, []byte("{{")) || !bytes.ContainsRune(f.Data, '#') {
		return nil
	}
	known := map[interpolate.Position]bool{}
	for _, r := range reported {
		known[r.Pos] = true
	}
	var out []interpolate.Position
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
		pos := interpolate.Position{File: f.Name, Line: line, Column: utf8.RuneCount(text[:m[2]]) + 1}
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
