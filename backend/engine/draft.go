// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// A draft is a separate row, and so is each of its changes:
//
//	kind          name             environment, scope   link      attributes
//	draft         that of the user                                description, labels, time of expiry
//	draft_change  <draft>/<number> of a changed entry   <draft>   the change and what it was staged against
//
// The value of a change is version 1 of its row. It is sealed under the key of the environment that the change is
// about, which signs the row too. Someone who cannot use the KMS key of an environment cannot deploy a change of it. An
// environment that a draft creates gets its key, under its id, with the draft.
//
// The row of a draft has a digest of the ids and revisions of its changes. So nobody who can write the database can
// make a part of a draft disappear, and the rest be deployed.
//
// stage.go adds to a draft, deploy.go makes its changes.

// staged is what the engine stores of a change of a draft beyond its columns.
type staged struct {
	Change backend.Change `json:"change"` // names its object by id, unless it creates the object
	Target string         `json:"target"` // the id of the object, also of one that the change creates
	// Creates says that the object did not exist, and Drafted that an earlier change of the draft creates it.
	Creates bool   `json:"creates,omitempty"`
	Drafted bool   `json:"drafted,omitempty"`
	Name    string `json:"name"` // that the row of the object had
	// Holder is the id of the object that had the place of a creation. An earlier change of the draft frees the place.
	Holder string `json:"holder,omitempty"`
	// Edition is the edition that the object had.
	Edition int64 `json:"edition,omitempty"`
	// Visibility is the visibility of the secret after all changes of the draft, as they were when the change was staged.
	Visibility backend.Visibility `json:"visibility,omitempty"`
	// Differs says that the value was compared with the present one, and differs. As long as the change is not stale, it
	// still does.
	Differs bool `json:"differs,omitempty"`
	// Checked is what the value was checked against.
	Checked     *valueCheck `json:"checked,omitempty"`
	Environment string      `json:"environment,omitempty"` // its name, for messages
	By          []string    `json:"by"`
}

// draftPart is one change of a draft.
type draftPart struct {
	staged
	row    store.Object
	sealed *store.Version // the value of the row, if it was read with the row
	value  []byte         // if the row has one and open has read it
}

func (s staged) encode() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // the fields are plain data; a raw message was checked when it came in
	}
	return b
}

func decodePart(o store.Object) (draftPart, error) {
	if o.Untrusted != nil {
		return draftPart{}, o.Untrusted
	}
	p := draftPart{row: o}
	if err := json.Unmarshal(o.Attributes, &p.staged); err != nil {
		return p, backend.Errorf(backend.CodeCorrupt, "the attributes of draft change %s cannot be parsed", o.ID).
			WithHint("restore the database from a backup, or discard the draft")
	}
	return p, nil
}

// hasValue reports whether the change has a sealed value.
func (d draftPart) hasValue() bool { return d.row.Version > 0 }

// isFor reports whether the change is one of the object with an id.
func (d draftPart) isFor(id string) bool { return d.Target == id }

// label names the object of a change for a message.
func (d draftPart) label() string {
	label := d.Change.Kind.String() + " " + d.shownName()
	if !isEntry(d.Change.Kind) {
		return label
	}
	label += " in " + d.Environment
	if d.row.Scope != backend.ProjectScope {
		label += " (" + d.row.Scope + ")"
	}
	return label
}

// shownName is the name of the object, even if another object of its owner displaced it.
func (d draftPart) shownName() string {
	return cmp.Or(d.Change.Name, strings.TrimPrefix(d.Name, reserved))
}

// change returns the change as it is deployed in a project.
func (d draftPart) change(in *project) backend.Change {
	c := d.Change
	if c.Kind != backend.KindProject && c.ID == "" {
		c.Project = in.row.ID
	}
	if d.hasValue() {
		c.Value = backend.NewPlaintext(d.value)
	}
	return c
}

