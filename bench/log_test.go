// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/onpostgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// BenchmarkPutsWithTheLog compares puts with the puts of an engine that makes no audit records, on the same database:
// of one client, and of as many as a server has in BenchmarkServer. On a busy machine the ratios of the processor time
// of this process say more, but for PostgreSQL they leave out the database. BenchmarkServerPutsWithTheLog has the puts
// of a server.
func BenchmarkPutsWithTheLog(b *testing.B) {
	for name, opened := range map[string]func(b *testing.B, folder string) (*open.Parts, string, error){
		"SQLite": func(b *testing.B, folder string) (*open.Parts, string, error) {
			c := open.Config{Path: filepath.Join(folder, "data")}
			if _, err := open.Init(b.Context(), c); err != nil {
				return nil, "", err
			}
			parts, err := open.Embedded(b.Context(), c)
			return parts, "file:kms.key", err
		},
		"PostgreSQL": func(b *testing.B, folder string) (*open.Parts, string, error) {
			database := postgrestest.Start(b, "fsync=on", "full_page_writes=on", "synchronous_commit=on")
			key := "file://" + filepath.ToSlash(filepath.Join(folder, "kms.key"))
			parts, _, err := open.Server(b.Context(), open.ServerConfig{KMSKey: key,
				Database: onpostgres.Database(database.URL("postgres"), "")})
			return parts, key, err
		},
	} {
		b.Run(name, func(b *testing.B) {
			parts, key, err := opened(b, b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer parts.Close()
			createSecrets(b, parts.Engine, serverSecrets)
			with := engine.Options{KMSKey: key, Authorizer: access.NewDirectory(), Record: audit.NewChanges(nil)}
			without := engine.Options{KMSKey: key, Authorizer: access.NewDirectory()}
			logged, plain := engine.New(parts.Store, parts.Keys, with), engine.New(parts.Store, parts.Keys, without)
			costs := logCosts{map[int][]float64{}, map[int][]float64{}}
			for b.Loop() {
				for range serverRounds {
					for _, n := range []int{1, serverClients} {
						with, cpuWith := putTime(b, logged, n)
						without, cpuWithout := putTime(b, plain, n)
						costs.add(n, with/without, cpuWith/cpuWithout)
					}
				}
			}
			costs.report(b)
		})
	}
}

// logCosts are the costs of puts with the log, as ratios to puts without it, by the number of clients.
type logCosts struct{ time, cpu map[int][]float64 }

func (l logCosts) add(clients int, time, cpu float64) {
	l.time[clients], l.cpu[clients] = append(l.time[clients], time), append(l.cpu[clients], cpu)
}

// report reports the medians.
func (l logCosts) report(b *testing.B) {
	b.ReportMetric(median(l.time[1]), "x-without-1-client")
	b.ReportMetric(median(l.time[serverClients]), "x-without")
	b.ReportMetric(median(l.cpu[1]), "x-cpu-without-1-client")
	b.ReportMetric(median(l.cpu[serverClients]), "x-cpu-without")
	b.ReportMetric(0, "ns/op")
}

// putTime returns the seconds in which clients together put 320 new versions, and the seconds of processor time.
func putTime(b *testing.B, s backend.Service, clients int) (seconds, cpu float64) {
	ctx := backend.WithPrincipal(context.Background(), backend.Principal{ID: "bench", Name: "bench",
		Kind: backend.Workload, Role: backend.RoleAdmin})
	var wg sync.WaitGroup
	start, used := time.Now(), cpuTime(b)
	for client := range clients {
		wg.Go(func() {
			for i := range 320 / clients {
				change := backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject,
					Environment: "prod", Name: fmt.Sprint("s", (client*320/clients+i)%serverSecrets),
					Value: backend.PlaintextString(fmt.Sprint("value ", putNumber.Add(1)))}
				if _, err := s.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{change}}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start).Seconds(), (cpuTime(b) - used).Seconds()
}
