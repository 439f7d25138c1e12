// SPDX-License-Identifier: MPL-2.0

package leak

import (
	"slices"
	"strings"
)

// keywords detects which rules have a keyword in a text. It looks at each byte once, and compares a keyword only where
// its first two characters are.
type keywords struct {
	bucket  [1 << 14]uint8 // the number of a list, by two ASCII characters in lower case; 0 is none
	lists   [][]keyword
	without ruleMask // the rules without keywords, which every text gets
}

type keyword struct {
	text   string
	rules  ruleMask
	atWord ruleMask // the rules that match it at the beginning of a word only
}

// ruleMask is a set of rules, by their index.
type ruleMask [4]uint64

func (m *ruleMask) add(i int)      { m[i>>6] |= 1 << (i & 63) }
func (m *ruleMask) has(i int) bool { return m[i>>6]&(1<<(i&63)) != 0 }

func (m *ruleMask) join(o *ruleMask) {
	for i := range m {
		m[i] |= o[i]
	}
}

func newKeywords(rules []rule) *keywords {
	k := &keywords{lists: make([][]keyword, 1)}
	for i := range rules {
		if len(rules[i].Keywords) == 0 {
			k.without.add(i)
		}
		for _, word := range rules[i].Keywords {
			k.add(word, i, len(word) <= shortKeyword && strings.HasPrefix(rules[i].Regex, `\b`))
		}
	}
	return k
}

// shortKeyword is the length of keywords that many words contain, such as "ey" of tokens that begin with it.
const shortKeyword = 3

func (k *keywords) add(word string, rule int, atWord bool) {
	bucket := &k.bucket[int(word[0])<<7|int(word[1])]
	if *bucket == 0 {
		*bucket = uint8(len(k.lists))
		k.lists = append(k.lists, nil)
	}
	list := &k.lists[*bucket]
	i := slices.IndexFunc(*list, func(w keyword) bool { return w.text == word })
	if i < 0 {
		i = len(*list)
		*list = append(*list, keyword{text: word})
	}
	if atWord {
		(*list)[i].atWord.add(rule)
	} else {
		(*list)[i].rules.add(rule)
	}
}

// in returns the rules that have a keyword in a text.
func (k *keywords) in(text string) ruleMask {
	found := k.without
	previous := byte(0)
	for i := range len(text) {
		c := lowerCase(text[i])
		if (c|previous)&0x80 == 0 {
			if list := k.bucket[int(previous)<<7|int(c)]; list != 0 {
				for j := range k.lists[list] {
					if word := &k.lists[list][j]; hasPrefixFold(text[i-1:], word.text) {
						found.join(&word.rules)
						if i == 1 || !isWordByte(text[i-2]) {
							found.join(&word.atWord)
						}
					}
				}
			}
		}
		previous = c
	}
	return found
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func lowerCase(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// hasPrefixFold reports whether a text begins with a prefix in lower case.
func hasPrefixFold(text, prefix string) bool {
	if len(text) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lowerCase(text[i]) != prefix[i] {
			return false
		}
	}
	return true
}
