// SPDX-License-Identifier: MPL-2.0

package leak

import (
	"bytes"
	"slices"
)

// The lengths of the longest tags of XML that are read, in bytes.
const (
	longestTag    = 2048
	longestEndTag = 128
)

// withXMLNames returns a text of the same length and lines in which a value of XML has its name directly before it, and
// a blank after it, because the rules of Gitleaks match a name, a sign and a value. These values have another name than
// the word before them:
//
//	<password type="plain">VALUE</password>
//	<password><![CDATA[VALUE]]></password>
//	<string name="api_key">VALUE</string>
//	<add key="ApiToken" value="VALUE"/>
//	<name>fs.s3a.secret.key</name> <value>VALUE</value>
//
// The text may be any text. The function reads tags only, and no structure.
func withXMLNames(data []byte) []byte {
	if !bytes.Contains(data, []byte("</")) && !bytes.Contains(data, []byte("/>")) {
		return data
	}
	x := &xmlText{in: data, out: bytes.Clone(data)}
	for at := 0; at < len(data); {
		next := bytes.IndexByte(data[at:], '<')
		if next < 0 {
			break
		}
		at = x.tag(at + next)
	}
	return x.out
}

type xmlText struct {
	in, out []byte

	label      span // the text of the last element <name> or <key>
	labelEnd   int  // where its end tag ends
	labelStart int  // where the text of an open element <name> or <key> begins, or 0
}

// tag reads what begins with "<", and returns where to go on.
func (x *xmlText) tag(start int) int {
	rest := x.in[start:min(len(x.in), start+longestTag)]
	switch {
	case len(rest) < 2:
		return len(x.in)
	case rest[1] == '/':
		end := start + 1 + max(0, bytes.IndexByte(rest[:min(len(rest), longestEndTag)], '>'))
		x.endValue(start)
		if x.labelStart > 0 {
			x.label, x.labelEnd, x.labelStart = span{start: x.labelStart, end: start}, end, 0
		}
		return end
	case !isWordByte(rest[1]):
		return start + 1
	}
	t, ok := parseTag(x.in, start, start+len(rest))
	if ok {
		x.open(t)
	}
	return t.end
}

// endValue writes a blank after a value, and in place of the end of a section of character data.
func (x *xmlText) endValue(at int) {
	if bytes.HasSuffix(x.in[:at], []byte("]]>")) {
		at -= len("]]>")
	}
	x.out[at] = ' '
}

// open writes the name of an attribute "value", or of the text of an element, before it.
func (x *xmlText) open(t xmlTag) {
	element := x.in[t.name.start:t.name.end]
	x.labelStart = 0
	switch {
	case t.value.end > 0 && t.label.end > 0:
		x.write(t.label, t.start, t.value.start-1) // the quote stays
		return
	case isOneOf(element, "name", "key", "Name", "Key"):
		x.labelStart = t.end
		return
	}
	text := t.end + skipBlanks(x.in[t.end:])
	if section := []byte("<![CDATA["); bytes.HasPrefix(x.in[text:], section) {
		text += len(section)
		text += skipBlanks(x.in[text:])
	}
	switch {
	case t.label.end > 0 && text < len(x.in) && x.in[text] == '<':
		x.label, x.labelEnd = t.label, t.end // of an element "value" in it
		return
	case t.label.end > 0:
		x.write(t.label, t.start, text)
	case isOneOf(element, "value", "string", "Value") && x.label.end > 0 && x.isBlank(x.labelEnd, t.start):
		x.write(x.label, x.label.start, text)
	case text != t.name.end+1 && text < len(x.in) && x.in[text] != '<':
		x.write(t.name, t.start, text)
	}
	x.label = span{}
}

// isBlank reports whether nothing but blanks is in a part of the text.
func (x *xmlText) isBlank(start, end int) bool {
	return start <= end && skipBlanks(x.in[start:end]) == end-start
}

// write replaces a part of the text with a name and "=" at its end, if a credential can have this name. The part
// keeps its length and its lines.
func (x *xmlText) write(name span, start, end int) {
	text := bytes.TrimSpace(x.in[name.start:name.end])
	if len(text) == 0 || len(text) > before/2 || slices.ContainsFunc(text, isNoName) ||
		strengthOf(nameWords(string(text)), true) == noCredential {
		return
	}
	for start > 0 && (x.in[start-1] == ' ' || x.in[start-1] == '\t') {
		start--
	}
	lines := bytes.Count(x.in[start:end], []byte("\n"))
	blanks := end - start - lines - len(text) - len("=")
	if blanks < 0 {
		return
	}
	part := slices.Concat(bytes.Repeat([]byte("\n"), lines), bytes.Repeat([]byte(" "), blanks), text, []byte("="))
	copy(x.out[start:end], part)
}

func isNoName(c byte) bool { return !isNameByte(c) && c != ':' }

func isOneOf(text []byte, words ...string) bool { return slices.Contains(words, string(text)) }

func skipBlanks(text []byte) int { return len(text) - len(bytes.TrimLeft(text, " \t\r\n")) }

func endsAttributeName(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', '=', '<', '>', '/':
		return true
	}
	return false
}

// xmlTag is the beginning of an element.
type xmlTag struct {
	start, end int  // from "<" to behind ">", or to where the text is no tag
	name       span // the name of the element
	label      span // the value of its attribute "name" or "key"
	value      span // the value of its attribute "value"
}

// parseTag parses the tag that begins at an index of a text and ends before a limit. It returns false if there is none.
// Then the end of the tag is where the next one can begin, so that no text is read twice.
func parseTag(text []byte, start, limit int) (t xmlTag, ok bool) {
	at := start + 1
	t.start = start
	defer func() { t.end = max(start+1, at) }()
	for at < limit && !isNoName(text[at]) && text[at] != '/' {
		at++
	}
	t.name = span{start: start + 1, end: at}
	for {
		at += skipBlanks(text[at:limit])
		switch {
		case at >= limit || text[at] == '<':
			return t, false
		case text[at] == '>':
			at++
			return t, true
		case text[at] == '/' || text[at] == '?':
			at++
			continue
		}
		name := at
		for at < limit && !endsAttributeName(text[at]) {
			at++
		}
		attribute := text[name:at]
		at += skipBlanks(text[at:limit])
		if at >= limit || text[at] != '=' {
			if len(attribute) == 0 {
				return t, false
			}
			continue // an attribute of HTML without a value
		}
		at++
		at += skipBlanks(text[at:limit])
		if at >= limit || text[at] != '"' && text[at] != '\'' {
			return t, false
		}
		length := bytes.IndexByte(text[at+1:limit], text[at])
		if length < 0 {
			return t, false
		}
		value := span{start: at + 1, end: at + 1 + length}
		switch {
		case isOneOf(attribute, "name", "key", "Name", "Key"):
			t.label = value
		case isOneOf(attribute, "value", "Value"):
			t.value = value
		}
		at = value.end + 1
	}
}
