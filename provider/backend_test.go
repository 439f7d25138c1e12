// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// change applies changes to the embedded backend in a folder, without Terraform. It creates the backend if it does not
// exist.
func change(t *testing.T, path string, changes ...backend.Change) {
	t.Helper()
	b, err := open.Open(context.Background(), open.Config{Path: path, CreateIfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Apply(context.Background(), backend.ChangeSet{Changes: changes}); err != nil {
		t.Fatal(err)
	}
}
