// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"fmt"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// outcome reports what a change did to a row of a project. The project is nil
// for a row that is a project itself.
func outcome(action backend.Action, d diff, row store.Object, in *project) (backend.Outcome, error) {
	o, err := object(row, in)
	out := backend.Outcome{Action: action, Object: o}
	if action == backend.ActionUpdate {
		out.Changed = d.changed
	}
	return out, err
}

// outcomeSize estimates the size of an outcome, in bytes.
func outcomeSize(o backend.Outcome) int {
	n := 256 + objectSize(o.Object) + dependentsSize(o.Dependents)
	if o.Displaced != nil {
		n += objectSize(*o.Displaced)
	}
	for _, p := range o.Parts {
		n += objectSize(p.Change) + objectSize(p.Object)
	}
	if o.Err != nil {
		n += len(o.Err.Message) + len(o.Err.Hint) + dependentsSize(o.Err.Dependents)
		for _, e := range o.Err.Environments {
			n += len(e)
		}
	}
	return n
}

func dependentsSize(users []backend.Dependent) int {
	n := 0
	for _, u := range users {
		n += 64 + len(u.Label) + len(u.ID) + len(u.ManagedBy)
	}
	return n
}

func objectSize(o backend.Object) int {
	n := 512 + len(o.Name) + len(o.Scope) + len(o.Description) + len(o.Schema) + len(o.JSON) + len(o.DisplayName) +
		len(o.KMSKey)
	for k, v := range o.Labels {
		n += len(k) + len(v)
	}
	return n
}

// deletion returns the outcome of the deletion of an environment or project.
func (r *run) deletion(c backend.Change, row store.Object, in *project) (backend.Outcome, error) {
	out, err := outcome(backend.ActionDelete, diff{}, row, in)
	policy := attributes{Attributes: out.Object.Attributes}.policy()
	if in != nil {
		policy = in.policy
	}
	if err == nil && !c.Purge && policy.RecoveryDays > 0 {
		out.Object.RestorableUntil = restorableUntil(policy, r.now)
	}
	return out, err
}

// inUse returns the error of a deletion that the dependents block.
func inUse(o store.Object, users []backend.Dependent, hint string) error {
	if n := len(users); n > 1 && users[n-1].Label == unseen { // once is enough
		users = append(slices.DeleteFunc(users[:n-1], func(u backend.Dependent) bool { return u.Label == unseen }),
			users[n-1])
	}
	e := backend.Errorf(backend.CodeInUse, "%s %q is in use by %s", o.Kind, shownName(o),
		backend.Enumerate(labels(users))).
		WithHint("%s", hint)
	e.Dependents = users
	return e
}

// forcedDeletion returns the command that deletes an object even if it has dependents.
func forcedDeletion(o store.Object) string {
	return "pouncet " + o.Kind.Command() + " delete --force " + o.ID
}

func labels(users []backend.Dependent) []string {
	out := make([]string, len(users))
	for i, u := range users {
		out[i] = u.Label
	}
	return out
}

// asDependents converts the objects of a project to dependents.
func (p *project) asDependents(rows []store.Object) ([]backend.Dependent, error) {
	out := make([]backend.Dependent, len(rows))
	for i, o := range rows {
		a, err := decodeAttributes(o)
		if err != nil {
			return nil, err
		}
		out[i] = backend.Dependent{Label: label(p, o), ID: o.ID, ManagedBy: a.ManagedBy}
	}
	return out, nil
}

// label names an object for a message.
func label(p *project, o store.Object) string {
	label := fmt.Sprintf("%s %s", o.Kind, shownName(o))
	if !isEntry(o.Kind) {
		return label
	}
	label += " in " + p.environmentName(o.Environment)
	if o.Scope != backend.ProjectScope {
		label += " (" + o.Scope + ")"
	}
	return label
}
