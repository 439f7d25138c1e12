// SPDX-License-Identifier: MPL-2.0

package access

import (
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Permissions answers for one principal what Decide answers for its grants. It finds the few grants that matter for a
// place among many. It is safe for concurrent use.
type Permissions struct {
	grants     []Grant
	everywhere [numberOfRights]bool
	at         map[home]*shelf
}

var _ backend.Permissions = (*Permissions)(nil)

const numberOfRights = 11

// home is where the grants of a shelf apply: a project and an environment, which may be empty.
type home struct{ project, environment string }

// shelf holds the grants of one home.
type shelf struct {
	names    map[string][]Grant // those for one name
	patterns map[string][]Grant // those for all names, or for a pattern, by the text before the first *
	lengths  []int              // of the keys of patterns, ascending
}

// may reports what Decide does with the grants of the shelf.
func (s *shelf) may(right backend.Right, at backend.Place) bool {
	for _, n := range s.lengths {
		if n > len(at.Name) {
			break
		}
		if Decide(s.patterns[at.Name[:n]], right, at) {
			return true
		}
	}
	return at.Name != "" && Decide(s.names[at.Name], right, at)
}

func (s *shelf) add(g Grant) {
	start, _, isPattern := strings.Cut(g.Where.Names, "*")
	if start != "" && !isPattern {
		s.names[start] = append(s.names[start], g)
		return
	}
	s.patterns[start] = append(s.patterns[start], g)
	if at, ok := slices.BinarySearch(s.lengths, len(start)); !ok {
		s.lengths = slices.Insert(s.lengths, at, len(start))
	}
}

// NewPermissions returns the permissions that grants give together.
func NewPermissions(grants []Grant) *Permissions {
	p := &Permissions{grants: grants, at: map[home]*shelf{}}
	for _, g := range grants {
		if g.Everywhere {
			for i, r := range backend.Rights {
				p.everywhere[i] = p.everywhere[i] || g.has(r)
			}
			continue
		}
		h := home{g.Where.Project, g.Where.Environment}
		if p.at[h] == nil {
			p.at[h] = &shelf{names: map[string][]Grant{}, patterns: map[string][]Grant{}}
		}
		p.at[h].add(g)
	}
	return p
}

// Everywhere reports whether the principal has a right at all places, protected environments included.
func (p *Permissions) Everywhere(right backend.Right) bool {
	i := slices.Index(backend.Rights, right)
	return i >= 0 && p.everywhere[i]
}

// May reports what Decide does.
func (p *Permissions) May(right backend.Right, at backend.Place) bool {
	if p.Everywhere(right) {
		return true
	}
	for _, h := range [...]home{{at.Project, at.Environment}, {at.Project, ""}, {"", ""}} {
		if s := p.at[h]; s != nil && s.may(right, at) {
			return true
		}
	}
	return false
}

// MaySome reports what DecideSome does.
func (p *Permissions) MaySome(right backend.Right, in backend.Place) bool {
	return p.Everywhere(right) || DecideSome(p.grants, right, in)
}

// MayGive reports what the function MayGive does.
func (p *Permissions) MayGive(right backend.Right, where backend.Where, protected bool) bool {
	return p.Everywhere(right) || MayGive(p.grants, right, where, protected)
}

// Where lists the places of the grants with a right that apply in a project.
func (p *Permissions) Where(right backend.Right, project string) []backend.Where {
	var out []backend.Where
	for _, g := range p.grants {
		if g.has(right) && !g.Everywhere && (g.Where.Project == "" || g.Where.Project == project) {
			out = append(out, g.Where)
		}
	}
	return out
}
