// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

const objectColumns = `o.kind, o.id, o.project, o.environment, o.scope, o.name, o.type, o.link,
	o.version, o.revision, o.attributes, o.mac, o.created_at, o.updated_at, o.deployment_mac`

// objectColumnCount is the number of columns in objectColumns.
const objectColumnCount = 15

// objectFrom reads objectColumns.
func objectFrom(c *rowReader) store.Object {
	return store.Object{
		Kind: backend.Kind(c.text()), ID: c.text(),
		Project: c.text(), Environment: c.text(), Scope: c.text(), Name: c.text(), Type: c.text(), Link: c.text(),
		Version: c.number(), Revision: c.number(), Attributes: c.bytes(), MAC: c.bytes(),
		CreatedAt: c.time(), UpdatedAt: c.time(), DeploymentMAC: c.bytes(),
	}
}

// selection returns the WHERE clause of a filter and its arguments.
func (t *tx) selection(f store.Filter) (string, []any) {
	var where strings.Builder
	where.WriteString("o.kind = ?")
	args := []any{string(f.Kind)}
	add := func(condition, value string) {
		if value != "" {
			where.WriteString(" AND " + condition)
			args = append(args, value)
		}
	}
	add("o.project = ?", f.Project)
	if f.OfNoProject() {
		where.WriteString(" AND o.project = ''")
	}
	add("o.id = ?", f.ID)
	add("o.environment = ?", f.Environment)
	add("o.scope = ?", f.Scope)
	if len(t.deferred) == 0 {
		add("o.name = ?", f.Name)
	} else if f.Name != "" {
		add("o.name IN (SELECT value FROM json_each(?))", jsonArray(t.withTemporaryNames(f.Name)))
	}
	add("o.name < ?", f.BeforeName)
	// SQLite uses a partial index only if the query repeats the condition of the index.
	add("o.type = ? AND o.type <> ''", f.Type)
	add("o.link = ? AND o.link <> ''", f.Link)
	if f.Regions != nil {
		condition, values := regionCondition(*f.Regions)
		where.WriteString(" AND (" + condition + ")")
		args = append(args, values...)
	}
	return where.String(), args
}

// regionCondition returns the condition that an object is in one of the regions.
func regionCondition(regions store.Regions) (condition string, args []any) {
	all := []string{"false"}
	for _, r := range regions {
		one := []string{"true"}
		add := func(condition string, value any) {
			one, args = append(one, condition), append(args, value)
		}
		if r.Environment != "" {
			add("o.environment = ?", r.Environment)
		}
		if len(r.Except) > 0 {
			add("o.environment NOT IN (SELECT value FROM json_each(?))", jsonArray(r.Except))
		}
		if r.Scope != "" {
			add("o.scope = ?", r.Scope)
		}
		if len(r.Names) > 0 {
			add("o.name IN (SELECT value FROM json_each(?))", jsonArray(r.Names))
		}
		if r.Pattern != "" {
			add("o.name GLOB ?", r.Pattern)
		}
		all = append(all, strings.Join(one, " AND "))
	}
	return strings.Join(all, " OR "), args
}

// Objects implements store.Tx.
func (t *tx) Objects(ctx context.Context, f store.Filter) ([]store.Object, error) {
	text, args := t.objectsQuery(f)
	out, err := t.objects(ctx, text, args...)
	if len(t.deferred) > 0 {
		out = sortAndLimit(out, f)
	}
	return out, err
}

// objectsQuery returns the query of a filter and its arguments.
func (t *tx) objectsQuery(f store.Filter) (string, []any) {
	where, args := t.selection(f)
	if f.AfterName != "" || f.AfterID != "" {
		where += " AND (o.name, o.id) > (?, ?)"
		args = append(args, f.AfterName, f.AfterID)
	}
	text := "SELECT " + objectColumns + " FROM object o WHERE " + where + " ORDER BY "
	if f.Type != "" || f.Link != "" {
		// The unary plus keeps SQLite from reading all objects of a project in the order of their names.
		text += "+"
	}
	text += "o.name, o.id"
	if f.Limit > 0 && len(t.deferred) == 0 {
		text += " LIMIT ?"
		args = append(args, f.Limit)
	}
	return text, args
}

