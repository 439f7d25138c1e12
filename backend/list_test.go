// SPDX-License-Identifier: MPL-2.0

package backend_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// pages is a Querier with one object on each of its pages; it fails after the last if err is set.
type pages struct {
	count int
	err   error
	asked int
}

func (p *pages) Query(_ context.Context, q backend.Query) (backend.Page, error) {
	p.asked++
	n, _ := strconv.Atoi(q.Cursor)
	if n == p.count {
		return backend.Page{}, p.err
	}
	page := backend.Page{Objects: []backend.Object{{Name: strconv.Itoa(n)}}, Next: strconv.Itoa(n + 1)}
	if n+1 == p.count && p.err == nil {
		page.Next = ""
	}
	return page, nil
}

func TestListReadsEveryPage(t *testing.T) {
	objects, err := backend.ListAll(context.Background(), &pages{count: 3}, backend.Query{})
	if err != nil || len(objects) != 3 || objects[2].Name != "2" {
		t.Errorf("ListAll = %v, %v; want the objects 0, 1 and 2", objects, err)
	}
}

func TestListStopsAtAnError(t *testing.T) {
	objects, err := backend.ListAll(context.Background(), &pages{count: 2, err: backend.ErrUnavailable}, backend.Query{})
	if objects != nil || err != backend.ErrUnavailable {
		t.Errorf("ListAll = %v, %v; want the error alone", objects, err)
	}
}

func TestListFetchesOnlyConsumedPages(t *testing.T) {
	p := &pages{count: 3}
	for range backend.List(context.Background(), p, backend.Query{}) {
		break
	}
	if p.asked != 1 {
		t.Errorf("%d pages were requested, want 1", p.asked)
	}
}
