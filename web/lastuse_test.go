// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"context"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// TestEntrySaysWhenItWasLastUsed resolves a secret, and looks at its page before and after.
func TestEntrySaysWhenItWasLastUsed(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	page := d.path(d.object(backend.KindSecret, "db_password"), "")
	d.get(page).is(t, 200, "Last used", "no use is known")
	ctx := backend.WithPrincipal(context.Background(), backend.Principal{ID: "local:ci", Name: "nightly",
		Kind: backend.Workload, Role: backend.RoleAdmin})
	got, err := d.service.Resolve(ctx, []backend.Ref{{Kind: backend.KindSecret, Project: backend.DefaultProject,
		Environment: "dev", Name: "db_password"}})
	if err != nil || got[0].Err != nil {
		t.Fatal(got, err)
	}
	d.get(page).is(t, 200, "Last used", "by <bdi>nightly</bdi>").lacks(t, "no use is known", canary)
}
