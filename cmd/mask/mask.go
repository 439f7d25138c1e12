// SPDX-License-Identifier: MPL-2.0

// Package mask replaces secrets in the output of a program, as they are and in the forms in which programs print them.
//
// # How it works
//
// One automaton searches for all texts of all values in one pass. A text is the value, the value without white space
// at its ends, one of its lines, or a string or number in a value that is JSON. Hexadecimal and base64 text has no
// escapes, so the automaton searches for the encoded texts: a text in base64 has three forms, one for each number of
// bytes in front of it, modulo three. A long text is cut into parts of about 100 bytes, and all parts are masked.
//
// The other forms can write one text in very many ways: JSON may escape each letter or not. So a text is not encoded.
// The output is decoded instead, once for each form, and the same automaton searches in the result. Each decoded byte
// knows where it begins and ends in the output. A decoder works only from an escape until its search is in the same
// state again as the search in the output itself, which is a few bytes later. So output without escapes costs one
// search. What one decoder returns, others decode once more, such as JSON in a URL.
//
// Everything that a search matches is masked: a byte of the output is masked if it belongs to any text. Texts that
// overlap leave no rest. Masked bytes in a row become one [Text].
//
// A search knows how many bytes of the output may be the beginning of a secret. They wait for the next write, and at
// most 8 KiB wait. All others are written at once, so that a prompt appears. A set takes 150 to 600 bytes of memory for
// each byte of the values. A writer takes less than 1 MB.
//
// # Limits
//
// A program can write a value in a way that no search can know: compressed, encrypted, hashed, in reverse, in another
// case or character set, a part of it only, or with other text inside of it. The guide for "pouncet run" lists what is
// masked and what is not. If a text in base64 begins within a character, that character stays: it has 4 of the 8 bits
// of the first byte at most.
package mask

import (
	"io"
	"sync"
)

// Text replaces a secret.
const Text = "***"

// Set is a set of values to mask. It does not change, and several writers can use it.
type Set struct {
	automaton *automaton
	readings  *readings
}

// MaxSize is the largest [Size] of values for [New]. With more, a set takes much memory, and long to make. New does not
// check it.
const MaxSize = 256 << 10

// Size returns the number of bytes of all different values.
func Size(values []string) int {
	size := 0
	seen := map[string]bool{}
	for _, v := range values {
		if !seen[v] {
			seen[v] = true
			size += len(v)
		}
	}
	return size
}

// New returns a set of values. A value that is shorter than [Least] is not masked.
func New(values []string) *Set {
	seen := map[text]bool{}
	var all []string
	var searched []pattern
	for _, v := range values {
		for _, t := range texts(v) {
			if seen[t] {
				continue
			}
			seen[t] = true
			all = append(all, t.string)
			for _, p := range parts(t.string) {
				searched = append(searched, pattern{text: p})
				if t.encoded {
					searched = append(append(searched, hexPatterns(p)...), base64Patterns(p)...)
				}
			}
			if t.inJSON {
				for _, spelling := range inJSON(t.string) {
					for _, p := range parts(spelling) {
						searched = append(searched, base64Patterns(p)...)
					}
				}
			}
		}
	}
	return &Set{newAutomaton(searched), newReadings(nil, all)}
}

// span is a part of the output that is masked. Offsets count from the beginning of the output.
type span struct{ start, end int64 }

// Writer replaces the values of a set in the text that passes through it. Several goroutines can use it.
type Writer struct {
	set *Set
	to  io.Writer

	mu    sync.Mutex
	state int32 // of the search in the output itself
	views group

	text  []byte // the last bytes of the output
	first int64  // offset of text[0]
	done  int64  // all bytes before this offset are written
	end   int64  // all bytes before this offset are searched
	spans []span // in the output from done, sorted; between two is at least one byte that is not masked
	inner bool   // the last byte before done is masked
	out   []byte
	steps int64 // the searches, the bytes that decoders looked at, and the copies, for tests
}

// Writer returns a writer that masks the values in what it writes to another one.
func (s *Set) Writer(to io.Writer) *Writer {
	w := &Writer{set: s, to: to}
	w.views = newGroup(w, nil, s.readings)
	return w
}