// objects runs a query for objectColumns.
func (t *tx) objects(ctx context.Context, text string, args ...any) ([]store.Object, error) {
	var out []store.Object
	c := newRowReader(objectColumnCount)
	err := t.query(ctx, text, args, func(row scanner) error {
		if err := c.read(row); err != nil {
			return err
		}
		o := objectFrom(c)
		t.setRealName(&o)
		out = append(out, o)
		return c.err()
	})
	return out, err
}

// ObjectByID implements store.Tx.
func (t *tx) ObjectByID(ctx context.Context, id string) (store.Object, error) {
	rows, err := t.objects(ctx, "SELECT "+objectColumns+" FROM object o WHERE o.id = ?", id)
	if err != nil {
		return store.Object{}, err
	}
	if len(rows) == 0 {
		return store.Object{}, noObject(id)
	}
	return rows[0], nil
}

func noObject(id string) error {
	return backend.Errorf(backend.CodeNotFound, "an object with id %s does not exist", backend.Quote(id))
}

// ProjectIDs implements store.Tx.
func (t *tx) ProjectIDs(ctx context.Context) ([]string, error) {
	return t.texts(ctx, "SELECT project FROM object UNION SELECT project FROM environment_key ORDER BY project")
}

// ScanObjects implements store.Tx.
func (t *tx) ScanObjects(ctx context.Context, project, afterID string, limit int) ([]store.Object, error) {
	return t.objects(ctx, "SELECT "+objectColumns+` FROM object o WHERE o.project = ? AND o.id > ?
		ORDER BY o.id LIMIT ?`, project, afterID, limit)
}

// Count implements store.Tx.
func (t *tx) Count(ctx context.Context, f store.Filter) (int, error) {
	where, args := t.selection(f)
	var n int
	_, err := t.queryFirst(ctx, "SELECT count(*) FROM object o WHERE "+where, args, func(row scanner) error {
		return row.Scan(&n)
	})
	return n, err
}

// ObjectIDs implements store.Tx.
func (t *tx) ObjectIDs(ctx context.Context, f store.Filter) ([]string, error) {
	if len(t.deferred) > 0 { // the order is by the real names, which the table does not have yet
		f.Limit, f.AfterName, f.AfterID = 0, "", ""
		objects, err := t.Objects(ctx, f)
		ids := make([]string, 0, len(objects))
		for _, o := range objects {
			ids = append(ids, o.ID)
		}
		return ids, err
	}
	where, args := t.selection(f)
	return t.texts(ctx, "SELECT o.id FROM object o WHERE "+where+" ORDER BY +o.name, o.id", args...)
}

// Scopes implements store.Tx.
func (t *tx) Scopes(ctx context.Context, f store.Filter, from string) ([]string, error) {
	text, args := t.scopesQuery(f, from)
	return t.texts(ctx, text, args...)
}

// scopesQuery returns the query of Scopes and its arguments. The index of the place has all its columns.
func (t *tx) scopesQuery(f store.Filter, from string) (string, []any) {
	where, args := t.selection(f)
	text := "SELECT DISTINCT o.scope FROM object o WHERE " + where + " AND o.scope >= ? ORDER BY o.scope"
	args = append(args, from)
	if f.Limit > 0 {
		text += " LIMIT ?"
		args = append(args, f.Limit)
	}
	return text, args
}

