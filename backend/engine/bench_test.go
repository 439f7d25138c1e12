// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// filled returns an engine with n secrets in environment dev, and references to all of them.
func filled(b *testing.B, n int) (backend.Service, []backend.Ref) {
	b.Helper()
	e := embedded(b, open.Config{}).Engine
	quota := max(n, backend.DefaultMaxSecrets)
	changes := []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxSecrets: &quota}},
		environment("dev"),
	}
	refs := make([]backend.Ref, n)
	for i := range n {
		name := fmt.Sprintf("secret_%d", i)
		refs[i] = ref("dev", name)
		changes = append(changes, secret("dev", name, "a value of average length"))
	}
	for len(changes) > 0 {
		part := changes[:min(len(changes), backend.MaxChanges)]
		if _, err := e.Apply(context.Background(), backend.ChangeSet{Changes: part}); err != nil {
			b.Fatal(err)
		}
		changes = changes[len(part):]
	}
	return e, refs
}

func BenchmarkResolve(b *testing.B) {
	for _, n := range []int{1, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			e, refs := filled(b, n)
			for b.Loop() {
				out, err := e.Resolve(context.Background(), refs)
				if err != nil || out[n-1].Err != nil {
					b.Fatal(err, out[n-1].Err)
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	for _, dry := range []bool{false, true} {
		b.Run(fmt.Sprintf("1000 updates, dry=%v", dry), func(b *testing.B) {
			e, refs := filled(b, 1000)
			round := 0
			for b.Loop() {
				round++
				changes := make([]backend.Change, len(refs))
				for i, r := range refs {
					changes[i] = secret("dev", r.Name, fmt.Sprint("value ", round))
				}
				if _, err := e.Apply(context.Background(), backend.ChangeSet{Changes: changes, DryRun: dry}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
