// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"iter"
)

// Querier is the part of a Service that lists objects.
type Querier interface {
	Query(ctx context.Context, q Query) (Page, error)
}

// Pages yields the pages of objects that q selects, one call each, as the caller consumes them. An error is yielded
// once, as the last element.
func Pages(ctx context.Context, s Querier, q Query) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		for {
			page, err := s.Query(ctx, q)
			if err != nil {
				yield(Page{}, err)
				return
			}
			if q.Cursor = page.Next; !yield(page, nil) || q.Cursor == "" {
				return
			}
		}
	}
}

// List yields every object that q selects, and asks for page after page as the
// caller consumes them. An error is yielded once, as the last element.
func List(ctx context.Context, s Querier, q Query) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for page, err := range Pages(ctx, s, q) {
			if err != nil {
				yield(Object{}, err)
				return
			}
			for _, o := range page.Objects {
				if !yield(o, nil) {
					return
				}
			}
		}
	}
}

// ListAll returns every object that q selects; the slice is never nil.
func ListAll(ctx context.Context, s Querier, q Query) ([]Object, error) {
	objects := []Object{}
	for o, err := range List(ctx, s, q) {
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, nil
}
