// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// What a statement writes, if the statements of other calls can be merged with it.
type (
	updatedObject struct {
		store.Object
		before int64 // the revision that is replaced
	}
	insertedVersion struct{ store.Version }
	// independent is a row that no other statement of the transaction reads or writes.
	independent struct{}
)

// merged returns statements with the same effect: one that updates all objects, and one that inserts all versions. An
// object that calls have updated one after the other is written once. It returns the statements unchanged if their
// order can matter, because there are others among them.
func merged(statements []later) []later {
	var out []later
	var objects []updatedObject
	var versions []insertedVersion
	at := map[string]int{} // the objects by their ids
	for _, l := range statements {
		switch row := l.row.(type) {
		case updatedObject:
			i, again := at[row.ID]
			switch {
			case !again:
				at[row.ID] = len(objects)
				objects = append(objects, row)
			case row.before == objects[i].Revision:
				objects[i].Object = row.Object
			default: // it fails, and each call runs again, alone
				return statements
			}
		case insertedVersion:
			versions = append(versions, row)
		case independent:
			out = append(out, l)
		default:
			return statements
		}
	}
	if len(objects) > 0 {
		out = append(out, updating(objects))
	}
	if len(versions) > 0 {
		out = append(out, adding(versions))
	}
	return out
}

// updating returns the statement that updates objects.
func updating(objects []updatedObject) later {
	if len(objects) == 1 {
		return updateOf(objects[0])
	}
	rows := make([][]any, len(objects))
	for i, o := range objects {
		rows[i] = append(objectValues(o.Object), o.before)
	}
	update := allOf(updateObjects, rows)
	update.args = append(update.args, len(rows))
	return update
}

// adding returns the statement that inserts versions.
func adding(versions []insertedVersion) later {
	if len(versions) == 1 {
		return insertOf(versions[0].Version)
	}
	rows := make([][]any, len(versions))
	for i, v := range versions {
		rows[i] = versionValues(v.Version)
	}
	return allOf(insertVersions, rows)
}

// allOf returns a statement that must write all rows. Nobody reads its error: each call then runs again, alone.
func allOf(text string, rows [][]any) later {
	return later{text: text, args: columnsOf(rows), done: func(n int64, err error) error {
		if err == nil && n != int64(len(rows)) {
			return backend.Errorf(backend.CodeInternal, "%d of %d rows were written", n, len(rows))
		}
		return err
	}}
}

// columnsOf turns rows into an array for each column.
func columnsOf(rows [][]any) []any {
	out := make([]any, len(rows[0]))
	for i, first := range rows[0] {
		switch first.(type) {
		case string:
			out[i] = column[string](rows, i)
		case int64:
			out[i] = column[int64](rows, i)
		case []byte:
			out[i] = column[[]byte](rows, i)
		}
	}
	return out
}

func column[T any](rows [][]any, i int) []T {
	out := make([]T, len(rows))
	for j, row := range rows {
		out[j] = row[i].(T)
	}
	return out
}

const (
	objectNames  = "id, project, kind, environment, scope, name, type, link, version, revision, attributes, mac, " + times
	times        = "created_at, updated_at, deployment_mac"
	objectArrays = `unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
		$9::bigint[], $10::bigint[], $11::bytea[], $12::bytea[], $13::bigint[], $14::bigint[], $15::bytea[], $16::bigint[])`
	versionNames = "project, object, version, environment_key, type, schema_hash, form, sealed, created_at, created_by, " +
		"attributes, deployment_mac"
	insertVersions = "INSERT INTO version (" + versionNames + `) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[],
		$4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::bigint[], $10::text[], $11::bytea[], $12::bytea[])`
)

// updateObjects is the statement of UpdateObject for many objects at once. It finds an object by its project and id. If
// an object moves to another project, too few rows are updated, and each call runs again, alone.
//
// For a LIMIT with an argument, PostgreSQL expects a tenth of the rows, here one, and so it uses the index. Without the
// LIMIT it would scan a table of a thousand objects.
var updateObjects = `UPDATE object o SET ` + assignments("n", objectNames) + `
	FROM (SELECT * FROM ` + objectArrays + ` LIMIT $17) AS n (` + objectNames + `, before)
	WHERE o.project = n.project AND o.id = n.id AND o.revision = n.before`

// assignments sets each column but the first to the column of the same name in another table.
func assignments(table, names string) string {
	columns := strings.Split(names, ", ")[1:]
	for i, c := range columns {
		columns[i] = c + " = " + table + "." + c
	}
	return strings.Join(columns, ", ")
}