// The lookup seeks once per name in the index of the place, and compares the few environments and scopes of the name in
// the index. The unary plus in inCondition keeps SQLite from a seek for every combination of the three. The query does
// not fetch columns that the caller knows, and it fetches the texts as one column: every column costs 0.1 µs, half as
// much as the row itself.
const (
	lookupObjectTexts   = `SELECT concat_ws(char(31), o.id, o.environment, o.scope, o.name, o.type, o.link`
	lookupObjectColumns = `), o.version, o.revision, o.attributes, o.mac, o.created_at, o.updated_at, o.deployment_mac, `

	lookupEntries = lookupObjectTexts + `, v.project, v.environment_key, v.type, v.schema_hash, v.form, v.created_by` +
		lookupObjectColumns + `v.sealed, v.created_at, v.attributes, v.deployment_mac
		FROM object o LEFT JOIN version v ON v.object = o.id AND v.version = o.version`
	lookupObjects = lookupObjectTexts + lookupObjectColumns + "NULL, NULL, NULL, NULL FROM object o"
)

// lookupQuery returns the query of a lookup and its arguments.
func (t *tx) lookupQuery(l store.Lookup) (text string, args []any) {
	text = lookupEntries
	if l.ObjectsOnly {
		text = lookupObjects
	}
	text += " WHERE o.kind = ? AND o.project = ?"
	args = []any{string(l.Kind), l.Project}
	if l.Link != "" {
		return text + " AND o.link = ? AND o.link <> ''", append(args, l.Link)
	}
	names := t.withTemporaryNames(slices.Clone(l.Names)...)
	slices.Sort(names) // SQLite sorts the JSON array, and a sorted array is the cheapest
	t.short = len(names) <= shortLookup
	inEnvironments, environments := inCondition("o.environment", l.Environments)
	inScopes, scopes := inCondition("o.scope", l.Scopes)
	return text + " AND o.name IN (SELECT value FROM json_each(?))" + inEnvironments + inScopes,
		slices.Concat(args, []any{jsonArray(names)}, environments, scopes)
}

// inCondition returns a condition that holds if the column has one of the values. SQLite compares one or two values,
// which is the common case, directly. For more values it makes a table.
func inCondition(column string, values []string) (condition string, args []any) {
	if len(values) == 1 || len(values) == 2 {
		return " AND +" + column + " IN (?, ?)", []any{values[0], values[len(values)-1]}
	}
	return " AND +" + column + " IN (SELECT value FROM json_each(?))", []any{jsonArray(values)}
}

// shortLookup is the number of names up to which a lookup is not interrupted.
const shortLookup = 16

// Lookup implements store.Tx.
func (t *tx) Lookup(ctx context.Context, l store.Lookup, each func(store.Entry)) error {
	text, args := t.lookupQuery(l)
	defer func() { t.short = false }()
	c := newRowReader(12)
	return t.query(ctx, text, args, func(row scanner) error {
		if err := c.read(row); err != nil {
			return err
		}
		e, err := entryFrom(c)
		if err != nil {
			return err
		}
		e.Object.Kind, e.Object.Project = l.Kind, l.Project
		t.setRealName(&e.Object)
		each(e)
		return nil
	})
}

// entryFrom reads the columns of lookup. The texts are separated by the unit separator. Ids, names and hashes do not
// contain it. created_by may contain it, so it is the last text.
func entryFrom(c *rowReader) (store.Entry, error) {
	const objectTexts, allTexts = 6, 12
	texts := strings.SplitN(c.text(), "\x1f", allTexts)
	if len(texts) != objectTexts && len(texts) != allTexts {
		return store.Entry{}, errSeparator()
	}
	e := store.Entry{Object: store.Object{
		ID: texts[0], Environment: texts[1], Scope: texts[2], Name: texts[3], Type: texts[4], Link: texts[5],
		Version: c.number(), Revision: c.number(), Attributes: c.bytes(), MAC: c.bytes(),
		CreatedAt: c.time(), UpdatedAt: c.time(), DeploymentMAC: c.bytes(),
	}}
	if hasVersion := !c.isNull(); hasVersion != (len(texts) == allTexts) {
		return e, errSeparator()
	} else if hasVersion {
		e.Current = store.Version{
			Project: texts[6], Object: e.Object.ID, Version: e.Object.Version,
			EnvironmentKey: texts[7], Type: texts[8], SchemaHash: texts[9],
			Form: texts[10], Sealed: c.bytes(), CreatedAt: c.time(), CreatedBy: texts[11],
			Attributes: c.bytes(), DeploymentMAC: c.bytes(),
		}
	}
	return e, c.err()
}

