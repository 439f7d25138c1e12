// SPDX-License-Identifier: MPL-2.0

package entry_test

import (
	"context"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/entry"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// positions is a Service with usages of one name, of which only some are of a secret.
type positions struct {
	backend.Service
	total int
	isOf  func(n int) bool
	calls int
}

func (s *positions) Query(_ context.Context, q backend.Query) (page backend.Page, err error) {
	s.calls++
	n, _ := strconv.Atoi(q.Cursor) // "" is the first
	for ; n < s.total && len(page.Objects) < q.Limit; n++ {
		u := backend.Usage{Kind: backend.KindScopedValue, File: strconv.Itoa(n)}
		if s.isOf(n) {
			u.Kind = backend.KindSecret
		}
		page.Objects = append(page.Objects, backend.Object{Usage: &u})
	}
	if n < s.total {
		page.Next = strconv.Itoa(n)
	}
	return page, nil
}

// A page of the dashboard reads a bounded number of positions, and its cursor leads to the others.
func TestUsesReadABoundedNumberOfPositions(t *testing.T) {
	s := &positions{total: 5000, isOf: func(n int) bool { return n%2500 == 2499 }}
	q := &site.Request{Site: &site.Site{Options: site.Options{Service: s}}, R: httptest.NewRequest("GET", "/", nil)}
	files, pages, next := []string{}, 0, ""
	for first := true; first || next != ""; first = false {
		before := s.calls
		uses, cursor, err := entry.Uses(q, backend.Object{Kind: backend.KindSecret, Name: "db"}, next)
		if err != nil {
			t.Fatal(err)
		}
		if n := s.calls - before; n > 20 {
			t.Errorf("a page has read %d lists", n)
		}
		for _, u := range uses {
			files = append(files, u.Usage.File)
		}
		next, pages = cursor, pages+1
	}
	if len(files) != 2 || files[0] != "2499" || files[1] != "4999" || pages < 3 {
		t.Errorf("%d pages have the positions %v", pages, files)
	}
}
