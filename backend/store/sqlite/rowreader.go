// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// rowReader reads the columns of a row as the driver has them: string, int64 and []byte. STRICT tables hold no other
// types. The conversions of database/sql print every number and parse it again, which costs as much as fetching the
// row, and a lookup may read thousands of rows.
//
// Its methods return one column after the other; call the method of the column's type.
type rowReader struct {
	values   []any
	into     []any
	next     int
	mistyped bool
}

func newRowReader(columns int) *rowReader {
	c := &rowReader{values: make([]any, columns), into: make([]any, columns)}
	for i := range c.values {
		c.into[i] = &c.values[i]
	}
	return c
}

// read reads the next row.
func (c *rowReader) read(row scanner) error {
	c.next, c.mistyped = 0, false
	return row.Scan(c.into...)
}

// err returns an error if a column had another type than the method that read it.
func (c *rowReader) err() error {
	if c.mistyped {
		return backend.Errorf(backend.CodeCorrupt, "a column of the database holds a value of a wrong type").
			WithHint("restore the database from a backup")
	}
	return nil
}

func column[T any](c *rowReader) T {
	v, ok := c.values[c.next].(T)
	c.next++
	c.mistyped = c.mistyped || !ok
	return v
}

func (c *rowReader) text() string    { return column[string](c) }
func (c *rowReader) number() int64   { return column[int64](c) }
func (c *rowReader) bytes() []byte   { return column[[]byte](c) }
func (c *rowReader) time() time.Time { return time.UnixMicro(column[int64](c)).UTC() }

// isNull reports whether the next column is NULL, and does not move past it.
func (c *rowReader) isNull() bool { return c.values[c.next] == nil }
