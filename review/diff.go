// SPDX-License-Identifier: MPL-2.0

package review

import (
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// Diff says which references a change adds, drops and alters, given the files
// that it touches as they were and as they are. How a reference is written, by
// call or by URI, is no difference. A dropped one stands at its former place. A
// file that cannot be read as YAML any more is left out: what it refers to is
// not known, and Check says so.
func Diff(base, head []*Source) []Finding {
	broken := map[string]bool{}
	for _, s := range head {
		broken[s.Name] = len(s.Problems) > 0
	}
	count := func(sources []*Source) []interpolate.Reference {
		var out []interpolate.Reference
		for _, s := range sources {
			if !broken[s.Name] {
				out = append(out, s.References...)
			}
		}
		return out
	}
	dropped, added := cancel(count(base), count(head), func(r interpolate.Reference) any {
		return struct {
			file string
			what any
		}{r.Pos.File, meaning(r)}
	})
	var out []Finding
	// The same name in the same file, but of another place or part.
	dropped, added = pair(dropped, added, func(r interpolate.Reference) any {
		return [3]string{r.Pos.File, string(r.Kind), r.Name}
	}, func(was, is interpolate.Reference) {
		out = append(out, altered(was, is))
	})
	// The same reference in another file.
	dropped, added = pair(dropped, added, meaning, func(was, is interpolate.Reference) {
		f := at(is, Changed)
		f.Message = "the reference moves here from " + was.Pos.File
		out = append(out, f)
	})
	for _, r := range added {
		f := at(r, Added)
		f.Message = "the change begins to use " + label(r)
		out = append(out, f)
	}
	for _, r := range dropped {
		f := at(r, Dropped)
		f.Message = "the change ceases to use " + label(r)
		out = append(out, f)
	}
	return out
}

// meaning is all of a reference but for its place and spelling.
func meaning(r interpolate.Reference) any {
	return struct {
		interpolate.Target
		hasDefault bool
	}{r.Target, r.HasDefault}
}

func altered(was, is interpolate.Reference) Finding {
	rule := Changed
	if was.Environment != is.Environment || was.Project != is.Project {
		rule = Moved
	}
	f := at(is, rule)
	f.Message = "the reference was " + show(was)
	f.about = show(was)
	return f
}

func label(r interpolate.Reference) string {
	if !isEntry(r) {
		return "the variable " + backend.Quote(r.Name)
	}
	return r.Kind.String() + " " + backend.Quote(r.Name)
}

// cancel takes away what is on both sides, one for one.
func cancel(base, head []interpolate.Reference, key func(interpolate.Reference) any) (dropped, added []interpolate.Reference) {
	return pair(base, head, key, func(_, _ interpolate.Reference) {})
}

// pair takes away the references of both sides that have a key in common, one
// for one and in order, and tells of each such pair.
func pair(base, head []interpolate.Reference, key func(interpolate.Reference) any, found func(was, is interpolate.Reference)) (restBase, restHead []interpolate.Reference) {
	waiting := map[any][]int{}
	for i, r := range base {
		waiting[key(r)] = append(waiting[key(r)], i)
	}
	taken := make([]bool, len(base))
	for _, r := range head {
		k := key(r)
		if len(waiting[k]) == 0 {
			restHead = append(restHead, r)
			continue
		}
		i := waiting[k][0]
		waiting[k] = waiting[k][1:]
		taken[i] = true
		found(base[i], r)
	}
	for i, r := range base {
		if !taken[i] {
			restBase = append(restBase, r)
		}
	}
	return restBase, restHead
}

// New are the findings of head that base does not have.
func New(base, head []Finding) []Finding {
	base = slices.Clone(base)
	identify(base)
	identify(head)
	known := map[string]bool{}
	for _, f := range base {
		known[f.Fingerprint] = true
	}
	return slices.DeleteFunc(slices.Clone(head), func(f Finding) bool { return known[f.Fingerprint] })
}
