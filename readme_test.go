// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/docs/pagetest"
)

// TestReadmeTour runs the tour of the README as printed.
func TestReadmeTour(t *testing.T) {
	s := pagetest.Run(t, "README.md", pagetest.Options{
		Section:  "## A five-minute tour",
		StandIns: map[string]string{"make": `mkdir bin && cp "$BUILT"/* bin/`},
	})
	want := []string{
		"password: \"dev-pw\"   # quoted or not",
		"url: \"postgres://loader:dev-pw@db/app\"",
		"schedule: \"{{ execution_date }}\"",
		"the password is ***",
	}
	if s.Complete {
		want = append(want, "password: \"staging-pw\"")
	}
	for _, w := range want {
		if !strings.Contains(s.Output, w) {
			t.Errorf("the output lacks %q:\n%s", w, s.Output)
		}
	}
	rendered, err := os.ReadFile(filepath.Join(s.Home, "pouncet-tour", "rendered", "pipeline.yaml"))
	if err != nil || strings.Contains(string(rendered), "get_secret_value") {
		t.Errorf("rendered/pipeline.yaml: %v", err)
	}
}
