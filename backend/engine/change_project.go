// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

func (r *run) changeProject(c backend.Change, id string) (backend.Outcome, error) {
	if c.Project != "" && c.Name != "" && c.Project != c.Name {
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "a project cannot belong to a project").At("project")
	}
	if c.Op == backend.OpRestore {
		return r.restoreProject(c)
	}
	policy := backend.DefaultPolicy()
	row := store.Object{Kind: c.Kind, ID: id, Name: c.Name,
		Attributes: attributes{Attributes: backend.Attributes{Policy: &policy}}.encode()}
	m := member{row: row}
	var err error
	if c.ID == "" {
		if err := backend.CheckName(c.Kind, c.Name); err != nil {
			return backend.Outcome{}, err
		}
		if err := r.allowProject(c); err != nil {
			return backend.Outcome{}, err
		}
		m.row, m.exists, m.taken, err = r.orCreated(c, row)
		if err == nil && m.exists && !r.access.seesProject(m.row.ID) && !r.unrestricted() {
			m.row, m.exists, m.taken = row, false, false
		}
		if err == nil && !m.exists {
			err = r.takeProjectBack(c, &m)
		}
	} else {
		m.row, m.exists, err = r.seen(store.Filter{Kind: c.Kind, ID: c.ID})
		if err == nil && m.exists {
			err = r.manageProject(c, m.row)
		}
	}
	if err != nil {
		return backend.Outcome{}, err
	}
	if wasDeleted(c, m.exists, nil) {
		return r.purgeProject(c)
	}
	if c.ID != "" && !m.exists {
		return backend.Outcome{}, unknownID(c)
	}
	row = m.row
	if !m.taken {
		if err := checkOperation(c, m.exists, row.ID, row.Name, row.Revision); err != nil {
			return backend.Outcome{}, err
		}
		if outdated, err := r.checkSeen(c, row); outdated || err != nil {
			return r.unchanged(row, err)
		}
	}
	if c.Op == backend.OpDelete {
		return r.deleteProject(row, c)
	}
	a, err := decodeAttributes(row)
	if err != nil {
		return backend.Outcome{}, err
	}
	before := a
	if m.taken {
		a, row.Name = a.retake(), c.Name
	}
	if a.Policy == nil {
		a.Policy = &policy
	}
	var d diff
	d.apply(c, &row.Name, &a)
	kept := *a.Policy
	if c.Policy != nil {
		changed, err := a.Policy.Set(*c.Policy)
		if err != nil {
			return backend.Outcome{}, err
		}
		d.changed = append(d.changed, changed...)
	}
	if m.exists {
		if err := r.allowPolicy(row, kept, *a.Policy); err != nil {
			return backend.Outcome{}, err
		}
	}
	if !m.exists {
		if err := backend.CheckName(c.Kind, row.Name); err != nil {
			return backend.Outcome{}, err
		}
		return r.createProject(row, a)
	}
	out, err := r.writeMember(c, m, row, before, a, d)
	if err == nil && slices.Contains(d.changed, "duplicates") {
		err = r.tagValues(row.ID)
	}
	return out, err
}

// allowProject refuses a change of a project by name that the caller may not manage. To create one, it must manage the
// whole backend. The answer is the same for a project that does not exist and for one that the caller may not see.
func (r *run) allowProject(c backend.Change) error {
	row, exists, err := r.first(store.Filter{Kind: c.Kind, Name: c.Name})
	switch {
	case err != nil:
		return err
	case exists && (r.unrestricted() || r.access.seesProject(row.ID)):
		return r.manageProject(c, row)
	case !creates(c.Op):
		return nil
	}
	return r.manage([]backend.Right{backend.RightManage}, backend.Place{}, nil, "project "+backend.Quote(c.Name))
}

func (r *run) manageProject(c backend.Change, row store.Object) error {
	if r.access.seesAll && r.access.Everywhere(backend.RightManage) && r.access.Everywhere(backend.RightDelete) {
		return nil
	}
	in, err := r.project(row.ID)
	if err != nil {
		return err
	}
	if err := r.manage(managing(c.Op), backend.Place{Project: row.ID}, in,
		"project "+backend.Quote(shownName(row))); err != nil {
		return err
	}
	return r.allowName(c, shownName(row), nil)
}

