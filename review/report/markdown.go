// SPDX-License-Identifier: MPL-2.0

package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

// section is a part of the Markdown report. It holds the rules with ids from firstRule on, without the rules of the
// sections before it.
type section struct {
	firstRule, title string
}

var sections = []section{
	{review.PlanRemoves, "What the plan does to references"},
	{review.Added, "What the change does to references"},
	{review.Missing, "Findings"},
}

// maxRows is the maximum number of rows of a table. A comment on a pull request may have 65,536 characters on GitHub.
const maxRows = 100

// markdown writes a comment for a pull request.
func markdown(w io.Writer, r *review.Report, o Options) error {
	parts := make([][]review.Finding, len(sections))
	for _, f := range r.Findings {
		for i, s := range sections {
			if f.Rule >= s.firstRule {
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
	fmt.Fprintf(b, "\n#### %s\n\n| | Position | Reference | Message |\n|---|---|---|---|\n", title)
	for i, f := range findings {
		if i == maxRows {
			fmt.Fprintf(b, "\nAnd %d more.\n", len(findings)-maxRows)
			return
		}
		reference := ""
		if f.Reference != "" {
			reference = code(f.Reference)
		}
		fmt.Fprintf(b, "| %s %s | %s | %s | %s |\n",
			f.Severity, f.Rule, code(fmt.Sprintf("%s:%d", f.File, f.Line)), reference, escapeMarkdown(sentence(f)))
	}
}

// code returns a code span for a cell of a table.
func code(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(backend.PrintableLine(s), "`", "'"), "|", `\|`)
	return "`" + s + "`"
}

var markdownEscapes = strings.NewReplacer(
	"&", "&amp;", `\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;",
	"[", `\[`, "]", `\]`, "#", `\#`, "@", "&#64;", "~", `\~`,
)

func escapeMarkdown(s string) string { return markdownEscapes.Replace(backend.PrintableLine(s)) }
