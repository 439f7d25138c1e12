// SPDX-License-Identifier: MPL-2.0

package snapshot

import (
	"context"
	"fmt"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// many is a Service with a project of 100 secrets, in pages of 10.
type many struct {
	backend.Service
	pages, direct int
}

func (m *many) Query(_ context.Context, q backend.Query) (backend.Page, error) {
	object := func(i int) backend.Object {
		return backend.Object{Kind: backend.KindSecret, ID: fmt.Sprint(i), Name: fmt.Sprint("s", i), Project: "p"}
	}
	var n int
	if q.ID != "" {
		m.direct++
		_, _ = fmt.Sscan(q.ID, &n)
		return backend.Page{Objects: []backend.Object{object(n)}}, nil
	}
	m.pages++
	_, _ = fmt.Sscan(q.Cursor, &n)
	page := backend.Page{Next: fmt.Sprint(n + 10)}
	for i := n; i < n+10; i++ {
		page.Objects = append(page.Objects, object(i))
	}
	if n+10 >= 100 {
		page.Next = ""
	}
	return page, nil
}

// TestObjectsOverTheLimitAreQueriedDirectly sets the limit to 30 of 100 objects.
func TestObjectsOverTheLimitAreQueriedDirectly(t *testing.T) {
	m := &many{}
	s := New(m)
	s.limit = 30
	for i := range 100 {
		page, err := s.Query(context.Background(), backend.Query{Kind: backend.KindSecret, Project: "p", ID: fmt.Sprint(i)})
		if err != nil || len(page.Objects) != 1 || page.Objects[0].Name != fmt.Sprint("s", i) {
			t.Fatalf("s%d: %v %v", i, page, err)
		}
	}
	if m.pages != 3 || m.direct != 71 {
		t.Errorf("%d pages and %d direct reads, want 3 and 71: the first read, and the 70 objects over the limit",
			m.pages, m.direct)
	}
}
