// SPDX-License-Identifier: MPL-2.0

package site

import (
	"cmp"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

// What a person may do decides which buttons a page shows. It is read once for a request, when it is needed.

// everything is what people may do if nobody says otherwise.
type everything struct{}

func (everything) May(backend.Right, backend.Place) bool           { return true }
func (everything) MaySome(backend.Right, backend.Place) bool       { return true }
func (everything) MayGive(backend.Right, backend.Where, bool) bool { return true }
func (everything) Where(backend.Right, string) []backend.Where     { return nil }
func (everything) Everywhere(backend.Right) bool                   { return true }

// may returns the rights of the person; nil if they cannot be read, which the page reports when it calls the Service.
func (q *Request) may() backend.Permissions {
	if q.permissions == nil && !q.asked {
		q.asked = true
		q.permissions = everything{}
		if q.Rights != nil {
			var err error
			if q.permissions, err = q.Rights(q.Context()); err != nil {
				q.permissions = nil
			}
		}
	}
	return q.permissions
}

// May reports whether the person may make a change at a place, to show its button. For secrets and values, a right at
// some of the names is enough: the name is not known yet.
func (q *Request) May(op backend.Op, kind backend.Kind, at backend.Place) bool {
	right, may := access.RightTo(op, kind), q.may()
	if may == nil {
		return false
	}
	switch kind {
	case backend.KindEnvironment, backend.KindProject, backend.KindSecretType:
		return may.May(right, at)
	}
	return may.MaySome(right, at)
}

// Where describes places in short: PROJECT/ENVIRONMENT, with a scope and the names if they matter.
func Where(w backend.Where) string {
	text := Text("grants.unprotected")
	if w.Project != "" {
		text = w.Project
		if w.Environment != "" {
			text += "/" + w.Environment
		}
	}
	if w.Scope != "" && w.Scope != backend.ProjectScope {
		text += " " + w.Scope
	}
	if w.Names != "" {
		text += " " + w.Names
	}
	return text
}

// At returns the place of an environment, or of the whole project without one.
func (p *Place) At(environment string) backend.Place {
	if p == nil {
		return backend.Place{}
	}
	at := backend.Place{Project: p.Project.ID}
	for _, e := range p.Environments {
		if e.Name == environment {
			at.Environment, at.Protected = e.ID, e.Protected
		}
	}
	if environment == backend.AnyEnvironment {
		at.Environment = environment
		at.Protected = slices.ContainsFunc(p.Environments, func(e backend.Object) bool { return e.Protected })
	}
	return at
}

// PlaceOf returns the place of a secret or scoped value of the project.
func (p *Place) PlaceOf(o backend.Object) backend.Place {
	at := p.At(o.Environment)
	at.Scope, at.Name = o.Scope, cmp.Or(o.Was, o.Name)
	return at
}

// May reports whether the person may make a change of a kind at the place of the page.
func (v view) May(op backend.Op, kind backend.Kind) bool {
	at := v.Place.At("")
	if v.Place != nil && (kind == backend.KindSecret || kind == backend.KindScopedValue) {
		at = v.Place.At(v.Place.Environment)
	}
	return v.q.May(op, kind, at)
}

// MayIt reports whether the person may make a change of an environment, a secret or a scoped value.
func (v view) MayIt(op backend.Op, o backend.Object) bool {
	at := v.Place.PlaceOf(o)
	if o.Kind == backend.KindEnvironment { // it may be deleted, and then is not in the list
		at = backend.Place{Project: v.Place.Project.ID, Environment: o.ID, Protected: o.Protected}
	}
	may := v.q.may()
	return may != nil && may.May(access.RightTo(op, o.Kind), at)
}

// MayBind reports whether the person may see who has rights at some place. The place of the page does not matter.
func (v view) MayBind() bool {
	may := v.q.may()
	return may != nil && may.MaySome(backend.RightBind, backend.Place{})
}

// MayAudit reports whether the person may read the audit log of some project. The right in one environment is not
// enough, because each log has the records of a whole project.
func (v view) MayAudit() bool {
	may := v.q.may()
	if may == nil || !may.MaySome(backend.RightAudit, backend.Place{}) {
		return false
	}
	if may.MayGive(backend.RightAudit, backend.Where{}, false) {
		return true
	}
	var projects []backend.Object
	if v.Place != nil {
		projects = v.Place.Projects
	} else if all, err := v.q.List(backend.Query{Kind: backend.KindProject}); err == nil {
		projects = all
	}
	return slices.ContainsFunc(projects, func(p backend.Object) bool { return v.q.MayAudit(p.ID) })
}

// MayAudit reports whether the person may read the audit log of a project.
func (q *Request) MayAudit(project string) bool {
	may := q.may()
	return may != nil && may.May(backend.RightAudit, backend.Place{Project: project})
}

// MayDeployAll reports whether the person may deploy changes of every secret and value of a project.
func (q *Request) MayDeployAll(p *Place) bool {
	may := q.may()
	return may != nil && may.May(backend.RightDeploy, p.At(backend.AnyEnvironment))
}

// MaySee reports whether the person may list the secrets of a project, or some of them.
func (q *Request) MaySee(project string) bool {
	may := q.may()
	return may != nil && may.MaySome(backend.RightSee, backend.Place{Project: project})
}

// MayReveal reports whether the person may have the value of a secret shown.
func (v view) MayReveal(o backend.Object) bool { return v.q.MayReveal(v.Place, o) }

// MayReveal reports whether the person may have the value of a secret of the project shown.
func (q *Request) MayReveal(p *Place, o backend.Object) bool {
	may := q.may()
	return may != nil && may.May(backend.RightReveal, p.PlaceOf(o))
}
