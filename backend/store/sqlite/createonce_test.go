// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// TestCreateWaitsForTheDiskOnce reads the counter in the header of the file, which each transaction raises. A
// transaction for each migration would make pouncet init, and every test with a backend, several times slower.
func TestCreateWaitsForTheDiskOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pouncet.db")
	s, err := sqlite.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// One transaction for the content, and one for the mode of the log.
	if n := binary.BigEndian.Uint32(content[24:28]); n < 1 || n > 2 {
		t.Errorf("a new database was written in %d transactions", n)
	}
}
