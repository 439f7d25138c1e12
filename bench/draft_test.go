// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// BenchmarkDeployDraft1000 deploys a draft of 1,000 new values, and compares the time with one apply of as many
// changes. Each round does both, so that the load of the machine changes the ratio little. The aim is 1.2 at most.
func BenchmarkDeployDraft1000(b *testing.B) {
	const n = 1000
	c := open.Config{Path: filepath.Join(b.TempDir(), "data")}
	if _, err := open.Init(context.Background(), c); err != nil {
		b.Fatal(err)
	}
	service, err := open.Open(context.Background(), c)
	if err != nil {
		b.Fatal(err)
	}
	defer service.Close()
	createSecrets(b, service, n)
	round := 0
	changes := func() []backend.Change {
		round++
		out := make([]backend.Change, n)
		for i := range out {
			out[i] = backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: backend.DefaultProject,
				Environment: "prod", Name: fmt.Sprintf("s%d", i),
				Value: backend.PlaintextString(fmt.Sprintf("value-%d-of-round-%d-and-more", i, round))}
		}
		return out
	}
	timed := func(set backend.ChangeSet) float64 {
		start := time.Now()
		if _, err := service.Apply(context.Background(), set); err != nil {
			b.Fatal(err)
		}
		return float64(time.Since(start).Microseconds()) / 1000
	}
	deploy := backend.Change{Op: backend.OpDeploy, Kind: backend.KindDraft, Project: backend.DefaultProject, Name: "d"}
	var applied, deployed []float64 // in milliseconds
	for b.Loop() {
		applied = append(applied, timed(backend.ChangeSet{Changes: changes()}))
		timed(backend.ChangeSet{Changes: changes(), Draft: "d"})
		deployed = append(deployed, timed(backend.ChangeSet{Changes: []backend.Change{deploy}}))
	}
	ratio := median(deployed) / median(applied)
	b.ReportMetric(ratio, "x-one-apply")
	b.ReportMetric(median(deployed), "ms/deploy")
}
