// SPDX-License-Identifier: MPL-2.0

package backend_test

import (
	"errors"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func TestParseDuration(t *testing.T) {
	const hour = time.Hour
	for text, want := range map[string]time.Duration{
		"720h": 720 * hour, "30d": 720 * hour, "1d12h": 36 * hour, "90m": 90 * time.Minute, "0d": 0, "-5m": -5 * time.Minute,
		"1d1h30m": 25*hour + 30*time.Minute, "1ms": time.Millisecond, "106750d": 106750 * 24 * hour,
	} {
		if got, err := backend.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "30", "-1d", "+1d", "1.5d", "1d1d", "1d-1h", "1d24h", "1d+1h", "12h30d", "30D",
		"106751d23h59m", "106752d", "4294967296d", "x"} {
		if got, err := backend.ParseDuration(text); !errors.Is(err, backend.ErrInvalid) {
			t.Errorf("%q is %v, %v, want an error", text, got, err)
		}
	}
}
