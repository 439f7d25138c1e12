// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// cells takes a row's columns as the driver has them: string, int64 and []byte,
// which is all that the tables' STRICT columns hold. database/sql's own
// conversions into typed fields print every number and parse it again, and cost
// as much as fetching the row; lookups of thousands of rows are what this package is for.
//
// Columns are taken in order, by the method for their type.
type cells struct {
	values []any
	into   []any
	next   int
	wrong  bool
}

func newCells(columns int) *cells {
	c := &cells{values: make([]any, columns), into: make([]any, columns)}
	for i := range c.values {
		c.into[i] = &c.values[i]
	}
	return c
}

// read takes the next row.
func (c *cells) read(row scanner) error {
	c.next, c.wrong = 0, false
	return row.Scan(c.into...)
}

// err reports whether a column was of another type than it was taken for.
func (c *cells) err() error {
	if c.wrong {
		return backend.Errorf(backend.CodeCorrupt, "a column of the database has a value of another type").
			WithHint("restore the database from a backup")
	}
	return nil
}

func take[T any](c *cells) T {
	v, ok := c.values[c.next].(T)
	c.next++
	c.wrong = c.wrong || !ok
	return v
}

func (c *cells) text() string    { return take[string](c) }
func (c *cells) number() int64   { return take[int64](c) }
func (c *cells) flag() bool      { return take[int64](c) != 0 }
func (c *cells) bytes() []byte   { return take[[]byte](c) }
func (c *cells) time() time.Time { return time.UnixMicro(take[int64](c)).UTC() }

// absent reports whether the next column is NULL, and leaves it where it is.
func (c *cells) absent() bool { return c.values[c.next] == nil }
