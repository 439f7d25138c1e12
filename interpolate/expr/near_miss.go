// SPDX-License-Identifier: MPL-2.0

package expr

import (
	"bytes"
	"slices"
	"strings"
	"unicode"

	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// maxEdits is the largest number of typing errors in a name that still yields a suggestion.
const maxEdits = 2

// storeCalls are the calls of Mage that read other stores of secrets.
var storeCalls = []string{"aws_secret_var", "azure_secret_var", "gcp_secret_var", "vault_secret_var"}

// StoreCall returns the call in a foreign expression that reads another store of secrets, or "".
func StoreCall(text string) string {
	if !strings.Contains(text, "_secret_var") {
		return ""
	}
	l := lexer{text: text}
	var before, previous token
	for {
		t, err := l.next()
		switch {
		case err != nil, t.typ == tokenEnd:
			return ""
		case t.is("(") && previous.typ == tokenName && !before.is(".") && slices.Contains(storeCalls, previous.text):
			return previous.text
		}
		before, previous = previous, t
	}
}

// NearMiss looks in a foreign expression for a probable misspelling of a call. It returns the name as written and the
// suggestion, or empty strings.
func NearMiss(text string) (written, suggestion string) {
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
				if s := suggest.WithinDistance(maxEdits, previous.text, callNames); s != "" {
					return previous.text, s
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

// IsReference reports whether an expression calls a function of the language, or holds a reference URI, outside its
// strings. A method of another object, as in x.get_value(1), does not count. Text that cannot be split into tokens
// counts if it mentions a call: an error is better than a file that holds the name of a secret instead of its value.
func IsReference(text string) bool {
	if !MentionsCall(text) {
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

// MentionsCall reports whether text holds the name of a call before an opening parenthesis, or the scheme of a URI.
// This is true for every reference, and cheap to check.
func MentionsCall(text string) bool {
	if strings.Contains(text, Scheme) {
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

// trailingName returns the identifier at the end of text, or "".
func trailingName(text string) string {
	start := len(text)
	for start > 0 && isNamePart(text[start-1]) {
		start--
	}
	return text[start:]
}

// commonToAllCalls is a part of the name of every call, so that one search covers all of them.
const commonToAllCalls = "_va"

// namesInFiles are what hasCallName looks for: the parts of each name before and after commonToAllCalls, by the last
// character before it.
var namesInFiles = func() (byLast [128][][2]string) {
	for _, name := range slices.Concat(callNames, storeCalls) {
		before, after, _ := strings.Cut(name, commonToAllCalls)
		last := before[len(before)-1]
		byLast[last] = append(byLast[last], [2]string{before, after})
	}
	return byLast
}()

// hasCallName reports whether a file holds the name of a call, even as a part of a longer name.
func hasCallName(data []byte) bool {
	for i := 0; ; i += len(commonToAllCalls) {
		n := bytes.Index(data[i:], []byte(commonToAllCalls))
		if n < 0 {
			return false
		}
		if i += n; i == 0 || data[i-1] >= 128 {
			continue
		}
		for _, name := range namesInFiles[data[i-1]] {
			if bytes.HasSuffix(data[:i], []byte(name[0])) &&
				bytes.HasPrefix(data[i+len(commonToAllCalls):], []byte(name[1])) {
				return true
			}
		}
	}
}

// MayHoldCall reports whether a file can hold a call for IsReference or a misspelled call for NearMiss. It does not
// look for URIs. For most templates of other tools it returns false, after a few fast searches.
func MayHoldCall(data []byte) bool {
	if hasCallName(data) {
		return true
	}
	known := map[string]bool{} // names that are not close to a call; a file has few different ones
	for i := 0; ; {
		open := bytes.IndexByte(data[i:], '(')
		if open < 0 {
			return false
		}
		before := bytes.TrimRightFunc(data[max(0, i+open-MaxBytes):i+open], unicode.IsSpace)
		start := len(before)
		for start > 0 && isNamePart(before[start-1]) {
			start--
		}
		// A name of twice the length of a call cannot be a misspelling of it.
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
