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

// countingService resolves every secret to "value of" and its name, and counts the calls.
type countingService struct {
	backend.Service
	calls, refs int
}

func (c *countingService) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	c.calls++
	c.refs += len(refs)
	out := make([]backend.Resolution, len(refs))
	for i, r := range refs {
		out[i].Value = backend.PlaintextString("value of " + r.Name)
	}
	return out, nil
}

// TestRenderTree renders 1,000 files twice. Each file is written, an existing file is replaced, and all references go
// out in one call.
func TestRenderTree(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: renders 1,000 files: run without -short")
	}
	const n, distinct = 1_000, 500
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	path := func(i int) string {
		return filepath.Join(fmt.Sprintf("team_%d", i%100), fmt.Sprintf("service_%d.yaml", i))
	}
	for i := range n {
		name := filepath.Join(in, path(i))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		text := fmt.Appendf(nil, "name: %d\npassword: {{ get_secret_value('s%d') }}\n", i, i%distinct)
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to := destination{folder: out}
	for range 2 {
		var stderr bytes.Buffer
		a := &app{out: &output{to: &bytes.Buffer{}}, err: &stderr}
		c := &cobra.Command{}
		c.SetContext(t.Context())
		sources, err := a.readSources(c, &formatFlags{}, []string{in}, to)
		if err != nil {
			t.Fatal(err)
		}
		s := &countingService{}
		err = a.render(t.Context(), s, sources, interpolate.Options{Project: "p", Environment: "dev"}, to)
		if err != nil || s.calls != 1 || s.refs != distinct {
			t.Fatalf("%d calls of Resolve for %d references, %v; want one for %d", s.calls, s.refs, err, distinct)
		}
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		if len(lines) != n || !strings.HasSuffix(lines[0], path(0)) || !strings.HasSuffix(lines[n-1], path(n-1)) {
			t.Fatalf("%d lines, the first %q; want one for each file, in order", len(lines), lines[0])
		}
	}
	for i := range n {
		got, err := os.ReadFile(filepath.Join(out, path(i)))
		want := fmt.Sprintf("name: %d\npassword: \"value of s%d\"\n", i, i%distinct)
		if err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
}
