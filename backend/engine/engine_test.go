// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/servicetest"
)

// embedded makes a backend with the project "default" and opens its parts.
func embedded(t testing.TB, c open.Config) *open.Parts {
	t.Helper()
	if c.Path == "" {
		c.Path = filepath.Join(t.TempDir(), "data")
	}
	if _, err := open.Init(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	parts, err := open.Embedded(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	return parts
}

// allow lets changes name KMS keys.
func allow(t *testing.T, parts *open.Parts, uris ...string) {
	t.Helper()
	patterns, err := kms.ParsePatterns(uris)
	if err != nil {
		t.Fatal(err)
	}
	parts.AllowKMSKeys(patterns)
}

func TestConformance(t *testing.T) {
	servicetest.Run(t, func(t *testing.T) backend.Service {
		return embedded(t, open.Config{}).Engine
	})
}
