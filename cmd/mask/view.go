// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"math/bits"
	"slices"
	"strings"
)

// A form is a way to read a text: through a decoder.
type form struct {
	decode  decoder
	escapes string                    // the bytes that an escape can begin with
	needed  func(texts []string) bool // whether any text can be written in this form; nil for always

	// same says that an escape begins with the byte that it stands for.
	same bool
	// space says that the decoder changes white space only. An undecided line break is not kept back, because no text
	// that is masked begins with one, except where the text itself does.
	space bool
	// A line break counts only inside a text that may be a secret, and after this many base64 characters.
	afterRun int
	into     string // all escapes stand for one of these bytes; "" if they stand for any byte or for none
}

// shortestLine is the length of the shortest line of wrapped base64 or hexadecimal text. After a shorter one, a line
// break ends the text. Otherwise many ordinary lines would wait for the next line: their last letters may be the
// beginning of a secret.
const shortestLine = 16

var (
	wrapped = &form{decode: lineBreak(""), escapes: "\n\r", space: true, afterRun: shortestLine}
	slashes = &form{decode: backslash(false), escapes: `\`}
	// nesting are the forms that may contain other forms.
	nesting = []*form{
		slashes,
		{decode: percent(false), escapes: "%"},
		{decode: percent(true), escapes: "%+", needed: contain(anyOf(" "))},
		{decode: entities, escapes: "&"},
		{decode: shellQuotes, escapes: "'", same: true, into: "'", needed: contain(anyOf("'"))},
		{decode: doubled('\''), escapes: "'", same: true, into: "'", needed: contain(anyOf("'"))},
		{decode: doubled('"'), escapes: `"`, same: true, into: `"`, needed: contain(anyOf(`"`))},
	}
	// inner are the forms that another form may contain.
	inner = append(slices.Clone(nesting),
		wrapped,
		// The files of Docker Compose and Terraform double what begins a reference: $$ and %%{. So do formats of printf.
		&form{decode: doubled('$'), escapes: "$", same: true, into: "$", needed: contain(anyOf("$"))},
		&form{decode: doubled('%'), escapes: "%", into: "%", needed: contain(anyOf("%"))},
	)
	forms = append(slices.Clone(inner),
		&form{decode: backslash(true), escapes: `\`, needed: contain(isNotASCII)},
		// The lines of a block in YAML.
		&form{decode: lineBreak("\n"), escapes: "\n\r", space: true, into: "\n", needed: contain(anyOf("\n"))},
		// The lines of a quoted string in YAML.
		&form{decode: foldedLines, escapes: "\n\r", space: true, into: " \n", needed: contain(anyOf(" \n"))},
	)
)

// inside returns the forms in which a decoded text is read once more. The text was decoded by the outer forms, in this
// order. Two forms can be inside each other, and JSON in JSON in JSON. More levels are rare, and each takes time.
func inside(outer []*form) []*form {
	switch {
	case len(outer) == 0:
		return forms
	case len(outer) == 1 && slices.Contains(nesting, outer[0]):
		return inner
	case len(outer) == 2 && outer[0] == slashes && outer[1] == slashes:
		return []*form{slashes, wrapped}
	}
	return nil
}

// readings are the forms in which a text is read.
type readings struct {
	forms    []*form
	inside   []*readings // for each form, how the text is read that it decodes
	triggers [256]uint32 // a bit for each form that an escape with this byte belongs to
}

func newReadings(outer []*form, texts []string) *readings {
	r := &readings{}
	for _, f := range inside(outer) {
		if f.needed != nil && !f.needed(texts) {
			continue
		}
		for _, c := range []byte(f.escapes) {
			r.triggers[c] |= 1 << len(r.forms)
		}
		r.forms = append(r.forms, f)
		r.inside = append(r.inside, newReadings(append(slices.Clone(outer), f), texts))
	}
	return r
}

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
	inside group // they read the decoded bytes once more

	state  int32
	starts []int64 // where the last decoded bytes begin in the output
	origin int64   // without a parent, each byte before this offset is a decoded byte as well
	run    int     // the number of base64 characters in a row at the end of the decoded bytes, up to shortestLine

	held  []byte // undecided bytes
	spans []span // where each of them is in the output
}

// group holds the views that read the same text.
type group struct {
	*readings
	views []view
	busy  uint32 // a bit for each active view
}

func newGroup(w *Writer, parent *view, r *readings) group {
	g := group{readings: r, views: make([]view, len(r.forms))}
	for i, f := range r.forms {
		v := &g.views[i]
		*v = view{w: w, form: f, parent: parent}
		v.inside = newGroup(w, v, r.inside[i])
	}
	return g
}

// read passes the next byte of the text to the active views, and to those that it can begin an escape for. before and
// after are the states of the search in that text.
func (g *group) read(c byte, at span, before, after int32) {
	reading := g.busy | g.triggers[c]
	for rest := reading &^ g.busy; rest != 0; rest &= rest - 1 {
		// All start before any view reads the byte, because they copy the state of other ones.
		if i := bits.TrailingZeros32(rest); !g.activate(&g.views[i], at, before) {
			reading &^= 1 << i
		}
	}
	g.busy = 0
	for ; reading != 0; reading &= reading - 1 {
		if g.views[bits.TrailingZeros32(reading)].read(c, at, after) {
			g.busy |= reading & -reading
		}
	}
}

// activate starts a view. Until here, its form has changed nothing: the views inside of it are in the states of the
// views of this group with the same forms.
func (g *group) activate(v *view, at span, before int32) bool {
	if !v.activate(at, before, g.busy != 0 && len(v.inside.views) > 0) {
		return false
	}
	v.inside.copy(g)
	return true
}

func (g *group) copy(from *group) {
	g.busy = 0
	for rest := from.busy; rest != 0; rest &= rest - 1 {
		x := &from.views[bits.TrailingZeros32(rest)]
		i := slices.Index(g.forms, x.form)
		if i < 0 {
			continue
		}
		v := &g.views[i]
		v.state, v.origin, v.run = x.state, x.origin, x.run
		v.starts = append(v.starts[:0], x.starts...)
		v.w.steps += int64(len(x.starts))
		v.held, v.spans = append(v.held[:0], x.held...), append(v.spans[:0], x.spans...)
		v.inside.copy(&x.inside)
		g.busy |= 1 << i
	}
}

// close decodes the undecided bytes as the end of the text.
func (g *group) close() {
	for i := range g.views {
		g.views[i].drain(true)
		g.views[i].inside.close()
	}
}

// pending returns where the text begins that may be the beginning of a secret, or end if there is none.
func (g *group) pending(end int64) int64 {
	for rest := g.busy; rest != 0; rest &= rest - 1 {
		end = min(end, g.views[bits.TrailingZeros32(rest)].pending(end))
	}
	return end
}

// read reads the next byte of the text. after is the state of the search in that text. It returns whether the view
// stays active.
func (v *view) read(c byte, at span, after int32) bool {
	if len(v.held) == 0 && strings.IndexByte(v.form.escapes, c) < 0 {
		v.search(c, at)
	} else {
		v.held, v.spans = append(v.held, c), append(v.spans, at)
		v.drain(false)
	}
	return v.state != after || len(v.held) > 0 || !v.startsAsText(at) || v.inside.busy != 0
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
// With others, a view inside of it will start as well.
func (v *view) activate(at span, before int32, others bool) bool {
	a := v.w.set.automaton
	depth := a.depth[before]
	if v.form.space && depth == 0 && !others {
		return false
	}
	continues := func(r rune) bool { return a.step(before, byte(r)) != 0 }
	if v.form.into != "" && !others && !strings.ContainsFunc(v.form.into, continues) {
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
	// The byte to read is the last one of the parent.
	if n := int(depth); v.parent != nil && v.parent.start(n+1) != at.start-int64(n) {
		for ; n > 0; n-- {
			v.starts = append(v.starts, v.parent.start(n+1))
			v.w.steps++
		}
	}
	v.state = before
	return true
}

// drain decodes what is decided, or with atEnd everything.
func (v *view) drain(atEnd bool) {
	f, held, spans := v.form, v.held, v.spans
	for len(held) > 0 {
		n, decoded := 1, held[:1]
		if !f.space || v.run >= f.afterRun && v.state != 0 {
			n, decoded = f.decode(held, atEnd)
			v.w.steps += int64(max(n, 1))
			if n == 0 {
				v.w.steps += int64(len(held))
			}
		}
		if n == 0 {
			break
		}
		at := span{spans[0].start, spans[n-1].end}
		for i, c := range decoded {
			if len(decoded) == n { // no escape: the bytes stand for themselves
				at = spans[i]
			}
			v.search(c, at)
		}
		held, spans = held[n:], spans[n:]
	}
	v.held, v.spans = shift(v.held, len(v.held)-len(held)), shift(v.spans, len(v.spans)-len(spans))
}

func shift[T any](list []T, n int) []T { return list[:copy(list, list[n:])] }

// search searches in the decoded bytes.
func (v *view) search(c byte, at span) {
	a, before := v.w.set.automaton, v.state
	v.state = a.step(before, c)
	v.w.steps++
	// The views inside may start with the state before c, even if c ends what may be the beginning of a secret here.
	if len(v.starts) > 64 {
		if depth := int(a.depth[before]); len(v.starts) > 2*depth+64 {
			v.starts = shift(v.starts, len(v.starts)-depth)
		}
	}
	v.starts = append(v.starts, at.start)
	if n := a.matched[v.state]; n > 0 {
		v.w.mark(v.start(int(n)), at.end)
	}
	if v.inside.busy|v.inside.triggers[c] != 0 {
		v.inside.read(c, at, before, v.state)
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

// pending returns where the text begins that may be the beginning of a secret, or end if there is none.
func (v *view) pending(end int64) int64 {
	if depth := v.w.set.automaton.depth[v.state]; depth > 0 {
		end = min(end, v.start(int(depth)))
	}
	if len(v.held) > 0 && !v.form.space && (!v.form.same || v.w.set.automaton.step(0, v.held[0]) != 0) {
		end = min(end, v.spans[0].start)
	}
	return v.inside.pending(end)
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
