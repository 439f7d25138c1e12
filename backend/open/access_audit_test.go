// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
)

// The record of a binding says what it gives to whom, also after its deletion.
func TestRecordsSayWhoWasGivenWhat(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	opentest.Init(t, c)
	parts, err := open.Embedded(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	_, hash := access.NewToken()
	none := backend.RoleNone
	for _, changes := range [][]backend.Change{
		{{Op: backend.OpCreate, Kind: backend.KindToken, Name: "ci", Role: &none, TokenHash: hash},
			{Op: backend.OpCreate, Kind: backend.KindBinding, Name: "b",
				Grant: &backend.Grant{Role: "viewer", To: "token:ci", Where: backend.Where{Project: backend.DefaultProject}}}},
		{{Op: backend.OpDelete, Kind: backend.KindBinding, Name: "b"}},
	} {
		if _, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	given := strings.Count(changesOf(t, c.Path),
		`"grant":{"role":"viewer","to":"token:ci","where":{"project":"default"}}`)
	if given != 2 {
		t.Errorf("%d records say what the binding gives, want 2", given)
	}
}
