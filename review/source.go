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
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// Source is what was found in one file. Its text is not kept.
type Source struct {
	Name       string // with slashes, as the user named it
	References []interpolate.Reference
	Suspects   []interpolate.Problem
	Problems   []interpolate.Problem // with these there are no References
	Leaks      []Leak

	comments []interpolate.Position // of references in comments
	ignores  []ignore
}

// Leak is a place that seems to hold a secret in the clear. What was found
// there is not part of it, so that nothing can print it.
type Leak struct {
	Line, Column int
	What         string // the kind of secret, by the scanner's rule
	Key          string // what the line says before it, so far as that is a name
}

// Scanner finds secrets in the text of a file, from any number of goroutines.
type Scanner interface {
	Scan(name string, data []byte) []Leak
}

// Find lists the files that paths mean: files as they are named, whatever they
// are called, and the configuration files below folders, by their names. Version control's own
// folder and the embedded backend's are left out, and so are links, which may
// lead anywhere.
func Find(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		err := filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case path == p && !d.IsDir():
				info, err := os.Stat(path) // a file that was named may be a link
				if err == nil && !info.Mode().IsRegular() {
					err = errors.New("it is not a file")
				}
				files = append(files, path)
				return err
			case d.IsDir():
				if path != p && isOwnFolder(d.Name()) {
					return filepath.SkipDir
				}
			case d.Type().IsRegular() && interpolate.IsConfigurationFile(path):
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

func isOwnFolder(name string) bool { return name == ".git" || name == ".pouncet" }

// Reader says what files are read as. Without a Scanner no secrets are looked for.
// It tells Step, if that is set, how many files are done, from several goroutines.
type Reader struct {
	Format  interpolate.Format
	Dialect interpolate.Dialect
	Scanner Scanner
	Step    func(done, files int)
}

// Read scans files on all processors. It returns a Source for each that holds
// something to report on.
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
	s := &Source{Name: f.Name, ignores: findIgnores(f.Data)}
	doc, err := interpolate.Scan(f)
	var problems interpolate.Problems
	switch {
	case errors.As(err, &problems):
		s.Problems = problems
	case err == nil:
		s.References, s.Suspects = doc.References(), doc.Warnings()
		s.comments = findInComments(f, s.References)
	}
	if r.Scanner != nil {
		s.Leaks = r.Scanner.Scan(f.Name, f.Data)
	}
	if len(s.References)+len(s.Suspects)+len(s.Problems)+len(s.Leaks)+len(s.comments)+len(s.ignores) == 0 {
		return nil
	}
	return s
}

// commentedCall matches a line that has, behind what may begin a comment, an
// expression with one of our calls.
var commentedCall = regexp.MustCompile(`(?:^|[ \t])#.*?(\{\{[^}\n]*\b(?:get_secret_value|mage_secret_var|get_value)\s*\()`)

// findInComments finds references that are none, being in comments: spelled
// like one, behind a "#", and not among those that were found.
func findInComments(f interpolate.File, found []interpolate.Reference) []interpolate.Position {
	if !bytes.Contains(f.Data, []byte("{{")) || !bytes.ContainsRune(f.Data, '#') {
		return nil
	}
	known := map[interpolate.Position]bool{}
	for _, r := range found {
		known[r.Pos] = true
	}
	var out []interpolate.Position
	line := 0
	for text := range bytes.Lines(bytes.TrimPrefix(f.Data, []byte("\ufeff"))) {
		line++
		if !bytes.Contains(text, []byte("{{")) {
			continue
		}
		m := commentedCall.FindSubmatchIndex(text)
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
	line, column int // of the comment
	target       int // the line that it speaks of
	rules        []string
	wrong        string // what is wrong with it; it then suppresses nothing
}

var (
	ignoreComment = regexp.MustCompile(`(?:^|[ \t])#[ \t]*pouncet:ignore\b[ \t]*(.*)`)
	ruleList      = regexp.MustCompile(`^([A-Za-z0-9,-]+)[ \t]*(.*)$`)
)

// findIgnores finds comments of the form "# pouncet:ignore POUNCET001 reason".
// One behind something speaks of its own line, one that stands alone of the
// next line that is neither empty nor a comment.
func findIgnores(data []byte) []ignore {
	if !bytes.Contains(data, []byte("pouncet:ignore")) {
		return nil
	}
	lines := strings.Split(string(data), "\n")
	var out []ignore
	next := 0
	for i, text := range lines {
		m := ignoreComment.FindStringSubmatchIndex(text)
		if m == nil {
			continue
		}
		hash := m[0] + strings.IndexByte(text[m[0]:], '#')
		g := parseIgnore(strings.TrimSpace(text[m[2]:m[3]]))
		g.line, g.column, g.target = i+1, utf8.RuneCountInString(text[:hash])+1, i+1
		if strings.TrimSpace(text[:hash]) == "" {
			if next <= i { // comments one below the other speak of the same line
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

// nextContent is the index of the first line from i on that is neither empty
// nor a comment; len(lines) if there is none.
func nextContent(lines []string, i int) int {
	for ; i < len(lines); i++ {
		if t := strings.TrimSpace(lines[i]); t != "" && t[0] != '#' {
			break
		}
	}
	return i
}

func parseIgnore(text string) ignore {
	m := ruleList.FindStringSubmatch(text)
	if m == nil {
		return ignore{wrong: "the suppression names no rule"}
	}
	g := ignore{rules: strings.Split(m[1], ",")}
	for _, id := range g.rules {
		if ruleOf(id) == nil || id == BadIgnore {
			return ignore{wrong: "the suppression names no rule: " + backend.Quote(id) + " is not one that can be suppressed"}
		}
	}
	if m[2] == "" {
		return ignore{wrong: "the suppression of " + m[1] + " gives no reason"}
	}
	return g
}
