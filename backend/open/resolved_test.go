// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/servicetest"
)

func TestConformanceOfTheRecordsOfReads(t *testing.T) {
	servicetest.RunRecorded(t, func(t *testing.T) backend.Service {
		c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
		initialise(t, c)
		return opened(t, c)
	})
}
