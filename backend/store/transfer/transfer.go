// SPDX-License-Identifier: MPL-2.0

// Package transfer copies all rows of a database to another one, and compares them.
//
// It knows the tables that all databases have in common, and not what their rows mean. A row is copied with all its
// columns, so that its MAC stays valid. Copy continues a copy that was interrupted: it adds what is missing. It refuses
// a row that differs, or that only the target has.
//
// The source must not change meanwhile: see [Source].
package transfer

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Table is a table that every database has.
type Table struct {
	Name    string
	Columns []string
	// Key is the number of the first columns that identify a row. They are texts and numbers.
	Key int
	// Reads says that SQLite has the table in the file with the records of reads.
	Reads bool
}

// Tables are in an order in which their rows can be inserted.
var Tables = []Table{
	{"object", strings.Fields(`id project kind environment scope name type link version revision attributes mac
		created_at updated_at deployment_mac`), 1, false},
	{"version", strings.Fields(`object version project environment_key type schema_hash form sealed created_at created_by
		attributes deployment_mac`), 2, false},
	{"environment_key", strings.Fields("id project environment kms_key wrapped created_at deployment_mac"), 1, false},
	{"token", strings.Fields(`id name description role principal hash attributes revision created_at expires_at
		deployment_mac`), 1, false},
	{"idempotency_record", strings.Fields("key request outcome at deployment_mac"), 1, false},
	{"comparison", strings.Fields("day principal object count"), 3, false},
	{StatesTable, strings.Fields("name sealed"), 1, false},
	{"change_log", logColumns, 1, false},
	{"change_record", recordColumns, 2, false},
	{"change_tile", tileColumns, 2, false},
	{"read_log", logColumns, 1, true},
	{"read_record", recordColumns, 2, true},
	{"read_tile", tileColumns, 2, true},
	{"last_resolved", strings.Fields("project object at principal"), 2, true},
}

var (
	logColumns    = strings.Fields("log next_number first head")
	recordColumns = strings.Fields("log number at principal role verb phase code detail hash")
	tileColumns   = strings.Fields("log tile hashes")
)

// StatesTable is the table without which no program can read or change a database.
const StatesTable = "sealed_state"

// The names of the table of states in a database that is being moved, or was moved.
const (
	LeavingTable = "leaving_" + StatesTable
	LeftTable    = "left_" + StatesTable
)

// Row is a row of a table: each column is a string, a []byte or an int64.
type Row []any

// Database can read and write all rows of its tables.
type Database interface {
	// Rows returns the rows of a table in the order of their keys. Texts are in the order of their bytes.
	Rows(ctx context.Context, t Table) iter.Seq2[Row, error]
	// Insert adds rows in one transaction.
	Insert(ctx context.Context, t Table, rows []Row) error
}

// Source is a database that is left.
type Source interface {
	store.Store
	Database
	// Location names the database in messages.
	Location() string
	// Leave makes every other program fail that uses the database or opens it, by another name of the table of states.
	// After Left, nothing is expected to use the database again.
	Leave(ctx context.Context) error
	Left(ctx context.Context) error
	// Return undoes Leave.
	Return(ctx context.Context) error
}

// Progress says how far the copy in a database has come.
type Progress int

// The steps of a copy.
const (
	Copying Progress = iota // rows may be missing
	Copied                  // all rows are there, and some may have changed since
	Active                  // the database is in use
)

// Target is a database that no other program opens until it is Active.
type Target interface {
	store.Store
	Database
	Location() string
	Progress(ctx context.Context) (Progress, error)
	SetProgress(ctx context.Context, p Progress) error
	// Discard removes all rows of a database that is not Active.
	Discard(ctx context.Context) error
}

// The limits of one Insert.
const (
	maxRows  = 1000
	maxBytes = 8 << 20
)

// Copy adds the rows of a table that a target lacks, and returns how many rows the table has.
func Copy(ctx context.Context, from, to Database, t Table) (rows int, err error) {
	var missing []Row
	size := 0
	flush := func() error {
		if len(missing) == 0 {
			return nil
		}
		err := to.Insert(ctx, t, missing)
		missing, size = nil, 0
		return err
	}
	rows, err = merge(ctx, from, to, t, func(r Row) error {
		missing, size = append(missing, r), size+r.size()
		if len(missing) < maxRows && size < maxBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return rows, err
	}
	return rows, flush()
}

// Compare returns an error unless a table has the same rows in both databases, and how many they are.
func Compare(ctx context.Context, from, to Database, t Table) (rows int, err error) {
	return merge(ctx, from, to, t, func(Row) error {
		return backend.Errorf(backend.CodeCorrupt, "a row of table %s is missing in the target", t.Name).
			WithHint("repeat the move")
	})
}

// merge reads a table of both databases in the order of the keys. It calls missing for each row that to lacks.
func merge(ctx context.Context, from, to Database, t Table, missing func(Row) error) (rows int, err error) {
	nextOld, stopOld := iter.Pull2(from.Rows(ctx, t))
	defer stopOld()
	nextNew, stopNew := iter.Pull2(to.Rows(ctx, t))
	defer stopNew()
	other, err, more := nextNew()
	for {
		row, readErr, ok := nextOld()
		if err = cmp.Or(readErr, err); err != nil {
			return rows, err
		}
		if !ok {
			break
		}
		rows++
		order := -1
		if more {
			order = compareKeys(row[:t.Key], other[:t.Key])
		}
		switch {
		case order > 0:
			return rows, extra(t)
		case order < 0:
			err = missing(row)
		case !row.equal(other):
			return rows, backend.Errorf(backend.CodeConflict, "a row of table %s differs in the target", t.Name).
				WithHint("empty the target, and repeat the move")
		default:
			other, err, more = nextNew()
		}
	}
	if more {
		return rows, extra(t)
	}
	return rows, err
}

func extra(t Table) error {
	return backend.Errorf(backend.CodeConflict, "table %s of the target has a row that the source does not have", t.Name).
		WithHint("empty the target, and repeat the move")
}

func compareKeys(a, b Row) int {
	for i := range a {
		order := 0
		switch x := a[i].(type) {
		case string:
			order = cmp.Compare(x, b[i].(string))
		case int64:
			order = cmp.Compare(x, b[i].(int64))
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

func (r Row) equal(other Row) bool {
	for i, value := range r {
		if b, ok := value.([]byte); ok {
			o, ok := other[i].([]byte)
			if !ok || !bytes.Equal(b, o) {
				return false
			}
		} else if value != other[i] {
			return false
		}
	}
	return true
}

func (r Row) size() int {
	n := 0
	for _, value := range r {
		switch v := value.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		}
		n += 16
	}
	return n
}
