// SPDX-License-Identifier: MPL-2.0

package mask

import "strings"

// A form is a way to read a text: through a decoder.
type form struct {
	decode  decoder
	escapes string                    // the bytes that an escape can begin with
	needed  func(texts []string) bool // whether any text can be written in this form; nil for always
	inside  []*form                   // the forms in which the decoded text is read once more

	// same says that an escape begins with the byte that it stands for.
	same bool
	// space says that the decoder changes white space only. An undecided line break is not kept back, because no text
	// that is masked begins with one, except where the text itself does.
	space bool
	// A line break counts only inside of what may be a secret, and after this many base64 characters.
	afterRun int
	into     string // one of these bytes is what the line break stands for; "" for none
}

// shortestLine is the length of the shortest line of wrapped base64 or hexadecimal text. After a shorter one, a line
// break ends the text. Otherwise many ordinary lines would wait for the next line: their last letters may be the
// beginning of a secret.
const shortestLine = 16

var (
	wrapped = form{decode: lineBreak(""), escapes: "\n\r", space: true, afterRun: shortestLine}
	nested  = form{decode: backslash(false), escapes: `\`}
	forms   = []*form{
		{decode: backslash(false), escapes: `\`, inside: []*form{&nested, &wrapped}},
		{decode: backslash(true), escapes: `\`, needed: contain(isNotASCII)},
		&wrapped,
		{decode: percent(false), escapes: "%"},
		{decode: percent(true), escapes: "%+", needed: contain(anyOf(" "))},
		{decode: entities, escapes: "&"},
		{decode: shellQuotes, escapes: "'", same: true, needed: contain(anyOf("'"))},
		{decode: doubled('\''), escapes: `'`, same: true, needed: contain(anyOf("'"))},
		{decode: doubled('"'), escapes: `"`, same: true, needed: contain(anyOf(`"`))},
		// The lines of a block in YAML.
		{decode: lineBreak("\n"), escapes: "\n\r", space: true, into: "\n", needed: contain(anyOf("\n"))},
		// The lines of a quoted string in YAML.
		{decode: foldedLines, escapes: "\n\r", space: true, into: " \n", needed: contain(anyOf(" \n"))},
	}
)

func contain(f func(r rune) bool) func(texts []string) bool {
	return func(texts []string) bool {
		for _, t := range texts {
			if strings.ContainsFunc(t, f) {
				return true
			}
		}
		return false
	}
}

func isNotASCII(r rune) bool { return r >= 0x80 }

func anyOf(chars string) func(r rune) bool {
	return func(r rune) bool { return strings.ContainsRune(chars, r) }
}

// view searches in the output as one form reads it. While its form changes nothing, a view is in the same state as the
// search in the text that it reads, and does no work.
type view struct {
	w      *Writer
	form   *form
	parent *view // whose decoded bytes it reads; nil for the output itself
	inside []view

	active bool
	state  int32
	starts []int64 // where the last decoded bytes begin in the output
	origin int64   // without a parent, each byte before this offset is a decoded byte as well
	run    int     // the number of base64 characters in a row at the end of the decoded bytes, up to shortestLine

	held  []byte // undecided bytes
	spans []span // where each of them is in the output
}

func newViews(w *Writer, parent *view, forms []*form) []view {
	views := make([]view, len(forms))
	for i, f := range forms {
		views[i] = view{w: w, form: f, parent: parent}
		views[i].inside = newViews(w, &views[i], f.inside)
	}
	return views
}

// read reads the next byte of the text. before and after are the states of the search in that text.
func (v *view) read(c byte, at span, before, after int32) {
	if !v.active && !v.activate(at, before) {
		return
	}
	if len(v.held) == 0 && strings.IndexByte(v.form.escapes, c) < 0 {
		v.search(c, at)
	} else {
		v.held, v.spans = append(v.held, c), append(v.spans, at)
		v.drain(false)
	}
	v.active = v.state != after || len(v.held) > 0 || !v.startsAsText(at) || anyActive(v.inside)
}

