// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"context"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// sweepBatch is the largest number of rows that one sweep removes.
const sweepBatch = 500

// sweepInterval is the time after which a change sweeps again.
const sweepInterval = time.Hour

// Sweep removes objects whose recovery window is over, and the keys of such environments. From the end of the window
// on, nobody can restore an object, even if no sweep has removed it yet. One call removes a limited number of rows, and
// reports whether more are due. Several processes can sweep one database at the same time.
func (e *Engine) Sweep(ctx context.Context) (more bool, err error) {
	e.swept.Store(e.now().UnixMicro())
	// Most sweeps have nothing to do. A read transaction finds that out without blocking a writer.
	s := sweep{ctx: ctx, now: e.now(), left: 1, dry: true}
	if err := e.store.View(ctx, s.run); err != nil || s.left > 0 {
		return false, err
	}
	err = e.store.Update(ctx, func(tx store.Tx) error {
		s = sweep{ctx: ctx, now: e.now(), left: sweepBatch}
		if err := s.run(tx); err != nil || len(s.removed) == 0 {
			return err
		}
		return addRecords(ctx, tx, e.record.Swept(ctx, s.removed))
	})
	return err == nil && s.left == 0, err
}

// sweepSometimes sweeps after a change, once in a while. It reports no error,
// because the change is made: a later call sweeps again.
func (e *Engine) sweepSometimes(ctx context.Context) {
	if last := time.UnixMicro(e.swept.Load()); e.now().Sub(last) >= sweepInterval {
		_, _ = e.Sweep(ctx)
	}
}

// sweep is one sweep, inside one transaction.
type sweep struct {
	ctx  context.Context
	tx   store.Tx
	now  time.Time
	left int  // rows that it may still remove
	dry  bool // count, and remove nothing
	// untrusted is set if a row was left that was changed outside Pouncet.
	untrusted bool

	removed []backend.Outcome // without what was in a removed environment
}

func (s *sweep) run(tx store.Tx) error {
	s.tx = tx
	for _, kind := range []backend.Kind{backend.KindProject, deletedAs(backend.KindProject)} {
		projects, err := tx.Objects(s.ctx, store.Filter{Kind: kind})
		if err != nil {
			return err
		}
		for _, p := range projects {
			if s.untrusted = false; p.Untrusted != nil {
				continue
			}
			if err := s.project(p); err != nil || s.left == 0 {
				return err
			}
		}
	}
	return nil
}

// project removes what is due in a project, and the project itself if that is due.
func (s *sweep) project(row store.Object) error {
	a, err := decodeAttributes(row)
	if err != nil {
		return err
	}
	all := s.isOver(row, a)
	due := store.Filter{Project: row.ID}
	if !all {
		// The name of a deleted row is the time of its deletion.
		due.BeforeName = deletionTime(s.now.AddDate(0, 0, -a.policy().RecoveryDays))
	}
	if err := s.replacedTypes(row, a.policy()); err != nil {
		return err
	}
	if err := s.drafts(row, all); err != nil {
		return err
	}
	due.Kind = deletedAs(backend.KindEnvironment)
	if err := s.each(due, func(e store.Object) error { return s.environment(row, e) }); err != nil {
		return err
	}
	for _, kind := range []backend.Kind{backend.KindSecret, backend.KindScopedValue} {
		due.Kind = deletedAs(kind)
		if err := s.each(due, func(o store.Object) error { return s.end(row, o) }); err != nil {
			return err
		}
	}
	if !all {
		return s.versions(row, a.policy())
	}
	if s.left == 0 || s.untrusted {
		return nil
	}
	if !s.dry {
		if err := s.tx.DeleteEnvironmentKeys(s.ctx, row.ID, backend.AnyEnvironment); err != nil {
			return err
		}
	}
	return s.end(store.Object{}, row)
}

// versions removes the versions of the secrets of a project that its policy does not keep.
func (s *sweep) versions(project store.Object, policy backend.Policy) error {
	if policy.MaxVersions == 0 && policy.VersionDays == 0 {
		return nil
	}
	f := store.Filter{Kind: backend.KindSecret, Project: project.ID, Limit: sweepBatch}
	for {
		secrets, err := s.tx.Objects(s.ctx, f)
		if err != nil {
			return err
		}
		for _, o := range secrets {
			if o.Untrusted != nil {
				continue
			}
			due, err := oldVersions(s.ctx, s.tx, o, policy, s.now)
			if err != nil {
				return err
			}
			for _, k := range due {
				if s.left == 0 {
					return nil
				}
				s.left--
				if s.dry {
					continue
				}
				if err := s.tx.DeleteVersion(s.ctx, k); err != nil {
					return err
				}
			}
		}
		if len(secrets) < f.Limit {
			return nil
		}
		last := secrets[len(secrets)-1]
		f.AfterName, f.AfterID = last.Name, last.ID
	}
}