// partName sorts the changes of a draft in their order.
func partName(draft string, number int) string { return fmt.Sprintf("%s/%08d", draft, number) }

func (d draftPart) number() int {
	var n int
	_, _ = fmt.Sscanf(d.row.Name[strings.LastIndexByte(d.row.Name, '/')+1:], "%d", &n) // the row is signed
	return n
}

// draftByName returns a draft of a project by name or id. ErrNotFound lists the existing drafts.
func draftByName(ctx context.Context, tx store.Tx, in *project, nameOrID string) (store.Object, error) {
	if nameOrID == "" {
		return store.Object{}, backend.CheckName(backend.KindDraft, nameOrID)
	}
	rows, err := tx.Objects(ctx, store.Filter{Kind: backend.KindDraft, Project: in.row.ID})
	if err != nil {
		return store.Object{}, err
	}
	for _, o := range rows {
		if o.Name == nameOrID || o.ID == nameOrID {
			return o, nil
		}
	}
	e := backend.Errorf(backend.CodeNotFound, "draft %s does not exist in project %q", backend.Quote(nameOrID),
		shownName(in.row)).At("draft")
	existing := names(rows)
	e.Suggestion = suggest.Name(nameOrID, existing)
	if len(existing) == 0 {
		return store.Object{}, e.WithHint("the project has no drafts: --draft %s on a command that writes creates it",
			"NAME")
	}
	return store.Object{}, e.WithHint("existing drafts: %s", backend.Enumerate(existing))
}

// partsOf returns the changes of a draft in their order, without their values.
func partsOf(ctx context.Context, tx store.Tx, draft store.Object) ([]draftPart, error) {
	rows, err := tx.Objects(ctx, store.Filter{Kind: backend.KindDraftChange, Project: draft.Project, Link: draft.ID})
	if err != nil {
		return nil, err
	}
	parts := make([]draftPart, len(rows))
	for i, o := range rows {
		if parts[i], err = decodePart(o); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// sealedParts is completeParts that reads the sealed values with the same statement.
func sealedParts(ctx context.Context, tx store.Tx, draft store.Object) ([]draftPart, error) {
	var entries []store.Entry
	l := store.Lookup{Kind: backend.KindDraftChange, Project: draft.Project, Link: draft.ID}
	if err := tx.Lookup(ctx, l, func(e store.Entry) { entries = append(entries, e) }); err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b store.Entry) int {
		return cmp.Or(cmp.Compare(a.Object.Name, b.Object.Name), cmp.Compare(a.Object.ID, b.Object.ID))
	})
	parts := make([]draftPart, len(entries))
	for i := range entries {
		var err error
		if parts[i], err = decodePart(entries[i].Object); err != nil {
			return nil, err
		}
		if entries[i].Current.Object != "" {
			parts[i].sealed = &entries[i].Current
		}
	}
	return parts, checkContents(draft, parts)
}

