// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file has the rule for texts that people write and read. CheckText and CheckLine apply it to new texts. The
// functions from EscapeControls on escape what the rule does not allow, because texts of earlier versions, of other
// servers and of files can hold anything.
//
//   - A control character can move the cursor of a terminal, change its colors or hide text. Only the newline and the
//     tab are allowed, and in a text of one line neither.
//   - The bidirectional controls U+202A to U+202E and U+2066 to U+2069 show a text in another order than it has.
//   - The separators U+2028 and U+2029 end a line for some programs only.
//   - In a text of one line, such as the key of a label, an invisible character makes two equal texts differ. The
//     joiners U+200C and U+200D are allowed, because words of many languages and emoji need them.
//   - A text is valid UTF-8. JSON and terminals replace other bytes, so that the reader sees another text.
//
// Names are stricter: see CheckName.

// isControl reports whether no text may hold a character, except for a newline and a tab.
func isControl(r rune) bool {
	return unicode.IsControl(r) || '\u2028' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069'
}

// isInvisible reports whether a character shows nothing.
func isInvisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) || '\ufe00' <= r && r <= '\ufe0f'
}

// isAllowed reports whether a text may hold a character.
func isAllowed(r rune, oneLine bool) bool {
	switch {
	case r == '\n' || r == '\t':
		return !oneLine
	case unicode.Is(unicode.Cf, r) && oneLine:
		return r == '\u200c' || r == '\u200d'
	}
	return !isControl(r)
}

// errEncoding is the cause of the error of a text that is not UTF-8.
var errEncoding = errors.New("not valid UTF-8")

// CheckText applies the rule for texts of several lines, such as a description. The error calls the text what.
func CheckText(what, text string) *Error { return checkCharacters(what, text, false) }

// CheckLine applies the rule for texts of one line, such as a display name. The error calls the text what.
func CheckLine(what, text string) *Error { return checkCharacters(what, text, true) }

func checkCharacters(what, text string, oneLine bool) *Error {
	if !utf8.ValidString(text) {
		err := Errorf(CodeInvalid, "%s is not valid UTF-8", what).WithHint("save it as UTF-8")
		err.Err = errEncoding
		return err
	}
	i := strings.IndexFunc(text, func(r rune) bool { return !isAllowed(r, oneLine) })
	if i < 0 {
		return nil
	}
	r, _ := utf8.DecodeRuneInString(text[i:])
	err := Errorf(CodeInvalid, "%s has the character U+%04X, which is not allowed", what, r)
	switch {
	case oneLine:
		return err.WithHint("use one line without control characters and invisible characters")
	case r == '\r':
		return err.WithHint("end lines with a newline (LF) only")
	}
	return err.WithHint("remove it: a newline and a tab are the only control characters of a text")
}

// EscapeControls escapes what CheckText refuses: characters as \u001b, and bytes that are not UTF-8 as \xff. It keeps
// newlines and tabs. The result does not say whether the text itself had a backslash there.
func EscapeControls(s string) string { return printable(s, false, false) }

// Printable returns a text so that a person can read it at a terminal and in the log of a CI system. It does what
// EscapeControls does. It also escapes the first character of what a CI system would execute as a command, such as a
// line that starts with ::error::, or ##[group] anywhere.
func Printable(s string) string { return printable(s, false, true) }

// PrintableLine does what Printable does, for a text of one line. It also escapes newlines, tabs and invisible
// characters, so that a text cannot add a line.
func PrintableLine(s string) string { return printable(s, true, true) }

func printable(s string, oneLine, commands bool) string {
	var b strings.Builder
	lineStart := true
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case oneLine && r == '\n':
			b.WriteString(`\n`)
		case oneLine && r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case !isAllowed(r, oneLine), commands && r == ':' && lineStart && startsCommand(s[i:]),
			commands && r == '#' && startsLogCommand(s[i:]):
			writeEscape(&b, r)
		default:
			b.WriteString(s[i : i+size])
			lineStart = r == '\n' || lineStart && (unicode.IsSpace(r) || isInvisible(r))
			i += size
			continue
		}
		lineStart = false
		i += size
	}
	return b.String()
}

// writeEscape writes a character as JSON escapes it.
func writeEscape(b interface{ WriteString(string) (int, error) }, r rune) {
	if r > 0xffff {
		high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
		_, _ = b.WriteString(fmt.Sprintf(`\u%04x\u%04x`, high, low))
		return
	}
	_, _ = b.WriteString(fmt.Sprintf(`\u%04x`, r))
}

// startsCommand reports whether a line of a log is a command of GitHub Actions, such as ::add-mask::x. A program that
// compares texts as people do ignores invisible characters, so this function does too.
func startsCommand(line string) bool {
	return strings.HasPrefix(strings.TrimLeftFunc(line[1:], isInvisible), ":")
}

// startsLogCommand reports whether s starts with a command of the form ##[group], ##vso[task] or ##teamcity[message].
// GitHub Actions, Azure Pipelines and TeamCity execute it anywhere in a line.
func startsLogCommand(s string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeftFunc(s[1:], isInvisible), "#")
	return ok && strings.HasPrefix(strings.TrimLeftFunc(rest, func(r rune) bool {
		return unicode.IsLetter(r) || isInvisible(r)
	}), "[")
}

// PrintableJSON returns the same JSON document, so that a person can read it as Printable says. It uses the escapes of
// JSON, so a program decodes the same strings.
func PrintableJSON(document []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(document))
	for s := string(document); s != ""; {
		r, size := utf8.DecodeRuneInString(s)
		if r >= 0x7f && isControl(r) || r == '#' && startsLogCommand(s) {
			writeEscape(&b, r)
		} else {
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.Bytes()
}
