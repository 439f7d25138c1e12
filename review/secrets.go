// SPDX-License-Identifier: MPL-2.0

package review

import (
	"bytes"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/scan"
)

// leakSeed is the key of the hashes of lines. It is random, so that a hash says nothing about a secret.
var leakSeed = maphash.MakeSeed()

// scanSecrets returns the secrets in a file.
func scanSecrets(scanner Scanner, f scan.File) []Leak {
	leaks := scanner.Scan(f.Name, f.Data)
	if len(leaks) == 0 {
		return nil
	}
	lines := bytes.Split(f.Data, []byte("\n"))
	for i := range leaks {
		l := &leaks[i]
		var h maphash.Hash
		h.SetSeed(leakSeed)
		for _, line := range lines[l.Line-1 : min(max(l.Line, l.EndLine), len(lines))] {
			_, _ = h.Write(bytes.TrimSpace(line))
			_ = h.WriteByte('\n')
		}
		l.lines = h.Sum64()
	}
	return leaks
}

// leakLines are lines with a secret in a file, or in any file if it is empty.
type leakLines struct {
	file  string
	lines uint64
}

// countLeaks counts the lines with secrets.
func countLeaks(sources []*Source) map[leakLines]int {
	counts := map[leakLines]int{}
	for _, s := range sources {
		for _, l := range s.Leaks {
			counts[leakLines{s.Name, l.lines}]++
		}
	}
	return counts
}

// newLeaks returns the sources with those secrets only whose lines base does not have. A line that moved to another
// file is not new.
func newLeaks(base map[leakLines]int, sources []*Source) []*Source {
	rest := maps.Clone(base)
	out := make([]*Source, len(sources))
	for i, s := range sources {
		source := *s
		source.Leaks = slices.DeleteFunc(slices.Clone(s.Leaks), func(l Leak) bool {
			return takeOne(rest, leakLines{s.Name, l.lines})
		})
		out[i] = &source
	}
	anywhere := map[leakLines]int{}
	for l, n := range rest {
		anywhere[leakLines{lines: l.lines}] += n
	}
	for _, s := range out {
		s.Leaks = slices.DeleteFunc(s.Leaks, func(l Leak) bool { return takeOne(anywhere, leakLines{lines: l.lines}) })
	}
	return out
}

// takeOne takes one away from a count. It reports whether there was one.
func takeOne(counts map[leakLines]int, l leakLines) bool {
	if counts[l] == 0 {
		return false
	}
	counts[l]--
	return true
}
