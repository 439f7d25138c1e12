package engine

import (
	"fmt"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// outcome is what a change did to a row, which is in the project given, or is one.
func outcome(action backend.Action, d diff, row store.Object, in *project) (backend.Outcome, error) {
	o, err := object(row, in)
	out := backend.Outcome{Action: action, Object: o}
	if action == backend.ActionUpdate {
		out.Changed = d.changed
	}
	return out, err
}

// inUse is the error of a deletion that others depend on.
func inUse(o store.Object, users []string, hint string) error {
	e := backend.Errorf(backend.CodeInUse, "%s %q is in use by %s", o.Kind, o.Name, list(users)).WithHint("%s", hint)
	e.Users = users
	return e
}

// entryLabel names a secret or scoped value for a message.
func entryLabel(p *project, o store.Object) string {
	label := fmt.Sprintf("%s %s in %s", o.Kind, o.Name, p.environmentName(o.Environment))
	if o.Scope != backend.ProjectScope {
		label += " (" + o.Scope + ")"
	}
	return label
}
