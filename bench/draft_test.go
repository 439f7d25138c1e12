// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// BenchmarkDeployDraft1000 deploys a draft of 1,000 new values, and compares the time with one apply of as many
// changes. Each round does both, so that the load of the machine changes the ratio little. The aim is 1.2 at most. It
// collects garbage as rarely as the programs do: see package gcpercent.
func BenchmarkDeployDraft1000(b *testing.B) {
	const n = 1000
	defer debug.SetGCPercent(debug.SetGCPercent(400))
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
	var applied, deployed rounds
	timed := func(set backend.ChangeSet, into *rounds) {
		runtime.GC() // what the operation before has left behind is not its work
		start, cpu := time.Now(), cpuTime(b)
		if _, err := service.Apply(context.Background(), set); err != nil {
			b.Fatal(err)
		}
		into.cpu = append(into.cpu, float64(cpuTime(b)-cpu))
		into.clock = append(into.clock, float64(time.Since(start)))
	}
	deploy := backend.Change{Op: backend.OpDeploy, Kind: backend.KindDraft, Project: backend.DefaultProject, Name: "d"}
	for b.Loop() {
		timed(backend.ChangeSet{Changes: changes()}, &applied)
		if _, err := service.Apply(context.Background(), backend.ChangeSet{Changes: changes(), Draft: "d"}); err != nil {
			b.Fatal(err)
		}
		timed(backend.ChangeSet{Changes: []backend.Change{deploy}}, &deployed)
	}
	b.ReportMetric(median(ratios(deployed.clock, applied.clock)), "x-one-apply")
	b.ReportMetric(median(deployed.clock)/1e6, "ms/deploy")
	if median(applied.cpu) > 0 {
		b.ReportMetric(median(deployed.cpu)/median(applied.cpu), "x-one-apply-cpu")
		b.ReportMetric(median(deployed.cpu)/1e6, "cpu-ms/deploy")
	}
}

// rounds are the times of one operation in all rounds, in nanoseconds.
type rounds struct{ clock, cpu []float64 }
