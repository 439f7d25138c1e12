// SPDX-License-Identifier: MPL-2.0

package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/review"
)

// section is a part of the Markdown report: the rules from an id on, up to those
// of the next section.
type section struct {
	from, title string
}

var sections = []section{
	{review.PlanRemoves, "What the plan does to references"},
	{review.Added, "What the change does to references"},
	{review.Missing, "Findings"},
}

// mostRows is how many rows a table has: a comment on a pull request holds
// 65,536 characters on the hosts that we know.
const mostRows = 100

// markdown is for a comment on a pull request.
func markdown(w io.Writer, r *review.Report, o Options) error {
	parts := make([][]review.Finding, len(sections))
	for _, f := range r.Findings {
		for i, s := range sections {
			if f.Rule >= s.from {
				parts[i] = append(parts[i], f)
				break
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### Pouncet %s\n\n%s.\n", strings.ToLower(o.Title), escapeMarkdown(summary(r)))
	for i, findings := range parts {
		if len(findings) > 0 {
			table(&b, sections[i].title, findings)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func table(b *strings.Builder, title string, findings []review.Finding) {
	fmt.Fprintf(b, "\n#### %s\n\n| | Where | Reference | What |\n|---|---|---|---|\n", title)
	for i, f := range findings {
		if i == mostRows {
			fmt.Fprintf(b, "\nAnd %d more.\n", len(findings)-mostRows)
			return
		}
		reference := ""
		if f.Reference != "" {
			reference = code(f.Reference)
		}
		fmt.Fprintf(b, "| %s %s | %s | %s | %s |\n", f.Severity, f.Rule, code(fmt.Sprintf("%s:%d", f.File, f.Line)), reference, escapeMarkdown(sentence(f)))
	}
}

// code is a code span within a table.
func code(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(line(s), "`", "'"), "|", `\|`)
	return "`" + s + "`"
}

var markdownEscapes = strings.NewReplacer("&", "&amp;", `\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`, "]", `\]`, "#", `\#`, "@", "&#64;", "~", `\~`)

func escapeMarkdown(s string) string { return markdownEscapes.Replace(line(s)) }
