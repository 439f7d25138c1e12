// SPDX-License-Identifier: MPL-2.0

// Package pagetest runs the examples of a documentation page as the page prints them.
//
// A reader starts in an empty folder and copies one block after the other into one shell. [Run] does the same:
//
//   - A block in the language sh runs. All blocks of a page run in the same shell, in the order of the page. The page
//     fails when a command fails; a command that is meant to fail ends in "|| echo ...".
//   - A block in any other language becomes a file when the line before it ends with a file name in backquotes and a
//     colon, as in: Write `main.tf`:
//   - A block in the language text is the output of the sh block before it. Each of its lines must be a line of that
//     output, in this order. The output may have more lines. The character "…" stands for any text within a line, and
//     a line with "…" alone stands for any lines.
//
// Every other block is a mistake, except a diagram in the language mermaid, so that a page cannot show what no test
// runs.
//
// # Limits
//
// The package programtest builds the programs pouncet and terraform-provider-pouncet. A page that calls an absent
// program runs up to the block that calls it; a subtest that skips names the program. The same happens to a page that
// calls terraform unless TF_ACC is set.
package pagetest

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// A block is one fenced block of a page.
type block struct {
	line     int    // of the opening fence, from 1
	language string // "sh", "text", or the language of a file
	file     string // the name of the file that it becomes; "" if none
	text     string
}

// fileName matches a line that announces the file in the block after it.
var fileName = regexp.MustCompile("`([^`\\s]+)`[^`]*:$")

// blocks returns the fenced blocks of a Markdown text, in order.
func blocks(text string) ([]block, error) {
	var found []block
	var open *block
	var body strings.Builder
	before := "" // the last line with text, for the name of a file
	for i, line := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimLeft(line, " "), "```")
		switch {
		case open != nil && isFence && fence == "":
			open.text = body.String()
			found, open, before = append(found, *open), nil, ""
		case open != nil:
			body.WriteString(line + "\n")
		case isFence:
			open = &block{line: i + 1, language: fence}
			if m := fileName.FindStringSubmatch(before); m != nil && fence != "sh" && fence != "text" {
				open.file = m[1]
			}
			body.Reset()
		case strings.TrimSpace(line) != "":
			before = strings.TrimSpace(line)
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block has no end", open.line)
	}
	for i, b := range found {
		switch {
		case b.language == "sh", b.language == "mermaid", b.file != "":
		case b.language == "text" && i > 0 && found[i-1].language == "sh":
		default:
			return nil, fmt.Errorf("line %d: no test can run this block of %q: it is neither sh, nor a file, nor output",
				b.line, b.language)
		}
	}
	return found, nil
}

// A step is one piece of the script that a page becomes.
type step struct {
	line   int
	script string
	want   string // lines of the expected output
}

// steps turns blocks into pieces of one shell script.
func steps(all []block) []step {
	var out []step
	for _, b := range all {
		switch {
		case b.language == "sh":
			out = append(out, step{line: b.line, script: b.text})
		case b.language == "text":
			out[len(out)-1].want = b.text
		case b.file != "":
			const end = "END_OF_THE_FILE_ON_THE_PAGE"
			script := fmt.Sprintf("mkdir -p \"$(dirname '%[1]s')\"\ncat > '%[1]s' <<'%[2]s'\n%[3]s%[2]s\n", b.file, end, b.text)
			out = append(out, step{line: b.line, script: script})
		}
	}
	return out
}

// A program is one that a page may call and that a machine may lack.
var programs = []string{
	"terraform", "tofu", "curl", "git", "jq", "aws", "vault", "doppler", "openssl", "python3", "docker", "kubectl",
	"moto_server",
}

// calls returns the programs that a script calls.
func calls(script string) []string {
	var out []string
	for _, p := range programs {
		call := regexp.MustCompile(`(?m)(^\s*|[|&;({]\s*|\$\(|\b(?:if|until|while|then|do|else|!) |\b\w+=\S* )` +
			regexp.QuoteMeta(p) + `(\s|$)`)
		if call.MatchString(script) && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// colours matches the control sequences that colour the output of a program.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// missingLine returns the first line of want that output does not have in this order, or "" if it has all of them.
func missingLine(want, output string) string {
	rest := strings.Split(colours.ReplaceAllString(output, ""), "\n")
	for w := range strings.SplitSeq(want, "\n") {
		w = strings.TrimSpace(w)
		if w == "" || w == "…" {
			continue
		}
		parts := strings.Split(w, "…")
		for i, p := range parts {
			// Columns of a table are as wide as their widest cell, which a page need not show.
			parts[i] = regexp.MustCompile(` {2,}`).ReplaceAllString(regexp.QuoteMeta(p), ` +`)
		}
		pattern := regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
		at := slices.IndexFunc(rest, func(line string) bool { return pattern.MatchString(strings.TrimSpace(line)) })
		if at < 0 {
			return w
		}
		rest = rest[at+1:]
	}
	return ""
}

// environ returns the environment of this process without what could change the outcome of a page.
func environ() []string {
	var out []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		changes := func(prefix string) bool { return strings.HasPrefix(name+"=", prefix) }
		if !slices.ContainsFunc([]string{"POUNCET_", "TF_", "AWS_", "GITHUB_", "HOME=", "PATH="}, changes) {
			out = append(out, v)
		}
	}
	return out
}