// contentsOf returns the digest of the changes of a draft.
func contentsOf(rows []store.Object) string {
	h := sha256.New()
	for _, o := range rows {
		fmt.Fprintf(h, "%s %s %d\n", o.Name, o.ID, o.Revision)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// setContents notes which changes a draft has.
func (a *attributes) setContents(rows []store.Object) {
	n := len(rows)
	a.Contents, a.Changes = contentsOf(rows), &n
}

// checkContents refuses a draft whose changes are not those that it had when it was written last.
func checkContents(draft store.Object, parts []draftPart) error {
	if draft.Untrusted != nil {
		return draft.Untrusted
	}
	rows := make([]store.Object, len(parts))
	for i, d := range parts {
		rows[i] = d.row
	}
	a, err := decodeAttributes(draft)
	if err == nil && a.Contents != contentsOf(rows) {
		return backend.Errorf(backend.CodeCorrupt,
			"draft %q cannot be trusted: one of its changes was removed or put back outside Pouncet", draft.Name).
			WithHint("discard it and stage the changes again: pouncet draft discard %s", draft.Name)
	}
	return err
}

// completeParts returns the changes of a draft, without their values, if none is missing.
func completeParts(ctx context.Context, tx store.Tx, draft store.Object) ([]draftPart, error) {
	parts, err := partsOf(ctx, tx, draft)
	if err == nil {
		err = checkContents(draft, parts)
	}
	return parts, err
}

// saveContents writes the row of a draft again, after its changes have changed. A draft that was not complete before
// stays so.
func saveContents(ctx context.Context, tx store.Tx, draft store.Object, now time.Time) (store.Object, error) {
	a, err := decodeAttributes(draft)
	if err != nil {
		return draft, err
	}
	rows, err := tx.Objects(ctx, store.Filter{Kind: backend.KindDraftChange, Project: draft.Project, Link: draft.ID})
	if err != nil {
		return draft, err
	}
	a.setContents(rows)
	draft.Revision, draft.UpdatedAt, draft.Attributes = draft.Revision+1, now, a.encode()
	return draft, tx.UpdateObject(ctx, draft)
}

// removePartsIn removes the changes that drafts make in an environment, which is removed for good.
func removePartsIn(
	ctx context.Context, tx store.Tx, project, environment string, now time.Time,
) (removed int, err error) {
	rows, err := tx.Objects(ctx, store.Filter{Kind: backend.KindDraftChange, Project: project, Environment: environment})
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	drafts, err := tx.Objects(ctx, store.Filter{Kind: backend.KindDraft, Project: project})
	if err != nil {
		return 0, err
	}
	var complete []store.Object
	for _, d := range drafts {
		if !slices.ContainsFunc(rows, func(row store.Object) bool { return row.Link == d.ID }) {
			continue
		}
		if _, err := completeParts(ctx, tx, d); err == nil {
			complete = append(complete, d)
		}
	}
	for _, row := range rows {
		if err := tx.DeleteObject(ctx, row.ID); err != nil {
			return removed, err
		}
		removed++
	}
	for _, d := range complete {
		if _, err := saveContents(ctx, tx, d, now); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// open verifies the rows of changes and decrypts their values.
func (r *run) open(in *project, parts []draftPart) error {
	var keys []store.VersionKey
	for i := range parts {
		if d := &parts[i]; d.hasValue() && d.sealed == nil {
			keys = append(keys, keyOf(d.row))
		}
	}
	versions := make(map[string]store.Version, len(keys))
	if len(keys) > 0 {
		rows, err := r.tx.Versions(r.ctx, keys)
		if err != nil {
			return err
		}
		for _, v := range rows {
			versions[v.Object] = v
		}
	}
	missing := false
	for i, d := range parts {
		v := versions[d.row.ID]
		if d.sealed != nil {
			v = *d.sealed
		}
		value, err := r.openPart(in, d, v)
		switch {
		case errors.Is(err, errNotReady):
			missing = true // continue, so that all missing keys are fetched together
		case errors.Is(err, backend.ErrCorrupt):
			return backend.Errorf(backend.CodeCorrupt,
				"the change of %s cannot be trusted: it was changed or moved outside Pouncet", d.label()).
				WithHint("leave it out, and stage it again: pouncet draft drop %s %s", d.row.Link, d.row.ID)
		case err != nil:
			return err
		}
		parts[i].value = value
	}
	if missing {
		return errNotReady
	}
	return nil
}

func (r *run) openPart(in *project, d draftPart, v store.Version) ([]byte, error) {
	if d.row.Environment == "" {
		return nil, nil // package signed has verified it
	}
	if err := in.verifyRow(d.row, r.keys); err != nil || !d.hasValue() {
		return nil, err
	}
	w, ok := in.environmentKeyByID(v.EnvironmentKey)
	if !ok {
		return nil, corrupt(d.row, "its value or its environment key is missing")
	}
	key, err := r.keys.get(w)
	if err != nil {
		return nil, err
	}
	return openVersion(key, d.row, v)
}
