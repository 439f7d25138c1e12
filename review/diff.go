// SPDX-License-Identifier: MPL-2.0

package review

import (
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/scan"
)

// Diff returns the references that a change adds, removes and alters. base and head are the files that it touches,
// before and after. To write a reference as a call instead of a URI is not a difference. A finding about a removed
// reference has the old position. Diff skips a file that cannot be parsed after the change, because its references
// are not known. Check reports such a file.
func Diff(base, head []*Source) []Finding {
	unparsed := map[string]bool{}
	for _, s := range head {
		unparsed[s.Name] = len(s.Problems) > 0
	}
	references := func(sources []*Source) []scan.Reference {
		var out []scan.Reference
		for _, s := range sources {
			if !unparsed[s.Name] {
				out = append(out, s.References...)
			}
		}
		return out
	}
	// The same reference in the same file is not a difference.
	removed, added := matchPairs(references(base), references(head), func(r scan.Reference) any {
		return struct {
			file   string
			target any
		}{r.Pos.File, targetOf(r)}
	}, func(_, _ scan.Reference) {})
	var out []Finding
	// The same name in the same file, but with another environment, field and so on.
	removed, added = matchPairs(removed, added, func(r scan.Reference) any {
		return [3]string{r.Pos.File, string(r.Kind), r.Name}
	}, func(before, after scan.Reference) {
		out = append(out, altered(before, after))
	})
	// The same reference in another file.
	removed, added = matchPairs(removed, added, targetOf, func(before, after scan.Reference) {
		f := newFinding(after, Changed)
		f.Message = "the reference was moved here from " + before.Pos.File
		out = append(out, f)
	})
	for _, r := range added {
		f := newFinding(r, Added)
		f.Message = "the change adds a reference to " + label(r.Reference)
		out = append(out, f)
	}
	for _, r := range removed {
		f := newFinding(r, Dropped)
		f.Message = "the change removes a reference to " + label(r.Reference)
		out = append(out, f)
	}
	return out
}

// targetOf returns all of a reference but its position and spelling.
func targetOf(r scan.Reference) any {
	return struct {
		expr.Target
		hasDefault bool
	}{r.Target, r.HasDefault}
}

func altered(before, after scan.Reference) Finding {
	rule := Changed
	if before.Environment != after.Environment || before.Project != after.Project {
		rule = Moved
	}
	f := newFinding(after, rule)
	f.Message = "the reference was changed from " + canonical(before.Reference)
	f.subject = identityOf(before.Reference)
	return f
}

func label(r expr.Reference) string {
	if !isEntry(r) {
		return "environment variable " + backend.Quote(r.Name)
	}
	return entryLabel(r.Kind, r.Name)
}

// matchPairs pairs the references of base and head that have the same key, in order, and calls matched for each pair.
// It returns the references without a partner.
func matchPairs(
	base, head []scan.Reference, key func(scan.Reference) any,
	matched func(before, after scan.Reference),
) (restBase, restHead []scan.Reference) {
	unmatched := map[any][]int{}
	for i, r := range base {
		unmatched[key(r)] = append(unmatched[key(r)], i)
	}
	isMatched := make([]bool, len(base))
	for _, r := range head {
		k := key(r)
		if len(unmatched[k]) == 0 {
			restHead = append(restHead, r)
			continue
		}
		i := unmatched[k][0]
		unmatched[k] = unmatched[k][1:]
		isMatched[i] = true
		matched(base[i], r)
	}
	for i, r := range base {
		if !isMatched[i] {
			restBase = append(restBase, r)
		}
	}
	return restBase, restHead
}

// NewFindings returns the findings of head that base does not have. It also compares their messages: both lists come
// from one version of Pouncet, and only the message tells two problems without a reference in one file apart. A file
// that cannot be read is always new: what the change does in it is not known.
func NewFindings(base, head []Finding) []Finding {
	key := func(f Finding) string { return f.identity() + "\x00" + f.Message }
	known := map[string]int{}
	for _, f := range base {
		known[key(f)]++
	}
	return slices.DeleteFunc(slices.Clone(head), func(f Finding) bool {
		if f.Rule == Invalid {
			return false
		}
		known[key(f)]--
		return known[key(f)] >= 0
	})
}
