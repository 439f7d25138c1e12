// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// BenchmarkGetsBesideChanges measures eight callers that read one secret each, alone, and beside another caller that
// tries or makes changes of 1,000 secrets all the time.
func BenchmarkGetsBesideChanges(b *testing.B) {
	c := open.Config{Path: filepath.Join(b.TempDir(), "data")}
	if _, err := open.Init(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	parts, err := open.Embedded(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	defer parts.Close()
	service, ctx := parts.Audited(access.Guard), asAdmin(b.Context())
	changes, quota := []backend.Change{}, 2000
	for n := range 998 {
		changes = append(changes, backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Environment: "dev",
			Project: backend.DefaultProject, Name: fmt.Sprint("s", n), Value: backend.PlaintextString("value")})
	}
	if _, err := service.Apply(ctx, backend.ChangeSet{Changes: slices.Concat([]backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxSecrets: &quota}},
		{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "dev"},
	}, changes)}); err != nil {
		b.Fatal(err)
	}
	for _, beside := range []string{"nothing", "dry runs", "applies"} {
		b.Run(beside, func(b *testing.B) {
			var reading, changing sync.WaitGroup
			var ended atomic.Bool
			var mu sync.Mutex
			var times []time.Duration
			if beside != "nothing" {
				changing.Go(func() {
					for round := 0; !ended.Load(); round++ {
						set := backend.ChangeSet{Changes: slices.Clone(changes), DryRun: beside == "dry runs"}
						for i := range set.Changes {
							set.Changes[i].Value = backend.PlaintextString(fmt.Sprint("value ", beside, b.N, round))
						}
						if _, err := service.Apply(ctx, set); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			for range 8 {
				reading.Go(func() {
					var own []time.Duration
					for n := range (b.N + 7) / 8 {
						start := time.Now()
						out, err := service.Resolve(ctx, []backend.Ref{{Kind: backend.KindSecret, Environment: "dev",
							Project: backend.DefaultProject, Name: fmt.Sprint("s", n%998)}})
						if err != nil || out[0].Err != nil {
							b.Error(err, out)
							return
						}
						own = append(own, time.Since(start))
					}
					mu.Lock()
					defer mu.Unlock()
					times = append(times, own...)
				})
			}
			reading.Wait()
			b.ReportMetric(float64(len(times))/b.Elapsed().Seconds(), "gets/s")
			ended.Store(true)
			changing.Wait()
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
		})
	}
}
