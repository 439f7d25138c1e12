// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Where the rights of the caller are decided.
//
// What a principal may not see does not exist for it: the answers are the same as for a missing object, byte for byte.
// So the right to see is decided where a row is looked up, before anything depends on the row. The right to a change is
// decided by the place before it is known whether an object has that place, so that a refusal does not tell it.
//
// The rules themselves (uniqueness, dependents, links that follow a rename) read all rows, for any caller.

func (a principalAccess) seesProject(id string) bool {
	return a.seesAll || a.MaySome(backend.RightSee, backend.Place{Project: id})
}

func (a principalAccess) seesEnvironment(project, id string) bool {
	return a.seesAll || a.MaySome(backend.RightSee, backend.Place{Project: project, Environment: id})
}

// seesIn reports whether the principal sees everything in a project.
func (a principalAccess) seesIn(p *project) bool {
	return a.seesAll || len(p.protected) == 0 && a.May(backend.RightSee, backend.Place{Project: p.row.ID})
}

// seesRow reports whether the principal may see an object of a project. Types and drafts belong to the whole project.
func (a principalAccess) seesRow(in *project, o store.Object) bool {
	switch kind := formerKind(o.Kind); {
	case a.seesAll:
		return true
	case kind == backend.KindProject:
		return a.seesProject(o.ID)
	case kind == backend.KindEnvironment:
		return a.seesEnvironment(o.Project, o.ID)
	case kind == backend.KindDraftChange:
		d, err := decodePart(o)
		return err == nil && a.seesPart(in, d)
	case isEntry(kind), kind == backend.KindUsage:
		return a.May(backend.RightSee, in.at(o))
	}
	return a.seesProject(o.Project)
}

// seesPart reports whether the principal may see a change of a draft: that is, the object that it changes.
func (a principalAccess) seesPart(in *project, d draftPart) bool {
	switch {
	case a.seesAll:
		return true
	case d.Change.Kind == backend.KindEnvironment:
		return a.seesEnvironment(in.row.ID, d.Target)
	case isEntry(d.Change.Kind):
		return a.May(backend.RightSee, in.place(d.row.Environment, d.row.Scope, d.shownName()))
	}
	return a.seesProject(in.row.ID)
}

// draftRevision returns the revision of a draft that the principal is shown and names in a change. The revision of the
// row counts the changes that were staged, hidden ones too, so others than those who see everything get its time.
func (a principalAccess) draftRevision(draft store.Object) int64 {
	if a.seesAll || draft.ID == "" {
		return draft.Revision
	}
	return draft.UpdatedAt.UnixMicro()
}

// seesRename reports whether the principal may see the name that a change of a draft gives an entry.
func (a principalAccess) seesRename(in *project, d draftPart) bool {
	if a.seesAll || d.Change.Rename == nil || !isEntry(d.Change.Kind) {
		return true
	}
	return a.May(backend.RightSee, in.place(d.row.Environment, d.row.Scope, *d.Change.Rename))
}

// denied refuses something that needs a right at a place, which the caller may see or has named itself. The hint says
// which binding is missing.
func (a principalAccess) denied(
	right backend.Right, does, what string, in *project, at backend.Place,
) *backend.Error {
	who := a.principal.Label()
	if a.principal.Role != backend.RoleNone {
		return backend.Errorf(backend.CodeDenied, "permission denied: %s has role %q, which may not %s %s", who,
			a.principal.Role, does, what).
			WithHint("use a token whose role allows it, or create one: pouncet token create --role %s",
				backend.SmallestRole(right))
	}
	e := backend.Errorf(backend.CodeDenied, "permission denied: %s has no binding with the right %q to %s %s", who,
		right, does, what)
	if in == nil {
		if at.Project == "" && a.MaySome(right, backend.Place{}) {
			e = backend.Errorf(backend.CodeDenied, "permission denied: %s has the right %q at some places only, and needs it "+
				"everywhere to %s %s", who, right, does, what)
		}
		return e.WithHint("use a token with role %q", backend.RoleAdmin)
	}
	return e.WithHint("to give it: pouncet binding create NAME --role %s --to %s%s", backend.SmallestRole(right),
		recipient(a.principal), whereFlags(in, at))
}

// deniedSomewhere refuses something that needs a right in all of a part of the backend, whichever part it is. places
// names such a part in the text, as "a project".
func (a principalAccess) deniedSomewhere(right backend.Right, does, what, places string) *backend.Error {
	e := a.denied(right, does, what, nil, backend.Place{})
	if a.principal.Role != backend.RoleNone {
		return e
	}
	if a.MaySome(right, backend.Place{}) {
		e = backend.Errorf(backend.CodeDenied, "permission denied: %s has the right %q in parts of %s only, and needs it in "+
			"all of %s to %s %s", a.principal.Label(), right, places, places, does, what)
	}
	return e.WithHint("to give it for %s: pouncet binding create NAME --role %s --to %s --project PROJECT", places,
		backend.SmallestRole(right), recipient(a.principal))
}

