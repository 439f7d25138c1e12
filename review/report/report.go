// SPDX-License-Identifier: MPL-2.0

// Package report writes a review in several formats: for a terminal, a pull request, the annotations of a code host,
// and programs.
//
// It writes only what a review.Report holds, which has no secret value and no text of a file except names.
package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

// Options configure Write.
type Options struct {
	Version string          // the version of the program
	FailOn  review.Severity // the lowest severity that fails a check
	Title   string          // "Check" or "Review"
}

type writer func(w io.Writer, r *review.Report, o Options) error

var writers = map[string]writer{
	"text": text, "json": asJSON, "sarif": sarif, "markdown": markdown, "github": github, "junit": junit,
}

// Formats returns the names of the formats, sorted.
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
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(backend.PrintableJSON(b.Bytes()))
	return err
}

// text groups the findings by file and writes the reference of a finding below it.
func text(w io.Writer, r *review.Report, _ Options) error {
	var b strings.Builder
	file := ""
	for i, f := range r.Findings {
		if f.File != file || i == 0 {
			if i > 0 {
				b.WriteByte('\n')
			}
			file = f.File
			b.WriteString(backend.PrintableLine(file) + "\n")
		}
		position := fmt.Sprintf("%d:%d", f.Line, f.Column)
		fmt.Fprintf(&b, "  %-8s %-8s %s  %s\n", position, f.Severity, f.Rule, backend.PrintableLine(sentence(f)))
		if f.Reference != "" {
			fmt.Fprintf(&b, "  %17s %s\n", "", backend.PrintableLine(f.Reference))
		}
	}
	if len(r.Findings) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(backend.PrintableLine(summary(r)) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// sentence returns the message of a finding with its hint.
func sentence(f review.Finding) string {
	if f.Hint == "" {
		return f.Message
	}
	return f.Message + "; " + f.Hint
}

// summary returns one line about the whole report.
func summary(r *review.Report) string {
	s := fmt.Sprintf("%s, %s, %s; %s in %s", backend.Plural(r.Count(review.Error), "error"),
		backend.Plural(r.Count(review.Warning), "warning"), backend.Plural(r.Count(review.Note), "note"),
		backend.Plural(r.References, "reference"), backend.Plural(r.Files, "file"))
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

// fails reports whether a finding fails the check.
func fails(f review.Finding, o Options) bool {
	rank := []review.Severity{review.Note, review.Warning, review.Error}
	return slices.Index(rank, f.Severity) >= slices.Index(rank, cmp.Or(o.FailOn, review.Error))
}
