// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// counting is a backend that resolves every secret to its name, and counts.
type counting struct {
	backend.Service
	calls, refs int
}

func (c *counting) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	c.calls++
	c.refs += len(refs)
	out := make([]backend.Resolution, len(refs))
	for i, r := range refs {
		out[i].Value = backend.PlaintextString("value of " + r.Name)
	}
	return out, nil
}

// TestRenderTree renders 10,000 files twice: each is written, what was there is
// replaced, and all references go out in one call.
func TestRenderTree(t *testing.T) {
	const n, distinct = 10_000, 1000
	in, into := t.TempDir(), filepath.Join(t.TempDir(), "out")
	for i := range n {
		name := filepath.Join(in, fmt.Sprintf("team_%d", i%100), fmt.Sprintf("service_%d.yaml", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, fmt.Appendf(nil, "name: %d\npassword: {{ get_secret_value('s%d') }}\n", i, i%distinct), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		var stderr bytes.Buffer
		a := &app{out: &output{to: &bytes.Buffer{}}, err: &stderr}
		sources, err := a.readSources(&cobra.Command{}, &readingFlags{}, []string{in}, destination{folder: into})
		if err != nil {
			t.Fatal(err)
		}
		s := &counting{}
		err = a.render(t.Context(), s, sources, interpolate.Options{Project: "p", Environment: "dev"}, destination{folder: into})
		if err != nil || s.calls != 1 || s.refs != distinct {
			t.Fatalf("%d calls of Resolve for %d references, %v; want one for %d", s.calls, s.refs, err, distinct)
		}
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		if len(lines) != n || !strings.HasSuffix(lines[0], filepath.Join("team_0", "service_0.yaml")) || !strings.HasSuffix(lines[n-1], filepath.Join("team_99", "service_9999.yaml")) {
			t.Fatalf("%d lines, from %q to %q; want one for each file, in order", len(lines), lines[0], lines[len(lines)-1])
		}
	}
	for i := range n {
		got, err := os.ReadFile(filepath.Join(into, fmt.Sprintf("team_%d", i%100), fmt.Sprintf("service_%d.yaml", i)))
		if want := fmt.Sprintf("name: %d\npassword: \"value of s%d\"\n", i, i%distinct); err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
}
