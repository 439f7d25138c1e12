// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"slices"
	"strings"
	"unicode"

	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// farthest is how many letters a call may be wrong in.
const maxEdits = 2

// nearMiss looks in somebody else's expression for a call that was probably
// meant to be one of ours. It returns what stands there and what was meant.
func nearMiss(text string) (found, meant string) {
	l := lexer{text: text}
	var before, previous token
	for {
		t, err := l.next()
		if err != nil {
			return "", ""
		}
		if previous.typ == tokenName && !before.is(".") {
			switch {
			case t.is("("):
				if meant := suggest.WithinDistance(maxEdits, previous.text, callNames); meant != "" {
					return previous.text, meant
				}
			case slices.Contains(callNames, previous.text):
				return previous.text, previous.text + "('name')"
			}
		}
		if t.typ == tokenEnd {
			return "", ""
		}
		before, previous = previous, t
	}
}

// isOurs reports whether an expression calls one of ours, or holds one of our
// URIs, outside its strings. A method of somebody's object that has the name of
// one of our calls is not ours. Text that does not even have the form of tokens
// is ours if it is spelled like a call: better an error than a secret's name
// where its value should be.
func isReference(text string) bool {
	if !mentionsCall(text) {
		return false
	}
	l := lexer{text: text}
	var before, previous token
	for {
		t, err := l.next()
		switch {
		case err != nil:
			return true
		case t.typ == tokenURI:
			return true
		case t.is("(") && previous.typ == tokenName && !before.is(".") && slices.Contains(callNames, previous.text):
			return true
		case t.typ == tokenEnd:
			return false
		}
		before, previous = previous, t
	}
}

// spellsCall reports whether text holds the letters of one of our calls and an
// opening parenthesis, or of a URI: whatever is ours does.
func mentionsCall(text string) bool {
	if strings.Contains(text, uriScheme) {
		return true
	}
	for i := 0; ; {
		open := strings.IndexByte(text[i:], '(')
		if open < 0 {
			return false
		}
		if slices.Contains(callNames, trailingName(strings.TrimRight(text[:i+open], " \t\r\n"))) {
			return true
		}
		i += open + 1
	}
}

// lastName is the identifier, if any, that text ends with.
func trailingName(text string) string {
	start := len(text)
	for start > 0 && isNamePart(text[start-1]) {
		start--
	}
	return text[start:]
}

// inEveryCall is what the names of all our calls have in common.
const commonToAllCalls = "_va"

// namesCall reports whether a file holds the name of one of our calls, be it
// within a longer name.
func hasCallName(data []byte) bool {
	for i := 0; ; {
		n := bytes.Index(data[i:], []byte(commonToAllCalls))
		if n < 0 {
			return false
		}
		i += n
		for _, name := range callNames {
			if before := strings.Index(name, commonToAllCalls); i >= before && bytes.HasPrefix(data[i-before:], []byte(name)) {
				return true
			}
		}
		i += len(commonToAllCalls)
	}
}

// resemblesCall reports whether a file holds anything that isOurs or nearMiss
// could find, a URI aside: a call's exact name, or before a parenthesis one that
// is near. Most templates of others are told from ours by these few searches.
func mayHoldCall(data []byte) bool {
	if hasCallName(data) {
		return true
	}
	known := map[string]bool{} // names of others, of which a file has few
	for i := 0; ; {
		open := bytes.IndexByte(data[i:], '(')
		if open < 0 {
			return false
		}
		before := bytes.TrimRightFunc(data[max(0, i+open-MaxExpressionBytes):i+open], unicode.IsSpace)
		start := len(before)
		for start > 0 && isNamePart(before[start-1]) {
			start--
		}
		// No name of twice the length is near any of ours.
		if name := before[start:]; len(name) > 0 && len(name) < 2*len(callSecret) && !known[string(name)] {
			if suggest.WithinDistance(maxEdits, string(name), callNames) != "" {
				return true
			}
			if len(known) < 1000 {
				known[string(name)] = true
			}
		}
		i += open + 1
	}
}
