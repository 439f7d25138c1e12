// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"errors"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// TestAnEndpointHasNothingBesideItsPath gives parts that no request would have.
func TestAnEndpointHasNothingBesideItsPath(t *testing.T) {
	for _, endpoint := range []string{"https://a.example#b", "https://a.example/#", "https://a.example?b=c",
		"https://a.example/?", "https://user@a.example", "unix:///run/a#b"} {
		if got, err := httpapi.NormalizeEndpoint(endpoint); !errors.Is(err, backend.ErrInvalid) {
			t.Errorf("%s: %q, %v", endpoint, got, err)
		}
	}
}