// drafts removes the drafts of a project that have expired, or all of them with the project. A draft goes at once, with
// its changes: without some of them it would look as if somebody had removed these.
func (s *sweep) drafts(project store.Object, all bool) error {
	if s.left == 0 {
		return nil
	}
	drafts, err := s.tx.Objects(s.ctx, store.Filter{Kind: backend.KindDraft, Project: project.ID})
	if err != nil {
		return err
	}
	for _, o := range drafts {
		if s.left == 0 {
			return nil
		}
		if o.Untrusted != nil {
			s.untrusted = true // somebody may have made it look like a draft that can go
			continue
		}
		a, err := decodeAttributes(o)
		if err != nil {
			return err
		}
		if !all && a.ExpiresAt.After(s.now) {
			continue
		}
		if !s.dry {
			rows, err := s.tx.Objects(s.ctx, store.Filter{Kind: backend.KindDraftChange, Project: project.ID, Link: o.ID})
			if err != nil {
				return err
			}
			if err := s.removeParts(rows); err != nil {
				return err
			}
		}
		if err := s.end(project, o); err != nil {
			return err
		}
	}
	return nil
}

// removeParts removes the rows of changes of a draft.
func (s *sweep) removeParts(rows []store.Object) error {
	for _, row := range rows {
		if err := dropRow(s.ctx, s.tx, row, func() {}); err != nil {
			return err
		}
		s.left = max(s.left-1, 0)
	}
	return nil
}

// isOver reports whether the recovery window of a deleted project is over.
func (s *sweep) isOver(row store.Object, a attributes) bool {
	_, deleted := deletedKind(row.Kind)
	return deleted && !restorableUntil(a.policy(), a.DeletedAt).After(s.now)
}

// replacedTypes removes the secret types that Terraform deleted to create them again, if the creation did not come
// within the window and no secret has the type. A type cannot be restored anyway. A replaced environment or project
// stays until somebody restores or deletes it, because nobody has asked to lose its contents.
func (s *sweep) replacedTypes(project store.Object, policy backend.Policy) error {
	rows, err := restorableRows(s.ctx, s.tx, store.Filter{Kind: backend.KindSecretType, Project: project.ID})
	if err != nil {
		return err
	}
	policy.RecoveryDays = max(policy.RecoveryDays, backend.DefaultRecoveryDays) // also where deletions have no window
	for _, o := range rows {
		a, _ := isReplaced(o)
		if s.left == 0 || restorableUntil(policy, a.DeletedAt).After(s.now) {
			continue
		}
		n, err := s.tx.Count(s.ctx, store.Filter{Kind: backend.KindSecret, Project: o.Project, Type: o.ID})
		if err == nil && n == 0 {
			err = s.end(project, o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// environment removes a deleted environment: first its keys, so that no copy of a
// value can be decrypted, then its contents and, when none is left, its row.
func (s *sweep) environment(in, row store.Object) error {
	if s.dry {
		s.left--
		return nil
	}
	if err := s.tx.DeleteEnvironmentKeys(s.ctx, in.ID, row.ID); err != nil {
		return err
	}
	for _, kind := range contentKinds() {
		if err := s.each(store.Filter{Kind: kind, Project: in.ID, Environment: row.ID}, s.remove); err != nil {
			return err
		}
	}
	if s.left == 0 || s.untrusted {
		return nil
	}
	n, err := removePartsIn(s.ctx, s.tx, in.ID, row.ID, s.now)
	if err != nil {
		return err
	}
	if s.left = max(s.left-n, 0); s.left == 0 {
		return nil
	}
	return s.end(in, row)
}

// each calls f for the objects of a filter, as long as rows may be removed.
func (s *sweep) each(f store.Filter, do func(o store.Object) error) error {
	if s.left == 0 {
		return nil
	}
	f.Limit = s.left
	rows, err := s.tx.Objects(s.ctx, f)
	if err != nil {
		return err
	}
	for _, o := range rows {
		if s.left == 0 {
			return nil
		}
		if o.Untrusted != nil {
			s.untrusted = true // somebody may have made it look like an object that can go
			continue
		}
		if err := do(o); err != nil {
			return err
		}
	}
	return nil
}

// end removes an object of a project, and adds it to the removed ones.
func (s *sweep) end(in, o store.Object) error {
	s.removed = append(s.removed, backend.Outcome{
		Action: backend.ActionDelete, ProjectID: cmp.Or(in.ID, o.ID),
		Object: backend.Object{Kind: formerKind(o.Kind), ID: o.ID, Name: shownName(o), Project: shownName(in)},
	})
	return s.remove(o)
}

func (s *sweep) remove(o store.Object) error {
	s.left = max(s.left-1, 0)
	if s.dry {
		return nil
	}
	return s.tx.DeleteObject(s.ctx, o.ID)
}
