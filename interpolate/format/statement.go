// SPDX-License-Identifier: MPL-2.0

package format

import (
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// Another tool repeats or omits the text between its statements: {% if x %} … {% endif %}. Quotes must not stand
// between them unless both do, and unless the text between them is a plain text too.

// template matches what another tool reads: an expression, a statement or a comment.
var template = pattern.Once(`(?s)\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<%.*?%>`)

// statementWords are the first words of a template, with the signs before and after them.
var statementWords = pattern.Once(`^(\{\{|\{%|<%)[-+~_]*\s*(/\*|[#/^]\s*[\w.-]+|\}\s*\w*|\w+)?`)

// statement is what a template does with the text around it.
type statement int

const (
	writes    statement = iota // an expression
	removed                    // a comment, or a statement that writes nothing
	opens                      // the text up to the closing statement can be omitted or repeated
	continues                  // another text begins, which stands for the one before
	closes
)

// Statements by their first word. All others in {% … %} open.
var (
	goOpenings     = []string{"if", "range", "with", "block", "define"}
	alternatives   = []string{"else", "elif", "elsif", "elseif", "when"}
	withoutClosing = []string{"set", "assign", "include", "include_relative", "import", "from", "extends", "do", "break",
		"continue", "debug", "increment", "decrement", "cycle", "load", "url", "now", "render"}
	rubyOpenings = pattern.Once(`\b(?:if|unless|case|for|while|until|do|begin)\b|\{[^}]*$`)
)

// readStatement returns what a template does, and the name with which it opens or closes.
func readStatement(text string) (statement, string) {
	m := statementWords().FindStringSubmatch(text)
	if m == nil {
		return removed, "" // {# … #}
	}
	word := m[2]
	switch m[1] {
	case "{{":
		return goStatement(word)
	case "<%":
		return percentStatement(text, word)
	}
	switch name, ends := strings.CutPrefix(word, "end"); {
	case ends:
		return closes, name
	case isOneOf(word, alternatives):
		return continues, ""
	case word == "set" && !strings.Contains(text, "="):
		return opens, word
	case word == "" || isOneOf(word, withoutClosing):
		return removed, ""
	}
	return opens, word
}

// IsStatement reports whether a template is a statement or a comment, which leave nothing where they are.
func IsStatement(template string) bool {
	s, _ := readStatement(template)
	return s != writes
}

// goStatement reads a statement of Go or of Handlebars.
func goStatement(word string) (statement, string) {
	switch {
	case word == "":
		return writes, ""
	case word == "/*", word == "break", word == "continue":
		return removed, ""
	case word == "end":
		return closes, ""
	case isOneOf(word, alternatives):
		return continues, ""
	case word[0] == '#', word[0] == '^':
		return opens, strings.TrimSpace(word[1:])
	case word[0] == '/':
		return closes, strings.TrimSpace(word[1:])
	case isOneOf(word, goOpenings):
		return opens, ""
	}
	return writes, ""
}

// percentStatement reads a statement of ERB or EJS.
func percentStatement(text, word string) (statement, string) {
	code := strings.TrimRight(strings.TrimSuffix(text, "%>"), "-_ \t\r\n")
	switch {
	case strings.HasPrefix(text, "<%="):
		return writes, ""
	case strings.HasPrefix(text, "<%#"):
		return removed, ""
	case isOneOf(word, alternatives), strings.HasPrefix(word, "}") && strings.HasSuffix(code, "{"):
		return continues, ""
	case word == "end", strings.HasPrefix(word, "}"):
		return closes, ""
	case rubyOpenings().MatchString(code):
		return opens, ""
	}
	return removed, ""
}

func isOneOf(word string, list []string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

// SplitsStatement reports whether quotes around a text would stand inside a statement of another tool, or would turn
// what the tool writes from structure into a string. The text stands without quotes. References in it are a letter.
func SplitsStatement(text string) bool {
	type block struct {
		name    string
		started bool
	}
	var open []block
	started := false // the value surely has text before this point
	for rest := text; ; {
		at := template().FindStringIndex(rest)
		if at == nil {
			return len(open) > 0 || !started && rest != text && beginsStructure(rest)
		}
		between, whole := rest[:at[0]], rest[at[0]:at[1]]
		if !started && len(rest) < len(text) && beginsStructure(between) {
			return true
		}
		started = started || strings.TrimSpace(between) != ""
		rest = rest[at[1]:]
		does, name := readStatement(whole)
		if (does == continues || does == closes) && len(open) == 0 {
			return true
		}
		switch last := len(open) - 1; does {
		case writes:
			started = true
		case opens:
			open = append(open, block{name, started})
		case continues:
			started = open[last].started
		case closes:
			if open[last].name != name && name != "" {
				return true
			}
			started, open = open[last].started, open[:last]
		case removed:
		}
	}
}

// beginsStructure reports whether a text that begins a value of YAML begins something else than a string without
// quotes.
func beginsStructure(text string) bool {
	text = strings.TrimLeft(text, Blanks)
	if text == "" {
		return false
	}
	if strings.IndexByte("-?:", text[0]) >= 0 {
		return len(text) == 1 || strings.IndexByte(Blanks, text[1]) >= 0
	}
	return strings.IndexByte("[]{},&*!|>'\"%@`#", text[0]) >= 0
}

// OpensAfterTemplate reports whether a bracket or a quote opens right after a template in the beginning of a line. A
// parser that does not know the template takes it for a part of a text.
func OpensAfterTemplate(line string) bool {
	if !mayOpenAfterTemplate(line) {
		return false
	}
	templates := template().FindAllStringIndex(line, -1)
	quote, after := byte(0), false
	for i := 0; i < len(line); i++ {
		if len(templates) > 0 && templates[0][0] == i {
			i, after, templates = templates[0][1]-1, quote == 0, templates[1:]
			continue
		}
		switch c := line[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case after && strings.IndexByte("[{\"'", c) >= 0:
			return true
		case c == '"', c == '\'':
			quote = c
		case c != ' ' && c != '\t':
			after = false
		}
	}
	return false
}

// mayOpenAfterTemplate is a fast check that is true for each line for which OpensAfterTemplate is.
func mayOpenAfterTemplate(line string) bool {
	closed := false
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case closed && strings.IndexByte("[{\"'", c) >= 0:
			return true
		case c == '}' && strings.IndexByte("}%#", line[i-1]) >= 0, c == '>' && line[i-1] == '%':
			closed = true
		case c != ' ' && c != '\t':
			closed = false
		}
	}
	return false
}

// ClosesStructure reports whether a text without quotes has brackets without their pairs, or ends with a comma. A
// template may open what it closes.
func ClosesStructure(text string) bool {
	text = template().ReplaceAllString(text, "x")
	return strings.Count(text, "{") != strings.Count(text, "}") || strings.Count(text, "[") != strings.Count(text, "]") ||
		strings.HasSuffix(strings.TrimRight(text, Blanks), ",")
}
