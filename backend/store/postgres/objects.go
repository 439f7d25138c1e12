// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

const objectColumns = `o.kind, o.id, o.project, o.environment, o.scope, o.name, o.type, o.link, o.version, o.revision,
	o.attributes, o.mac, o.created_at, o.updated_at, o.deployment_mac`

// objectRow receives objectColumns.
type objectRow struct {
	store.Object
	created, updated int64
}

func (r *objectRow) columns() []any {
	o := &r.Object
	return []any{&o.Kind, &o.ID, &o.Project, &o.Environment, &o.Scope, &o.Name, &o.Type, &o.Link, &o.Version, &o.Revision,
		&o.Attributes, &o.MAC, &r.created, &r.updated, &o.DeploymentMAC}
}

func (r *objectRow) object() store.Object {
	r.CreatedAt, r.UpdatedAt = timeOf(r.created), timeOf(r.updated)
	return r.Object
}

// selection returns the WHERE clause of a filter and its arguments.
func selection(f store.Filter) (string, []any) {
	var where strings.Builder
	where.WriteString("o.kind = $1")
	args := []any{string(f.Kind)}
	add := func(condition, value string) {
		if value != "" {
			args = append(args, value)
			fmt.Fprintf(&where, " AND "+condition, len(args))
		}
	}
	add("o.project = $%d", f.Project)
	if f.OfNoProject() {
		where.WriteString(" AND o.project = ''")
	}
	add("o.id = $%d", f.ID)
	add("o.environment = $%d", f.Environment)
	add("o.scope = $%d", f.Scope)
	add("o.name = $%d", f.Name)
	add("o.name < $%d", f.BeforeName)
	// PostgreSQL uses a partial index only if the query repeats the condition of the index.
	add("o.type = $%d AND o.type <> ''", f.Type)
	add("o.link = $%d AND o.link <> ''", f.Link)
	if f.Regions != nil {
		condition, all := regionCondition(*f.Regions, args)
		where.WriteString(" AND (" + condition + ")")
		args = all
	}
	return where.String(), args
}

// regionCondition returns the condition that an object is in one of the regions, and adds its arguments.
func regionCondition(regions store.Regions, args []any) (string, []any) {
	all := []string{"false"}
	for _, r := range regions {
		one := []string{"true"}
		add := func(condition string, value any) {
			args = append(args, value)
			one = append(one, fmt.Sprintf(condition, len(args)))
		}
		if r.Environment != "" {
			add("o.environment = $%d", r.Environment)
		}
		if len(r.Except) > 0 {
			add("o.environment <> ALL($%d::text[])", r.Except)
		}
		if r.Scope != "" {
			add("o.scope = $%d", r.Scope)
		}
		if len(r.Names) > 0 {
			add("o.name = ANY($%d::text[])", r.Names)
		}
		if r.Pattern != "" {
			add("o.name LIKE $%d", likePattern.Replace(r.Pattern))
		}
		all = append(all, strings.Join(one, " AND "))
	}
	return strings.Join(all, " OR "), args
}

// likePattern makes a pattern of names one of LIKE.
var likePattern = strings.NewReplacer("*", "%", "_", `\_`, "%", `\%`)