// recipient names a principal in a command. An issuer can give a subject any characters, and some of them have a
// meaning for a shell.
func recipient(p backend.Principal) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:/@"
	if strings.Trim(p.Recipient(), plain) != "" {
		return backend.ToTrust + p.Trust + "/SUBJECT"
	}
	return p.Recipient()
}

// whereFlags returns the flags of a binding for one place, or for all places that it stands for.
func whereFlags(in *project, at backend.Place) string {
	flags := " --project " + in.row.Name
	switch at.Environment {
	case "":
	case backend.AnyEnvironment:
		flags += " --env '*'"
	default:
		flags += " --env " + in.environmentName(at.Environment)
	}
	if at.Scope != "" {
		flags += " --scope " + at.Scope
	}
	if at.Name != "" && backend.CheckName(backend.KindSecret, at.Name) == nil {
		flags += " --names " + at.Name
	}
	return flags
}

// isTrial reports whether the set only tries its changes, so that the right to compare is enough. Staging needs the
// right to make a change.
func (r *run) isTrial() bool { return r.given.DryRun && r.given.Draft == "" }

// unrestricted reports whether the change that is being made was allowed before: the rights to a draft are decided
// when it is deployed, and those to a change that a draft has when it was staged.
func (r *run) unrestricted() bool { return r.deploying || r.step().kept }

// sees reports whether an object of a project exists for the change that is being made. It is for rules: what ends in a
// text or a list for the caller is decided by seesRow, also when a draft is deployed.
func (r *run) sees(in *project, o store.Object) bool {
	return r.unrestricted() || r.access.seesRow(in, o)
}

// may reports whether the caller has a right to a change at a place, or may try it.
func (r *run) may(right backend.Right, at backend.Place) bool {
	return r.unrestricted() || r.mayNow(right, at)
}

// mayNow is may for a right that the caller needs also when a draft is deployed.
func (r *run) mayNow(right backend.Right, at backend.Place) bool {
	switch {
	case r.access.May(right, at):
		return true
	case r.isTrial() && isChange(right) && r.access.May(backend.RightCompare, at):
		r.comparing = true
		return true
	}
	return false
}

// isChange reports whether a right allows changes that a caller with the right to compare may try.
func isChange(right backend.Right) bool {
	return right == backend.RightWrite || right == backend.RightDelete || right == backend.RightManage ||
		right == backend.RightDeploy
}

// compareOnly reports whether the outcome of the change that is being made may tell nothing of a stored value but
// whether it equals a given one.
func (r *run) compareOnly() bool { return r.set.CompareOnly || r.comparing }

// rightTo returns the right that an operation on a secret or scoped value needs.
func rightTo(op backend.Op) backend.Right {
	if op == backend.OpDelete {
		return backend.RightDelete
	}
	return backend.RightWrite
}

// allowEntry refuses a change of a secret or scoped value at a place that the caller names. hidden says that the caller
// may not see an object at that place, so that it must be taken for missing.
func (r *run) allowEntry(c backend.Change, in *project, at backend.Place) (hidden bool, err error) {
	right := rightTo(c.Op)
	if !r.may(right, at) {
		if !creates(c.Op) && !r.access.May(backend.RightSee, at) {
			return true, nil
		}
		return false, r.access.denied(right, doing(c.Op), what(c.Kind, c.Name, in, at), in, at)
	}
	if c.Rename == nil || *c.Rename == at.Name {
		return false, nil
	}
	to := at
	if to.Name = *c.Rename; !r.may(right, to) {
		return false, r.access.denied(right, "rename to", what(c.Kind, *c.Rename, in, to), in, to)
	}
	return false, r.allowMove(c.Kind, in, at, to)
}

// allowMove refuses to bring an entry to a name where the caller has a right to its value that it does not have now.
func (r *run) allowMove(kind backend.Kind, in *project, from, to backend.Place) error {
	if r.unrestricted() {
		return nil
	}
	for _, right := range []backend.Right{backend.RightResolve, backend.RightReveal, backend.RightCompare} {
		if r.access.May(right, to) && !r.access.May(right, from) {
			return backend.Errorf(backend.CodeDenied, "permission denied: the name %s would give you the right %q to %s",
				backend.Quote(to.Name), right, what(kind, from.Name, in, from)).
				WithHint("nobody gives more than they have; use a token that has this right under both names, or under neither").
				At("name")
		}
	}
	return nil
}

// allowPartMove is allowMove for a change of a draft, of an entry that is at a place now.
func (r *run) allowPartMove(in *project, d draftPart, from backend.Place) error {
	if d.Change.Rename == nil || !isEntry(d.Change.Kind) {
		return nil
	}
	to := from
	to.Name = *d.Change.Rename
	return r.allowMove(d.Change.Kind, in, from, to)
}

// creates reports whether an operation may create an object.
func creates(op backend.Op) bool { return op == backend.OpSet || op == backend.OpCreate }

func doing(op backend.Op) string {
	switch op {
	case backend.OpDelete, backend.OpRestore:
		return string(op)
	}
	return "change"
}

