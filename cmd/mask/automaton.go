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
	if len(a.text) == len(b.text) {
		return cmp.Or(strings.Compare(a.text, b.text), strings.Compare(a.tail, b.tail))
	}
	for i := range min(a.len(), b.len()) {
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

	a := &automaton{labels: []byte{0}, depth: []int32{0}}
	for _, p := range patterns {
		h := hash([]byte{p.at(0), p.at(1), p.at(2), p.at(3)})
		a.beginnings[h/64] |= 1 << (h % 64)
	}
	type group struct{ from, to int } // the patterns that begin with the text of a state
	groups := []group{{0, len(patterns)}}
	parents := []int32{0}
	for s := 0; s < len(groups); s++ {
		g, depth := groups[s], int(a.depth[s])
		groups[s] = group{}
		ends := int32(0)
		for g.from < g.to && patterns[g.from].len() == depth {
			g.from, ends = g.from+1, int32(depth)
		}
		a.matched = append(a.matched, ends)
		a.children = append(a.children, int32(len(groups)))
		for i := g.from; i < g.to; {
			c, first := patterns[i].at(depth), i
			for i < g.to && patterns[i].at(depth) == c {
				i++
			}
			groups = append(groups, group{first, i})
			parents = append(parents, int32(s))
			a.labels = append(a.labels, c)
			a.depth = append(a.depth, int32(depth+1))
		}
	}
	a.children = append(a.children, int32(len(groups)))
	a.shallow = int32(sort.Search(len(a.depth), func(i int) bool { return a.depth[i] >= Least }))

	a.fail = make([]int32, len(groups))
	for s := 1; s < len(groups); s++ {
		if p := parents[s]; p != 0 {
			a.fail[s] = a.step(a.fail[p], a.labels[s])
		}
		a.matched[s] = max(a.matched[s], a.matched[a.fail[s]])
	}
	dense := make([][256]int32, min(denseStates, len(groups)))
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
