// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// callers returns a Service as a server has it, of a backend with n secrets, and the contexts of two tokens: one with a
// role, and one with 1,000 bindings that together give the rights of the role.
func callers(b *testing.B, n int, role backend.Role) (s backend.Service, withRole, bound context.Context) {
	b.Helper()
	c := open.Config{Path: filepath.Join(b.TempDir(), "data")}
	if _, err := open.Init(context.Background(), c); err != nil {
		b.Fatal(err)
	}
	parts, err := open.Embedded(context.Background(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = parts.Close() })
	createSecrets(b, parts.Engine, n)
	_, hash := access.NewToken()
	none := backend.RoleNone
	changes := []backend.Change{{Op: backend.OpCreate, Kind: backend.KindToken, Name: "ci", Role: &none, TokenHash: hash}}
	for i := range 1000 {
		names := fmt.Sprintf("s%d*", i)
		if i == 0 { // two bindings may not give the same
			names = "*"
		}
		changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: fmt.Sprint("b", i),
			Grant: &backend.Grant{Role: string(role), To: "token:ci", Where: backend.Where{Project: backend.DefaultProject,
				Environment: "prod", Names: names}}})
	}
	out, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: changes})
	if err != nil {
		b.Fatal(err)
	}
	as := func(p backend.Principal) context.Context { return backend.WithPrincipal(context.Background(), p) }
	return parts.Audited(access.Guard), as(backend.Principal{ID: "role", Name: "role", Role: role}),
		as(backend.Principal{ID: out[0].Object.ID, Name: "ci", Role: none})
}

// ratioOf runs two functions in turns, so many in each iteration, and returns the ratio of the medians of their times.
func ratioOf(b *testing.B, turns int, f, other func()) float64 {
	timed := func(f func()) float64 {
		start := time.Now()
		f()
		return float64(time.Since(start).Nanoseconds())
	}
	var a, c []float64
	for b.Loop() {
		for range turns {
			a, c = append(a, timed(f)), append(c, timed(other))
		}
	}
	return median(c) / median(a)
}

// BenchmarkGetWithBindings compares gets by a token with 1,000 bindings and by one with a role. The aim is 1.05 at
// most.
func BenchmarkGetWithBindings(b *testing.B) {
	s, withRole, bound := callers(b, 100, backend.RoleRuntime)
	refs := []backend.Ref{{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "prod", Name: "s42"}}
	// One get is too short to be timed alone: each turn has many, and one iteration has many turns.
	get := func(ctx context.Context) func() {
		return func() {
			for range 20 {
				if out, err := s.Resolve(ctx, refs); err != nil || out[0].Err != nil {
					b.Fatal(err, out)
				}
			}
		}
	}
	b.ReportMetric(ratioOf(b, 50, get(withRole), get(bound)), "x-with-role")
}

// BenchmarkListWithBindings compares lists of 10,000 secrets by the same tokens. The aim is 1.3 at most.
func BenchmarkListWithBindings(b *testing.B) {
	s, withRole, bound := callers(b, 10_000, backend.RoleViewer)
	list := func(ctx context.Context) func() {
		return func() {
			all, err := backend.ListAll(ctx, s, backend.Query{Kind: backend.KindSecret, Project: backend.DefaultProject})
			if err != nil || len(all) != 10_000 {
				b.Fatal(err, len(all))
			}
		}
	}
	b.ReportMetric(ratioOf(b, 5, list(withRole), list(bound)), "x-with-role")
}
