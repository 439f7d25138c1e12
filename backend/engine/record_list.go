// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// The audit log as a list. The engine decides which logs the caller may read, and package audit reads them: a record
// belongs to one log, and is shown as a whole.

// Records lists records of the audit log.
type Records interface {
	// ListRecords returns a page of the records that a query selects, from some logs.
	ListRecords(ctx context.Context, q backend.Query, from AuditedLogs) (backend.Page, error)
}

// AuditedLogs are the logs that a query may read.
type AuditedLogs struct {
	Projects map[string]string // the names of projects, by id, which is the name of the log
	// All includes the log of the deployment, and the logs of projects that do not exist any more.
	All bool
}

// Has reports whether a log, by the id of its project or "" for the deployment, is one of them.
func (l AuditedLogs) Has(log string) bool {
	_, ok := l.Projects[log]
	return ok || l.All
}

// checkRecordQuery refuses the selectors of records on other lists, and selectors that records do not have.
func checkRecordQuery(q backend.Query) error {
	if q.Kind != backend.KindRecord {
		if q.By != "" || q.Verb != "" || q.Code != "" || !q.Since.IsZero() || !q.Until.IsZero() || q.OldestFirst || q.Follow {
			return backend.Errorf(backend.CodeInvalid,
				"by, verb, code, since, until, oldest_first and follow are for records of the audit log only").
				WithHint("list kind %q", backend.KindRecord).At("kind")
		}
		return nil
	}
	for _, s := range []struct {
		name  string
		given bool
	}{
		{"type", q.Type != ""}, {"draft", q.Draft != ""}, {"deleted", q.Deleted}, {"held", q.Held},
		{"last_resolved", q.LastResolved}, {"unused_since", !q.UnusedSince.IsZero()},
	} {
		if s.given {
			return backend.Errorf(backend.CodeInvalid, "records of the audit log have no selector %s", s.name).
				WithHint("select by project, environment, scope, name, id, by, verb, code, since or until").At(s.name)
		}
	}
	if err := backend.CheckRecordSelectors(q); err != nil {
		return err
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return backend.Errorf(backend.CodeInvalid, "until is %s, which is not after since, %s",
			q.Until.UTC().Format(time.RFC3339), q.Since.UTC().Format(time.RFC3339)).
			WithHint("give an earlier time for since").At("until")
	}
	return nil
}

// listRecords makes a page of records.
func (e *Engine) listRecords(ctx context.Context, q backend.Query) (backend.Page, error) {
	var from AuditedLogs
	err := e.store.View(ctx, func(tx store.Tx) error {
		may, err := e.accessOf(ctx, tx)
		if err != nil {
			return err
		}
		from, err = auditedLogs(ctx, tx, q, may)
		return err
	})
	if err != nil {
		return backend.Page{}, err
	}
	page, err := e.records.ListRecords(ctx, q, from)
	page.Deployment = e.store.Deployment()
	return page, err
}

// auditedLogs returns the logs that a query selects and the caller may read. The right is decided for each log, which
// has the records of a whole project.
func auditedLogs(ctx context.Context, tx store.Tx, q backend.Query, may principalAccess) (AuditedLogs, error) {
	everywhere := may.MayGive(backend.RightAudit, backend.Where{}, false)
	if q.Project != "" {
		return auditedProject(ctx, tx, q.Project, may, everywhere)
	}
	from := AuditedLogs{Projects: map[string]string{}, All: everywhere}
	for _, kind := range []backend.Kind{backend.KindProject, deletedAs(backend.KindProject)} {
		rows, err := tx.Objects(ctx, store.Filter{Kind: kind})
		if err != nil {
			return from, err
		}
		for _, row := range rows {
			if everywhere || may.audits(row.ID) {
				from.Projects[row.ID] = shownName(row)
			}
		}
	}
	if !everywhere && len(from.Projects) == 0 {
		return from, may.deniedSomewhere(backend.RightAudit, "list", "records of the audit log", "a project")
	}
	return from, nil
}

// audits reports whether the principal may read the log of a project.
func (a principalAccess) audits(project string) bool {
	return a.May(backend.RightAudit, backend.Place{Project: project})
}

// auditedProject returns the log of one project. A caller with the right everywhere can name a deleted project by its
// id.
func auditedProject(
	ctx context.Context, tx store.Tx, nameOrID string, may principalAccess, everywhere bool,
) (AuditedLogs, error) {
	row, err := projectOfRecords(ctx, tx, nameOrID)
	if err != nil {
		return AuditedLogs{}, err
	}
	knows := may.seesProject(row.ID) || may.MaySome(backend.RightAudit, backend.Place{Project: row.ID})
	switch {
	case row.ID == "" && everywhere && backend.IsID(nameOrID):
		return AuditedLogs{Projects: map[string]string{nameOrID: nameOrID}}, nil
	case row.ID == "" || !knows:
		return AuditedLogs{}, missingProject(ctx, tx, nameOrID, may)
	case !everywhere && !may.audits(row.ID):
		return AuditedLogs{}, may.denied(backend.RightAudit, "list", "the audit records of project "+
			backend.Quote(shownName(row)), &project{row: row}, backend.Place{Project: row.ID})
	}
	return AuditedLogs{Projects: map[string]string{row.ID: shownName(row)}}, nil
}

// projectOfRecords returns the row of a project, or an empty one. An id also means a deleted project that can be
// restored.
func projectOfRecords(ctx context.Context, tx store.Tx, nameOrID string) (store.Object, error) {
	filters := []store.Filter{{Kind: backend.KindProject, Name: nameOrID}}
	if backend.IsID(nameOrID) {
		filters = []store.Filter{{Kind: backend.KindProject, ID: nameOrID},
			{Kind: deletedAs(backend.KindProject), ID: nameOrID}}
	}
	for _, f := range filters {
		if isReserved(nameOrID) {
			break
		}
		rows, err := tx.Objects(ctx, f)
		if err != nil || len(rows) > 0 {
			if err == nil {
				return rows[0], nil
			}
			return store.Object{}, err
		}
	}
	return store.Object{}, nil
}

// noRecords has none.
type noRecords struct{}

func (noRecords) ListRecords(context.Context, backend.Query, AuditedLogs) (backend.Page, error) {
	return backend.Page{Objects: []backend.Object{}}, nil
}