// allowPolicy refuses a policy that keeps less of what was written or deleted to a caller who may not delete it: in all
// of the project, protected environments included.
func (r *run) allowPolicy(row store.Object, before, after backend.Policy) error {
	if !keepsLess(before, after) || r.access.Everywhere(backend.RightDelete) {
		return nil
	}
	in, err := r.project(row.ID)
	if err != nil {
		return err
	}
	places := []backend.Place{{Project: row.ID}, in.place(backend.AnyEnvironment, "", "")}
	for _, e := range in.environments {
		places = append(places, in.place(e.ID, "", ""))
	}
	for _, at := range places {
		if !r.may(backend.RightDelete, at) {
			return backend.Errorf(backend.CodeDenied, "permission denied: to keep less of what project %q has, you need the "+
				"right %q in all of it, protected environments included", shownName(row), backend.RightDelete).
				WithHint("leave recovery_days, max_versions and version_days as they are, or use a token with role %q",
					backend.RoleAdmin).At("policy")
		}
	}
	return nil
}

// keepsLess reports whether a policy can remove what another one keeps.
func keepsLess(before, after backend.Policy) bool {
	fewer := func(before, after int) bool { return after != 0 && (before == 0 || after < before) } // 0 keeps all versions
	return fewer(before.MaxVersions, after.MaxVersions) || fewer(before.VersionDays, after.VersionDays) ||
		after.RecoveryDays < before.RecoveryDays
}

// takeProjectBack takes back the project that a creation replaces.
func (r *run) takeProjectBack(c backend.Change, m *member) error {
	rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: c.Kind, AfterName: afterNames})
	if err != nil {
		return err
	}
	row, back, err := takenBack(c, rows)
	if back {
		m.row, m.exists, m.taken = row, true, true
	}
	return err
}

// createProject creates a project and the environment key for the entries that
// all its environments share.
func (r *run) createProject(row store.Object, a attributes) (backend.Outcome, error) {
	if _, err := r.makeKey(row.ID, backend.AnyEnvironment, ""); err != nil {
		return backend.Outcome{}, err
	}
	row, err := r.insert(row, a, nil, nil)
	if err != nil {
		return backend.Outcome{}, err
	}
	r.forget()
	return outcome(backend.ActionCreate, diff{}, row, nil)
}

// resignEnvironments signs the environments of a renamed project again, also the
// deleted ones, because their MACs cover its name, which was another. It needs the
// keys of all its environments.
func (r *run) resignEnvironments(row store.Object, was string) error {
	p, err := r.project(row.ID)
	if err != nil {
		return err
	}
	return r.resign(p, was, p.row.Name)
}

// resign signs the environments of a project for another name.
func (r *run) resign(p *project, was, name string) error {
	deleted, err := r.tx.Objects(r.ctx, store.Filter{Kind: deletedAs(backend.KindEnvironment), Project: p.row.ID})
	if err != nil {
		return err
	}
	before, after := *p, *p
	before.row.Name, after.row.Name = was, name
	for _, e := range slices.Concat(p.environments, deleted) {
		if err := r.verifyRow(&before, e); err != nil {
			return err
		}
		a, err := decodeAttributes(e)
		if err != nil {
			return err
		}
		key, err := r.signingKey(p, e.ID)
		if err != nil {
			return err
		}
		a.Quiet++
		if _, err := r.update(e, a, key, &after); err != nil {
			return err
		}
	}
	r.forget()
	return nil
}

func (r *run) deleteProject(row store.Object, c backend.Change) (backend.Outcome, error) {
	p, err := r.project(row.ID)
	if err != nil {
		return backend.Outcome{}, err
	}
	if c.CreationFollows {
		return r.setAside(c, row, backend.HeldReplaced, nil)
	}
	content, err := r.contentsOf(p)
	if err != nil {
		return backend.Outcome{}, err
	}
	// Force does not apply: a project must be empty to be deleted.
	if len(content) > 0 {
		if out, done, err := r.setAsideOwned(c, row, content); done || err != nil {
			return out, err
		}
		users, err := r.dependentsIn(p, content)
		if err != nil {
			return backend.Outcome{}, err
		}
		return backend.Outcome{}, inUse(row, users, "delete these first")
	}
	out, err := r.deletion(c, row, nil)
	if err != nil {
		return out, err
	}
	return out, r.removeProject(p, c.Purge)
}

// contentsOf returns what a project must not have when it is removed.
func (r *run) contentsOf(p *project) ([]store.Object, error) {
	contents := slices.Clone(p.environments)
	for _, t := range p.types {
		if !t.builtIn {
			contents = append(contents, t.row)
		}
	}
	entries, err := r.entriesOf(p, backend.AnyEnvironment)
	return append(contents, entries...), err
}