func errSeparator() error {
	return backend.Errorf(backend.CodeCorrupt, "a text in the database contains the control character U+001F").
		WithHint("restore the database from a backup")
}

// InsertObject implements store.Tx.
func (t *tx) InsertObject(ctx context.Context, o store.Object) error {
	return t.writeDeferred(o, func(o store.Object) error {
		_, err := t.exec(ctx, `INSERT INTO object (kind, id, project, environment, scope, name, type, link,
				version, revision, attributes, mac, created_at, updated_at, deployment_mac)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			string(o.Kind), o.ID, o.Project, o.Environment, o.Scope, o.Name, o.Type, o.Link,
			o.Version, o.Revision, blob(o.Attributes), blob(o.MAC), o.CreatedAt.UnixMicro(), o.UpdatedAt.UnixMicro(),
			blob(o.DeploymentMAC))
		return err
	})
}

// UpdateObject implements store.Tx.
func (t *tx) UpdateObject(ctx context.Context, o store.Object) error {
	return t.writeDeferred(o, func(o store.Object) error {
		n, err := t.exec(ctx, `UPDATE object SET kind = ?, project = ?, environment = ?, scope = ?, name = ?,
				type = ?, link = ?, version = ?, revision = ?, attributes = ?, mac = ?, created_at = ?, updated_at = ?,
				deployment_mac = ?
			WHERE id = ? AND revision = ?`,
			string(o.Kind), o.Project, o.Environment, o.Scope, o.Name, o.Type, o.Link,
			o.Version, o.Revision, blob(o.Attributes), blob(o.MAC), o.CreatedAt.UnixMicro(), o.UpdatedAt.UnixMicro(),
			blob(o.DeploymentMAC), o.ID, o.Revision-1)
		if err == nil && n == 0 {
			return backend.Errorf(backend.CodeNotFound, "%s %s does not exist at revision %d",
				o.Kind, backend.Quote(o.Name), o.Revision-1)
		}
		return err
	})
}

// withPlace names the object in ErrExists and returns other errors unchanged.
func withPlace(err error, o store.Object) error {
	if !errors.Is(err, backend.ErrExists) {
		return err
	}
	return backend.Errorf(backend.CodeExists, "%s %s already exists in this place, or another object has its id",
		o.Kind, backend.Quote(o.Name))
}

// DeleteObject implements store.Tx.
func (t *tx) DeleteObject(ctx context.Context, id string) error {
	if _, err := t.exec(ctx, "DELETE FROM version WHERE object = ?", id); err != nil {
		return err
	}
	n, err := t.exec(ctx, "DELETE FROM object WHERE id = ?", id)
	delete(t.deferred, id)
	if err == nil && n == 0 {
		return noObject(id)
	}
	return err
}

// DeleteObjects implements store.Tx.
func (t *tx) DeleteObjects(ctx context.Context, _ string, ids []string) error {
	list := jsonArray(slices.Sorted(slices.Values(ids))) // as in Lookup
	if _, err := t.exec(ctx, "DELETE FROM version WHERE object IN (SELECT value FROM json_each(?))", list); err != nil {
		return err
	}
	n, err := t.exec(ctx, "DELETE FROM object WHERE id IN (SELECT value FROM json_each(?))", list)
	for _, id := range ids {
		delete(t.deferred, id)
	}
	if err == nil && n != int64(len(ids)) {
		return noObject(ids[0])
	}
	return err
}