// pieceSize limits the memory for a large write.
const pieceSize = 32 << 10

// Write implements [io.Writer].
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := 0; n < len(p); n += pieceSize {
		w.search(p[n:min(n+pieceSize, len(p))])
		if err := w.flush(w.pending()); err != nil {
			return n, err
		}
	}
	return len(p), nil
}

// Close writes the bytes that wait for the rest of a secret.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.views.close()
	return w.flush(w.end)
}

// search marks the secrets that end in p.
func (w *Writer) search(p []byte) {
	i := len(w.text)
	w.text = append(w.text, p...)
	a := w.set.automaton
	for i < len(w.text) {
		if w.views.busy == 0 && w.state < a.shallow {
			i = w.skip(i)
		}
		c, before := w.text[i], w.state
		w.state = a.step(before, c)
		w.steps++
		if w.views.busy|w.views.triggers[c] != 0 {
			w.views.read(c, span{w.first + int64(i), w.first + int64(i) + 1}, before, w.state)
		}
		i++
		if n := a.matched[w.state]; n > 0 {
			w.mark(w.first+int64(i)-int64(n), w.first+int64(i))
		}
	}
	w.end = w.first + int64(len(w.text))
}

// skip passes over bytes with which no pattern can begin, which most bytes of most outputs are. It returns the index
// of the next byte to search, which is i if there is nothing to skip, and sets the state before this byte.
func (w *Writer) skip(i int) int {
	a, text := w.set.automaton, w.text
	start := i - int(a.depth[w.state])
	for at := i; at < min(start+Least-1, len(text)); at++ {
		if w.views.triggers[text[at]] != 0 {
			return i
		}
	}
	at := start
	for at+Least <= len(text) && w.views.triggers[text[at+Least-1]] == 0 && !a.mayBegin(text[at:]) {
		at++
	}
	if at == start {
		return i
	}
	w.state = 0
	for j := at; j < i; j++ {
		w.state = a.step(w.state, text[j])
	}
	return max(at, i)
}

// runBefore returns the number of base64 characters in a row before an offset, up to shortestLine.
func (w *Writer) runBefore(offset int64) int {
	run := 0
	for i := offset - w.first - 1; i >= 0 && run < shortestLine && isBase64[w.text[i]]; i-- {
		run++
	}
	return run
}

// mark adds a span, and merges it with those that it touches.
func (w *Writer) mark(start, end int64) {
	if start = max(start, w.done); start >= end {
		return
	}
	at := len(w.spans)
	for at > 0 && w.spans[at-1].end >= start {
		at--
	}
	after := at
	for after < len(w.spans) && w.spans[after].start <= end {
		start, end = min(start, w.spans[after].start), max(end, w.spans[after].end)
		after++
	}
	w.spans = append(w.spans[:at], append([]span{{start, end}}, w.spans[after:]...)...)
}

// pending returns where the text begins that may be the beginning of a secret.
func (w *Writer) pending() int64 {
	start := w.end - int64(w.set.automaton.depth[w.state])
	return max(w.views.pending(start), w.end-maxPending, w.done)
}

// maxPending limits how many bytes wait for the rest of a secret. The texts in the search are short, see parts. So no
// form of one is as long, except with very many line breaks in it.
const maxPending = 8 << 10

// flush writes the bytes before an offset.
func (w *Writer) flush(limit int64) error {
	w.out = w.out[:0]
	for w.done < limit {
		next := limit
		if len(w.spans) > 0 {
			next = min(limit, w.spans[0].start)
		}
		if next > w.done {
			w.out = append(w.out, w.text[w.done-w.first:next-w.first]...)
			w.done, w.inner = next, false
			continue
		}
		if !w.inner {
			w.out = append(w.out, Text...)
		}
		w.done, w.inner = min(limit, w.spans[0].end), true
		if w.done == w.spans[0].end {
			w.spans = w.spans[1:]
		} else {
			w.spans[0].start = w.done
		}
	}
	// This copies the bytes that wait seldom, not in each small write.
	if n := w.done - shortestLine - w.first; n > int64(len(w.text))/2 {
		w.text = shift(w.text, int(n))
		w.first += n
		w.steps += int64(len(w.text))
	}
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.to.Write(w.out)
	return err
}
