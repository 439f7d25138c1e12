// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func TestAttributeOfTheTableBecomesAField(t *testing.T) {
	o := backend.Object{Kind: backend.KindSecret, Attributes: backend.Attributes{
		Visibility: backend.Restricted, Protected: true, RotationDays: 30, ExpiresAt: time.Unix(0, 0).UTC(),
	}}
	fields := withTableFields(backend.KindSecret, nil)
	got := map[string]string{}
	for _, f := range fields {
		got[f.name] = f.value(o).String()
	}
	for name, want := range map[string]string{
		"visibility": `"restricted"`, "protected": "true", "rotation_days": "30",
		"expires_at": `"1970-01-01T00:00:00Z"`,
	} {
		if got[name] != want {
			t.Errorf("%s is %s, want %s", name, got[name], want)
		}
	}
	for _, name := range []string{"value", "generate", "kms_key"} {
		if _, ok := got[name]; ok {
			t.Errorf("the data source of secrets shows %s", name)
		}
	}
}

func TestFieldOfAnotherNameReplacesTheAttributeOfTheTable(t *testing.T) {
	fields := withTableFields(backend.KindSecret, []field{{name: "deletion_protection", attrType: types.BoolType}})
	if slices.ContainsFunc(fields, func(f field) bool { return f.name == "protected" }) {
		t.Error("the data source of secrets has both protected and deletion_protection")
	}
}
