// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/provider"
)

// configure returns the diagnostics of a provider with the given arguments, each as one text.
func configure(t *testing.T, arguments map[string]any) []string {
	t.Helper()
	server := provider.NewServer("test")()
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	objectType := schemas.Provider.ValueType()
	values := map[string]tftypes.Value{}
	for name, attributeType := range objectType.(tftypes.Object).AttributeTypes {
		values[name] = tftypes.NewValue(attributeType, arguments[name])
	}
	config, err := tfprotov6.NewDynamicValue(objectType, tftypes.NewValue(objectType, values))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.ConfigureProvider(context.Background(), &tfprotov6.ConfigureProviderRequest{Config: &config})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range resp.Diagnostics {
		out = append(out, strings.Join([]string{d.Severity.String(), d.Attribute.String(), d.Detail}, " "))
	}
	return out
}

// A token or certificate authorities in the environment belong to a server, unless a folder is named.
func TestVariablesOfAServerNeedAnEndpoint(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"POUNCET_ENDPOINT", "POUNCET_TOKEN", "POUNCET_CACERT", "POUNCET_HOME"} {
		t.Setenv(name, "")
	}
	folder := map[string]any{"path": filepath.Join(dir, "data"), "create": true}
	for _, variable := range []string{"POUNCET_TOKEN", "POUNCET_CACERT"} {
		t.Setenv(variable, "x")
		diags := configure(t, map[string]any{"create": true})
		if len(diags) != 1 || !strings.Contains(diags[0], variable+" belongs to a server, but no endpoint is set") {
			t.Errorf("%s without an endpoint: %q", variable, diags)
		}
		if diags := configure(t, folder); len(diags) != 1 || !strings.HasPrefix(diags[0], "WARNING") {
			t.Errorf("%s beside the path of a folder: %q", variable, diags)
		}
		t.Setenv(variable, "")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the provider wrote %v (%v)", left, err)
	}
}

// The first run of a new version warns that it upgraded the database, and the second does not.
func TestUpgradeIsAWarning(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "backend")
	if err := os.CopyFS(folder, os.DirFS("../testdata/v1/backend")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kms.key", "eu.key"} { // git does not keep the mode
		if err := os.Chmod(filepath.Join(folder, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	diags := configure(t, map[string]any{"path": folder})
	if len(diags) != 1 || !strings.HasPrefix(diags[0], "WARNING") {
		t.Fatalf("the first run: %q", diags)
	}
	for _, want := range []string{
		"Its rows are signed from now on.", filepath.Join(folder, "pouncet.db.schema-2"), "pouncet token delete ID",
		`"job", role "runtime", id "`,
	} {
		if !strings.Contains(diags[0], want) {
			t.Errorf("the warning has no %q: %s", want, diags[0])
		}
	}
	if diags := configure(t, map[string]any{"path": folder}); len(diags) > 0 {
		t.Errorf("the second run: %q", diags)
	}
}
