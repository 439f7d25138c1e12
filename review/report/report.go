// SPDX-License-Identifier: MPL-2.0

// Package report writes a review for those who read it: people at a terminal,
// in a pull request or in a code host's annotations, and programs.
//
// Everything that is written comes from a review.Report, which holds no value
// and no text of a file but names.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/pouncet/terraform-provider-pouncet/review"
)

// Options say what a report tells beside its findings.
type Options struct {
	Version string          // of the program
	FailOn  review.Severity // the least severity that fails a check
	Title   string          // "Check", "Review"
}

type writer func(w io.Writer, r *review.Report, o Options) error

var writers = map[string]writer{
	"text": text, "json": asJSON, "sarif": sarif, "markdown": markdown, "github": github, "junit": junit,
}

// Formats are the names of the formats, sorted.
func Formats() []string {
	var names []string
	for name := range writers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Write writes a report in one of the formats.
func Write(w io.Writer, format string, r *review.Report, o Options) error {
	return writers[format](w, r, o)
}

func asJSON(w io.Writer, r *review.Report, _ Options) error {
	return encode(w, struct {
		Format int `json:"format"`
		*review.Report
	}{1, r})
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// text groups findings by file, and puts below each the reference it is about.
func text(w io.Writer, r *review.Report, _ Options) error {
	var b strings.Builder
	file := ""
	for i, f := range r.Findings {
		if f.File != file || i == 0 {
			if i > 0 {
				b.WriteByte('\n')
			}
			file = f.File
			b.WriteString(line(file) + "\n")
		}
		place := fmt.Sprintf("%d:%d", f.Line, f.Column)
		fmt.Fprintf(&b, "  %-8s %-8s %s  %s\n", place, f.Severity, f.Rule, line(sentence(f)))
		if f.Reference != "" {
			fmt.Fprintf(&b, "  %17s %s\n", "", line(f.Reference))
		}
	}
	if len(r.Findings) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(summary(r) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// sentence is a finding's message with the way out.
func sentence(f review.Finding) string {
	if f.Hint == "" {
		return f.Message
	}
	return f.Message + "; " + f.Hint
}

// summary is one line.
func summary(r *review.Report) string {
	s := fmt.Sprintf("%s, %s, %s; %s in %s", plural(r.Count(review.Error), "error"), plural(r.Count(review.Warning), "warning"),
		plural(r.Count(review.Note), "note"), plural(r.References, "reference"), plural(r.Files, "file"))
	if len(r.Environments) > 0 {
		s += ", checked for " + strings.Join(r.Environments, ", ")
	}
	if r.Suppressed > 0 {
		s += fmt.Sprintf("; %d suppressed", r.Suppressed)
	}
	if r.Baselined > 0 {
		s += fmt.Sprintf("; %d in the baseline", r.Baselined)
	}
	return s
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// line keeps a name, of a file say, from breaking lines and steering terminals.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// fails reports whether a finding fails the check.
func fails(f review.Finding, o Options) bool {
	rank := []review.Severity{review.Note, review.Warning, review.Error}
	return slices.Index(rank, f.Severity) >= slices.Index(rank, cmp.Or(o.FailOn, review.Error))
}