// startsAsText reports whether what may be the beginning of a secret begins where it does in the text that the view
// reads, of which at is the last byte.
func (v *view) startsAsText(at span) bool {
	depth := int(v.w.set.automaton.depth[v.state])
	switch {
	case depth == 0:
		return true
	case v.parent == nil:
		return v.start(depth) == at.end-int64(depth)
	}
	return v.start(depth) == v.parent.start(depth)
}

// activate lets the view start with the state of the text before an escape. It returns false if there is no reason to.
func (v *view) activate(at span, before int32) bool {
	a := v.w.set.automaton
	depth := a.depth[before]
	if v.form.space && depth == 0 {
		return false
	}
	continues := func(r rune) bool { return a.step(before, byte(r)) != 0 }
	if v.form.into != "" && !strings.ContainsFunc(v.form.into, continues) {
		return false
	}
	v.starts, v.origin = v.starts[:0], at.start
	if v.parent == nil {
		v.run = v.w.runBefore(at.start)
	} else {
		v.run = v.parent.run
	}
	if v.run < v.form.afterRun {
		return false
	}
	for n := int(depth); v.parent != nil && n > 0; n-- {
		v.starts = append(v.starts, v.parent.start(n+1)) // the last one is the byte to read
	}
	v.active, v.state = true, before
	return true
}

// drain decodes what is decided, or with atEnd everything.
func (v *view) drain(atEnd bool) {
	f := v.form
	for len(v.held) > 0 {
		n, decoded := 1, v.held[:1]
		if !f.space || v.run >= f.afterRun && v.state != 0 {
			n, decoded = f.decode(v.held, atEnd)
		}
		if n == 0 {
			return
		}
		at := span{v.spans[0].start, v.spans[n-1].end}
		for _, c := range decoded {
			v.search(c, at)
		}
		if n == len(v.held) {
			v.held, v.spans = v.held[:0], v.spans[:0]
			return
		}
		v.held, v.spans = shift(v.held, n), shift(v.spans, n)
	}
}

func shift[T any](list []T, n int) []T { return list[:copy(list, list[n:])] }

// search searches in the decoded bytes.
func (v *view) search(c byte, at span) {
	a, before := v.w.set.automaton, v.state
	v.state = a.step(before, c)
	v.starts = append(v.starts, at.start)
	if n := a.matched[v.state]; n > 0 {
		v.w.mark(v.start(int(n)), at.end)
	}
	if len(v.starts) > 64 {
		if depth := int(a.depth[v.state]); len(v.starts) > 2*depth+64 {
			v.starts = shift(v.starts, len(v.starts)-depth)
		}
	}
	for i := range v.inside {
		if x := &v.inside[i]; x.active || strings.IndexByte(x.form.escapes, c) >= 0 {
			x.read(c, at, before, v.state)
		}
	}
	v.run = nextRun(v.run, c)
}

// start returns where the last n decoded bytes begin in the output.
func (v *view) start(n int) int64 {
	if n <= len(v.starts) {
		return v.starts[len(v.starts)-n]
	}
	return v.origin - int64(n-len(v.starts))
}

func anyActive(views []view) bool {
	for i := range views {
		if views[i].active {
			return true
		}
	}
	return false
}

// pending returns where the text begins that may be the beginning of a secret, or end if there is none.
func (v *view) pending(end int64) int64 {
	if depth := v.w.set.automaton.depth[v.state]; depth > 0 {
		end = min(end, v.start(int(depth)))
	}
	if len(v.held) > 0 && !v.form.space && (!v.form.same || v.w.set.automaton.step(0, v.held[0]) != 0) {
		end = min(end, v.spans[0].start)
	}
	for i := range v.inside {
		if x := &v.inside[i]; x.active {
			end = min(end, x.pending(end))
		}
	}
	return end
}

// close decodes the undecided bytes as the end of the output.
func (v *view) close() {
	v.drain(true)
	for i := range v.inside {
		v.inside[i].close()
	}
}

// nextRun returns the number of base64 characters in a row after c.
func nextRun(run int, c byte) int {
	if !isBase64[c] {
		return 0
	}
	return min(run+1, shortestLine)
}

var isBase64 = func() (table [256]bool) {
	for _, c := range []byte(letters + "+/-_=") {
		table[c] = true
	}
	return table
}()
