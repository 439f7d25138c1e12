// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// What a statement writes, if the statements of other calls can be merged with it.
type (
	updatedObject   struct{ store.Object }
	insertedVersion struct{ store.Version }
	// independent is a row that no other statement of the transaction reads or writes.
	independent struct{}
)

// merged returns statements with the same effect: one that updates all objects, and one that inserts all versions. It
// returns the statements unchanged if their order can matter, because there are others among them or because an object
// is updated twice.
func merged(statements []later) []later {
	var objects, versions [][]any
	var others []later
	updated := map[string]bool{}
	for _, l := range statements {
		switch row := l.row.(type) {
		case updatedObject:
			if updated[row.ID] {
				return statements
			}
			updated[row.ID] = true
			objects = append(objects, objectValues(row.Object))
		case insertedVersion:
			versions = append(versions, versionValues(row.Version))
		case independent:
			others = append(others, l)
		default:
			return statements
		}
	}
	if len(objects) > 1 {
		others = append(others, allOf(updateObjects, objects))
	}
	if len(versions) > 1 {
		others = append(others, allOf(insertVersions, versions))
	}
	if len(objects) == 1 || len(versions) == 1 {
		return statements
	}
	return others
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
		$9::bigint[], $10::bigint[], $11::bytea[], $12::bytea[], $13::bigint[], $14::bigint[], $15::bytea[])`
	versionNames = "project, object, version, environment_key, type, schema_hash, form, sealed, created_at, created_by, " +
		"attributes, deployment_mac"
	insertVersions = "INSERT INTO version (" + versionNames + `) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[],
		$4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::bigint[], $10::text[], $11::bytea[], $12::bytea[])`
)

// updateObjects does for many objects what UpdateObject does for one.
var updateObjects = `WITH n AS MATERIALIZED (SELECT * FROM ` + objectArrays + ` AS n (` + objectNames + `)),
	moved AS (UPDATE object_id i SET project = n.project FROM n WHERE i.id = n.id AND i.project <> n.project)
	UPDATE object o SET ` + assignments("n", objectNames) + `
	FROM n JOIN object_id i ON i.id = n.id WHERE o.project = i.project AND o.id = i.id AND o.revision = n.revision - 1`

// assignments sets each column but the first to the one of the same name in another table.
func assignments(table, names string) string {
	columns := strings.Split(names, ", ")[1:]
	for i, c := range columns {
		columns[i] = c + " = " + table + "." + c
	}
	return strings.Join(columns, ", ")
}