// Objects implements store.Tx.
func (t *tx) Objects(ctx context.Context, f store.Filter) ([]store.Object, error) {
	where, args := selection(f)
	if f.AfterName != "" || f.AfterID != "" {
		where += fmt.Sprintf(" AND (o.name, o.id) > ($%d, $%d)", len(args)+1, len(args)+2)
		args = append(args, f.AfterName, f.AfterID)
	}
	text := "SELECT " + objectColumns + " FROM object o WHERE " + where + " ORDER BY o.name, o.id"
	if f.Limit > 0 {
		args = append(args, f.Limit)
		text += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	return t.objects(ctx, text, args...)
}

// objects runs a query for objectColumns.
func (t *tx) objects(ctx context.Context, text string, args ...any) ([]store.Object, error) {
	var out []store.Object
	err := t.query(ctx, text, args, func(rows pgx.Rows) error {
		var r objectRow
		err := rows.Scan(r.columns()...)
		out = append(out, r.object())
		return err
	})
	return out, err
}

// ObjectByID implements store.Tx.
func (t *tx) ObjectByID(ctx context.Context, id string) (store.Object, error) {
	rows, err := t.objects(ctx, "SELECT "+objectColumns+` FROM object_id i JOIN object o ON o.project = i.project AND
		o.id = i.id WHERE i.id = $1`, id)
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
	return t.objects(ctx, "SELECT "+objectColumns+` FROM object o WHERE o.project = $1 AND o.id > $2
		ORDER BY o.id LIMIT $3`, project, afterID, limit)
}

// Count implements store.Tx.
func (t *tx) Count(ctx context.Context, f store.Filter) (int, error) {
	where, args := selection(f)
	var n int
	_, err := t.first(ctx, "SELECT count(*) FROM object o WHERE "+where, args, &n)
	return n, err
}

// ObjectIDs implements store.Tx.
func (t *tx) ObjectIDs(ctx context.Context, f store.Filter) ([]string, error) {
	where, args := selection(f)
	return t.texts(ctx, "SELECT o.id FROM object o WHERE "+where+" ORDER BY o.name, o.id", args...)
}

// Scopes implements store.Tx.
func (t *tx) Scopes(ctx context.Context, f store.Filter, from string) ([]string, error) {
	where, args := selection(f)
	args = append(args, from)
	text := fmt.Sprintf("SELECT DISTINCT o.scope FROM object o WHERE %s AND o.scope >= $%d ORDER BY o.scope", where,
		len(args))
	if f.Limit > 0 {
		args = append(args, f.Limit)
		text += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	return t.texts(ctx, text, args...)
}

// Lookup implements store.Tx.
func (t *tx) Lookup(ctx context.Context, l store.Lookup, each func(store.Entry)) error {
	if err := t.usable(ctx, false); err != nil {
		return err
	}
	if t.ahead.lookup(l, each) {
		return nil
	}
	query, args := lookupQuery(l)
	return t.query(ctx, query, args, func(rows pgx.Rows) error {
		e, err := scanEntry(rows)
		if err == nil {
			each(e)
		}
		return err
	})
}

// lookupQuery returns the statement of a lookup and its arguments. PostgreSQL makes its plan for one name once.
func lookupQuery(l store.Lookup) (text string, args []any) {
	if p, one := l.Place(); one {
		return selectEntry, entryArgs(p)
	}
	args = []any{l.Project, string(l.Kind)}
	join := currentVersion
	if l.ObjectsOnly {
		join = noVersion
	}
	switch {
	case l.Link != "":
		return "SELECT " + entryColumns + " FROM object o " + join + ` WHERE o.project = $1 AND o.kind = $2 AND
			o.link = $3 AND o.link <> ''`, append(args, l.Link)
	case len(l.Names) != 1:
		// OFFSET 0 makes PostgreSQL look up each name in the index. Otherwise a plan that is made while the table has no
		// statistics reads all objects of the project.
		return "SELECT " + entryColumns + `
			FROM (SELECT DISTINCT unnest($3::text[])) AS n (name) CROSS JOIN LATERAL (SELECT * FROM object
				WHERE project = $1 AND kind = $2 AND name = n.name AND environment = ANY($4::text[]) AND scope = ANY($5::text[])
				OFFSET 0) o ` + join, append(args, list(l.Names), list(l.Environments), list(l.Scopes))
	}
	args = append(args, l.Names[0])
	environments, args := oneOf(l.Environments, args)
	scopes, args := oneOf(l.Scopes, args)
	return "SELECT " + entryColumns + " FROM object o " + join + ` WHERE o.project = $1 AND o.kind = $2 AND
		o.name = $3 AND o.environment ` + environments + " AND o.scope " + scopes, args
}

// entryColumns are the columns of an object and of its current version, which currentVersion joins.
const (
	entryColumns = objectColumns + `,
		coalesce(v.project, ''), coalesce(v.object, ''), coalesce(v.version, 0), coalesce(v.environment_key, ''),
		coalesce(v.type, ''), coalesce(v.schema_hash, ''), coalesce(v.form, ''), coalesce(v.created_at, 0),
		coalesce(v.created_by, ''), v.attributes, v.deployment_mac, v.sealed`
	currentVersion = `LEFT JOIN version v ON v.project = o.project AND v.object = o.id AND v.version = o.version`
	noVersion      = `LEFT JOIN version v ON false`
)

func scanEntry(rows pgx.Rows) (store.Entry, error) {
	var o objectRow
	var v versionRow
	err := rows.Scan(append(o.columns(), v.columns()...)...)
	e := store.Entry{Object: o.object()}
	if v.Object != "" {
		e.Current = v.version()
	}
	return e, err
}

// list turns nil into an empty list, because ANY(NULL) selects nothing for another reason.
func list(texts []string) []string {
	if texts == nil {
		return []string{}
	}
	return texts
}

// objectValues returns the columns of an object, the id first.
func objectValues(o store.Object) []any {
	return []any{o.ID, o.Project, string(o.Kind), o.Environment, o.Scope, o.Name, o.Type, o.Link, o.Version, o.Revision,
		bytea(o.Attributes), bytea(o.MAC), o.CreatedAt.UnixMicro(), o.UpdatedAt.UnixMicro(), bytea(o.DeploymentMAC)}
}

// InsertObject implements store.Tx. The end of the transaction checks the place.
func (t *tx) InsertObject(ctx context.Context, o store.Object) error {
	t.remember(o)
	t.ahead.forget(o.ID, store.PlaceOf(o))
	return t.keepAhead(ctx, later{text: `WITH named AS (INSERT INTO object_id (id, project) VALUES ($1, $2))
		INSERT INTO object (id, project, kind, environment, scope, name, type, link, version, revision, attributes, mac,
			created_at, updated_at, deployment_mac)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`, args: objectValues(o),
		done: func(_ int64, err error) error { return withPlace(err, o) }})
}

// UpdateObject implements store.Tx. The end of the transaction checks the place.
func (t *tx) UpdateObject(ctx context.Context, o store.Object) error {
	t.remember(o)
	t.ahead.update(o)
	return t.keepAhead(ctx, updateOf(updatedObject{o, o.Revision - 1}))
}

// updateOf returns the statement that updates an object.
func updateOf(o updatedObject) later {
	return later{text: `WITH moved AS (UPDATE object_id SET project = $2 WHERE id = $1 AND project <> $2)
		UPDATE object o SET project = $2, kind = $3, environment = $4, scope = $5, name = $6, type = $7, link = $8,
			version = $9, revision = $10, attributes = $11, mac = $12, created_at = $13, updated_at = $14,
			deployment_mac = $15
		FROM object_id i WHERE i.id = $1 AND o.project = i.project AND o.id = i.id AND o.revision = $16`,
		args: append(objectValues(o.Object), o.before), row: o, done: func(n int64, err error) error {
			if err == nil && n == 0 {
				return backend.Errorf(backend.CodeNotFound, "%s %s does not exist at revision %d", o.Kind,
					backend.Quote(o.Name), o.before)
			}
			return withPlace(err, o.Object)
		}}
}

// DeleteObject implements store.Tx.
func (t *tx) DeleteObject(ctx context.Context, id string) error {
	// The parts of one statement see the rows as they were before it, and a foreign key is checked after all of them.
	delete(t.placed, id)
	return t.execLater(ctx, later{text: `WITH named AS (DELETE FROM object_id WHERE id = $1 RETURNING project),
			versions AS (DELETE FROM version v USING named WHERE v.project = named.project AND v.object = $1)
		DELETE FROM object o USING named WHERE o.project = named.project AND o.id = $1`, args: []any{id},
		done: func(n int64, err error) error {
			if err == nil && n == 0 {
				return noObject(id)
			}
			return err
		}})
}

// DeleteObjects implements store.Tx.
func (t *tx) DeleteObjects(ctx context.Context, project string, ids []string) error {
	for _, id := range ids {
		delete(t.placed, id)
	}
	return t.execLater(ctx, later{text: `WITH named AS (DELETE FROM object_id WHERE id = ANY($2::text[])),
			versions AS (DELETE FROM version v WHERE v.project = $1 AND v.object = ANY($2::text[]))
		DELETE FROM object o WHERE o.project = $1 AND o.id = ANY($2::text[])`, args: []any{project, list(ids)},
		done: func(n int64, err error) error {
			if err == nil && n != int64(len(ids)) {
				return noObject(ids[0])
			}
			return err
		}})
}

// remember keeps an object for the error that another one has its place.
func (t *tx) remember(o store.Object) {
	if t.placed == nil {
		t.placed = map[string]store.Object{}
	}
	t.placed[o.ID] = store.Object{ID: o.ID, Kind: o.Kind, Project: o.Project, Environment: o.Environment, Scope: o.Scope,
		Name: o.Name}
}

// withPlace names the object in ErrExists and returns other errors unchanged.
func withPlace(err error, o store.Object) error {
	if !errors.Is(err, backend.ErrExists) {
		return err
	}
	return backend.Errorf(backend.CodeExists, "%s %s already exists in this place, or another object has its id", o.Kind,
		backend.Quote(o.Name))
}

// placeError names the first of these objects whose place another one has. The transaction that wrote them has been
// rolled back.
func (s *Store) placeError(placed map[string]store.Object) error {
	exists := withPlace(backend.ErrExists, store.Object{Kind: backend.KindSecret})
	seen := map[[5]string]bool{}
	var columns [5][]string
	for _, id := range slices.Sorted(maps.Keys(placed)) {
		o := placed[id]
		place := [5]string{o.Project, string(o.Kind), o.Name, o.Environment, o.Scope}
		if seen[place] || len(placed) == 1 {
			return withPlace(exists, o)
		}
		seen[place] = true
		for i, text := range place {
			columns[i] = append(columns[i], text)
		}
	}
	var taken store.Object
	ctx, cancel := s.uninterrupted(context.Background())
	defer cancel()
	err := s.views.QueryRow(ctx, `SELECT o.kind, o.name
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
			AS p (project, kind, name, environment, scope)
		JOIN object o USING (project, kind, name, environment, scope) WHERE o.id <> ALL($6::text[]) LIMIT 1`,
		columns[0], columns[1], columns[2], columns[3], columns[4], slices.Collect(maps.Keys(placed))).
		Scan(&taken.Kind, &taken.Name)
	if err != nil { // the other object is gone by now, or the database is
		return backend.Errorf(backend.CodeExists, "two objects have the same place")
	}
	return withPlace(exists, taken)
}