// what names an object at a place, for a message.
func what(kind backend.Kind, name string, in *project, at backend.Place) string {
	text := fmt.Sprintf("%s %s in environment %q", kind, backend.Quote(name), in.environmentName(at.Environment))
	if at.Scope != backend.ProjectScope {
		text += " (" + at.Scope + ")"
	}
	if at.Protected {
		text += ", which is protected"
	}
	return text
}

// checkFingerprints refuses a request for a fingerprint together with a change that the caller may only try.
func (r *run) checkFingerprints(c backend.Change) error {
	plain := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: c.ID}
	if len(r.set.FingerprintKey) > 0 && r.comparing && !reflect.DeepEqual(c, plain) {
		return backend.Errorf(backend.CodeDenied, "a request for fingerprints may not change anything").
			WithHint("send changes with the operation, the kind and the id of a secret only")
	}
	return nil
}

// manage refuses a change of a project, of its types, or of one of its environments. An empty id means all of the
// project, or the whole backend.
func (r *run) manage(rights []backend.Right, at backend.Place, in *project, what string) error {
	for _, right := range rights {
		if !r.may(right, at) {
			return r.access.denied(right, string(right), what, in, at)
		}
	}
	return nil
}

// allowName refuses to give an environment or a project another name to a caller that could not create one of that
// name: the answer would tell whether one exists.
func (r *run) allowName(c backend.Change, name string, in *project) error {
	if c.Rename == nil || *c.Rename == name {
		return nil
	}
	at := backend.Place{}
	if in != nil {
		at.Project = in.row.ID
	}
	if r.may(backend.RightManage, at) {
		return nil
	}
	return r.access.denied(backend.RightManage, "rename", c.Kind.String()+" "+backend.Quote(name), in, at)
}

// managing lists the rights that an operation on an environment or project needs. Its deletion removes its contents.
func managing(op backend.Op) []backend.Right {
	if op == backend.OpDelete {
		return []backend.Right{backend.RightManage, backend.RightDelete}
	}
	return []backend.Right{backend.RightManage}
}

// allowProtection checks whether the caller may protect an environment, or take its protection off. Both change what
// the bindings give that do not name the environment. These can be bindings of others. For the first and the last
// protected environment, they also change the rights to what all environments share. at is the place of the
// environment.
func (r *run) allowProtection(in *project, name string, at backend.Place, protect bool) error {
	if r.unrestricted() || r.isTrial() && r.access.Everywhere(backend.RightCompare) {
		return nil
	}
	if !protect {
		return r.allowOpening(in, name)
	}
	shared := in.place(backend.AnyEnvironment, "", "")
	places := []backend.Place{at}
	if !shared.Protected || r.given.Draft != "" { // when the draft is deployed, it may be the first one
		places = append(places, shared)
	}
	for _, at := range places {
		for _, right := range []backend.Right{backend.RightManage, backend.RightBind} {
			if !r.may(right, at) && !r.comparing {
				return r.access.denied(right, "protect", fmt.Sprintf("environment %s of project %q", backend.Quote(name),
					in.row.Name), in, at)
			}
		}
	}
	return nil
}

// allowOpening refuses to take off the protection of an environment to a caller that does not have all rights in all of
// the project: each binding that does not name the environment gives its rights there from then on.
func (r *run) allowOpening(in *project, name string) error {
	for _, right := range backend.Rights {
		all := r.access.MayGive(right, backend.Where{Project: in.row.ID}, false)
		for environment := range in.protected {
			all = all && r.access.MayGive(right, backend.Where{Project: in.row.ID, Environment: environment}, true)
		}
		if !all {
			return backend.Errorf(backend.CodeDenied, "permission denied: to take the protection off environment %s, you need "+
				"the right %q in all of project %q, protected environments included", backend.Quote(name), right, in.row.Name).
				WithHint("nobody gives more than they have; use a token with role %q", backend.RoleAdmin).At("protected")
		}
	}
	return nil
}

// seen is first for an object that a change names by id: one that the caller may not see does not exist.
func (r *run) seen(f store.Filter) (store.Object, bool, error) {
	row, exists, err := r.first(f)
	if err != nil || !exists || r.access.seesAll || r.unrestricted() {
		return row, exists, err
	}
	var in *project
	if row.Project != "" {
		if !r.access.seesProject(row.Project) {
			return store.Object{}, false, nil
		}
		if in, err = r.project(row.Project); err != nil {
			return store.Object{}, false, err
		}
	}
	if !r.access.seesRow(in, row) {
		return store.Object{}, false, nil
	}
	return row, true, nil
}

// dependents converts the objects that block a change. Those that the caller may not see are one without a name.
func (r *run) dependentsIn(in *project, rows []store.Object) ([]backend.Dependent, error) {
	var seen []store.Object
	for _, o := range rows {
		if r.access.seesRow(in, o) {
			seen = append(seen, o)
		}
	}
	users, err := in.asDependents(seen)
	if len(seen) < len(rows) {
		users = append(users, backend.Dependent{Label: unseen})
	}
	return users, err
}
