// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
	"strings"
)

// pattern is one text to search for: text followed by tail. Patterns of one value share text.
type pattern struct{ text, tail string }

func (p pattern) len() int { return len(p.text) + len(p.tail) }

func (p pattern) at(i int) byte {
	if i < len(p.text) {
		return p.text[i]
	}
	return p.tail[i-len(p.text)]
}

func comparePatterns(a, b pattern) int {
	n := min(len(a.text), len(b.text))
	if c := strings.Compare(a.text[:n], b.text[:n]); c != 0 {
		return c
	}
	for i := n; i < min(a.len(), b.len()); i++ {
		if c := cmp.Compare(a.at(i), b.at(i)); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.len(), b.len())
}

// denseStates is the largest number of states with a table of all their transitions. Most bytes of an output are read
// in one of the first states. The tables take 1 KiB each.
const denseStates = 512

// automaton searches for all patterns at once, in one pass (Aho and Corasick, "Efficient string matching", 1975).
// A state stands for the longest end of the text that is the beginning of a pattern. State 0 stands for no bytes.
//
// The states are in breadth-first order, so that the children of a state follow one another. A state takes 17 bytes.
type automaton struct {
	children []int32 // the first child of each state; its last one is before the first child of the next state
	labels   []byte  // the byte that leads to a state from its parent
	fail     []int32 // the state for the longest proper end of the text of a state
	depth    []int32 // the length of the text of a state
	matched  []int32 // the length of the longest pattern that the text of a state ends with, or 0
	dense    [][256]int32
	shallow  int32 // the states before this one have texts that are shorter than Least

	// beginnings has a bit for each hash of the first Least bytes of a pattern. Every pattern has as many.
	beginnings [1 << hashBits / 64]uint64
}

const hashBits = 18

func hash(text []byte) uint32 {
	return binary.LittleEndian.Uint32(text) * 0x9e3779b1 >> (32 - hashBits)
}

// mayBegin reports whether a pattern may begin with the first bytes of text, of which there are at least Least.
func (a *automaton) mayBegin(text []byte) bool {
	h := hash(text)
	return a.beginnings[h/64]&(1<<(h%64)) != 0
}

func newAutomaton(patterns []pattern) *automaton {
	slices.SortFunc(patterns, comparePatterns)
	patterns = slices.CompactFunc(patterns, func(a, b pattern) bool { return comparePatterns(a, b) == 0 })

	n := countStates(patterns)
	a := &automaton{
		children: make([]int32, 0, n+1), labels: make([]byte, 1, n), fail: make([]int32, 1, n), depth: make([]int32, 1, n),
		matched: make([]int32, 0, n),
	}
	for _, p := range patterns {
		h := hash([]byte{p.at(0), p.at(1), p.at(2), p.at(3)})
		a.beginnings[h/64] |= 1 << (h % 64)
	}
	type group struct{ from, to int32 } // the patterns that begin with the text of a state
	level, next := []group{{0, int32(len(patterns))}}, []group{}
	for depth := int32(0); len(level) > 0; depth++ {
		for _, g := range level {
			s, matched := len(a.matched), int32(0)
			if s > 0 {
				matched = a.matched[a.fail[s]]
			}
			if g.from < g.to && patterns[g.from].len() == int(depth) {
				g.from, matched = g.from+1, depth
			}
			a.matched = append(a.matched, matched)
			a.children = append(a.children, int32(len(a.labels)))
			for i := g.from; i < g.to; {
				c, first, fail := patterns[i].at(int(depth)), i, int32(0)
				for i < g.to && patterns[i].at(int(depth)) == c {
					i++
				}
				if s > 0 {
					fail = a.step(a.fail[s], c)
				}
				next = append(next, group{first, i})
				a.labels, a.fail, a.depth = append(a.labels, c), append(a.fail, fail), append(a.depth, depth+1)
			}
		}
		level, next = next, level[:0]
	}
	a.children = append(a.children, int32(len(a.labels)))
	a.shallow = int32(sort.Search(len(a.depth), func(i int) bool { return a.depth[i] >= Least }))

	dense := make([][256]int32, min(denseStates, len(a.labels)))
	for s := range dense {
		if s > 0 {
			dense[s] = dense[a.fail[s]]
		}
		for child := a.children[s]; child < a.children[s+1]; child++ {
			dense[s][a.labels[child]] = child
		}
	}
	a.dense = dense
	return a
}

// countStates returns the number of different beginnings of sorted patterns. So no list grows, which would copy it and
// take twice the memory.
func countStates(patterns []pattern) int {
	n := 1
	for i, p := range patterns {
		n += p.len()
		for j := 0; i > 0 && j < min(p.len(), patterns[i-1].len()) && p.at(j) == patterns[i-1].at(j); j++ {
			n--
		}
	}
	return n
}

// step returns the state after the byte c.
func (a *automaton) step(s int32, c byte) int32 {
	for {
		if int(s) < len(a.dense) {
			return a.dense[s][c]
		}
		for child, end := a.children[s], a.children[s+1]; child < end; child++ {
			if a.labels[child] == c {
				return child
			}
		}
		if s == 0 {
			return 0
		}
		s = a.fail[s]
	}
}
