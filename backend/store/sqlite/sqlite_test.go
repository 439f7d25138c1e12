package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t testing.TB, dir string) store.Store {
		path := filepath.Join(dir, "pouncet.db")
		s, err := sqlite.Open(t.Context(), path)
		if errors.Is(err, backend.ErrNotFound) {
			s, err = sqlite.Create(t.Context(), path)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
