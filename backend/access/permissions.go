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
	patterns []Grant            // those for all names, or for names that match a pattern
	names    map[string][]Grant // those for one name
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
			p.at[h] = &shelf{names: map[string][]Grant{}}
		}
		if n := g.Where.Names; n != "" && !strings.Contains(n, "*") {
			p.at[h].names[n] = append(p.at[h].names[n], g)
		} else {
			p.at[h].patterns = append(p.at[h].patterns, g)
		}
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
		s := p.at[h]
		if s != nil && (Decide(s.patterns, right, at) || at.Name != "" && Decide(s.names[at.Name], right, at)) {
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
