// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"encoding/json"
	"hash/maphash"
	"slices"
	"strings"
)

// fewNames is the number of names up to which a list is searched faster than a map.
const fewNames = 32

// freeFields are the fields whose objects have names that the caller chooses. In all others the decoder ignores case.
var freeFields = []string{"labels", "tags", "schema", "json", "claims", "keys"}

// names notices a name that an object of a request has twice. Of two such fields the decoder takes the last one, and
// another program that has checked the request may have taken the first. It keeps a hash of each name.
type names struct {
	seed   maphash.Seed
	seen   []nameSet // by depth
	next   bool      // the next string is a name
	name   []byte    // of the field that is being read, between its quotes
	inName bool
	last   string // the last name
	free   int    // the depth of the outermost object with names that the caller chooses; 0 for none
}

type nameSet struct {
	few  []uint64
	many map[uint64]struct{}
}

// add reports whether the set already has the hash.
func (s *nameSet) add(hash uint64) (twice bool) {
	if s.many != nil {
		_, twice = s.many[hash]
		s.many[hash] = struct{}{}
		return twice
	}
	if slices.Contains(s.few, hash) {
		return true
	}
	if s.few = append(s.few, hash); len(s.few) > fewNames {
		s.many = map[uint64]struct{}{}
		for _, h := range s.few {
			s.many[h] = struct{}{}
		}
	}
	return false
}

// open begins an object or a list.
func (n *names) open(depth int, object bool) {
	if n.next = object; !object {
		return
	}
	seen := n.at(depth)
	*seen = nameSet{few: seen.few[:0]}
	if n.free == 0 && slices.Contains(freeFields, n.last) {
		n.free = depth
	}
}

// at returns the names at a depth. Most requests have only two depths.
func (n *names) at(depth int) *nameSet {
	for len(n.seen) <= depth {
		n.seen = append(n.seen, nameSet{})
	}
	return &n.seen[depth]
}

// close ends an object or a list that began at a depth.
func (n *names) close(depth int) {
	n.next, n.last = false, ""
	if depth == n.free {
		n.free = 0
	}
}

// notLower reports whether c is neither a lower-case letter nor _.
func notLower(c rune) bool { return (c < 'a' || c > 'z') && c != '_' }

// begin begins a string.
func (n *names) begin() {
	n.inName, n.name = n.next, n.name[:0]
	n.next = false
}

// end ends a string, and reports whether it is a name that its object already has.
func (n *names) end(depth int) (twice bool) {
	if !n.inName {
		return false
	}
	n.inName = false
	name := string(n.name)
	if strings.Contains(name, `\`) {
		_ = json.Unmarshal([]byte(`"`+name+`"`), &name) // the decoder refuses what is invalid
	}
	if n.last = name; n.free == 0 && strings.ContainsFunc(name, notLower) {
		n.last = strings.ToLower(strings.ToUpper(name)) // as the decoder compares them
	}
	if n.seed == (maphash.Seed{}) {
		n.seed = maphash.MakeSeed()
	}
	return n.at(depth).add(maphash.String(n.seed, n.last))
}
