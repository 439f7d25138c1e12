// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/onpostgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// BenchmarkServerOnPostgreSQL compares the rates of gets and puts of one and of two servers on PostgreSQL with those of
// the floor of BenchmarkServer, and with single rows that the same number of connections insert through pgx, each in a
// durable transaction. Everything runs on this machine.
func BenchmarkServerOnPostgreSQL(b *testing.B) {
	token, hash := access.NewToken()
	database := postgrestest.Start(b, "fsync=on", "full_page_writes=on", "synchronous_commit=on")
	address := database.URL("postgres")
	key := "file://" + filepath.ToSlash(filepath.Join(b.TempDir(), "kms.key"))
	fillDatabase(b, address, key, hash)
	first, second := startShared(b, address, key), startShared(b, address, key)
	get, put := newFloor(b, token, first, getOf), newFloor(b, token, first, putOf)
	rates, costs := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		for range serverRounds {
			rates["insert"] = append(rates["insert"], insertRows(b, address))
			for _, l := range []struct {
				name    string
				clients int
				server  server
				send    func(n int) call
			}{
				{"get-floor", serverClients, get, getOf}, {"get", serverClients, first, getOf},
				{"put-floor", serverClients, put, putOf}, {"put", serverClients, first, putOf},
				{"get-1", 1, first, getOf}, {"put-1", 1, first, putOf},
			} {
				rate, cost := load(b, l.server, token, l.clients, l.send)
				rates[l.name], costs[l.name] = append(rates[l.name], rate), append(costs[l.name], cost)
			}
			for name, send := range map[string]func(int) call{"get": getOf, "put": putOf} {
				rate, _ := loadBoth(b, first, second, token, send)
				rates[name+"-2"] = append(rates[name+"-2"], rate)
			}
		}
	}
	for _, name := range []string{"get", "put"} {
		b.ReportMetric(100*median(ratios(rates[name], rates[name+"-floor"])), name+"-%-of-floor")
		b.ReportMetric(100*median(ratios(rates[name], rates["insert"])), name+"-%-of-inserts")
		b.ReportMetric(median(ratios(rates[name+"-2"], rates[name])), name+"-2-servers-x")
		b.ReportMetric(median(rates[name]), name+"s/s")
		b.ReportMetric(median(rates[name+"-1"]), name+"s/s-1-client")
		b.ReportMetric(median(costs[name]), name+"-CPU-us")
	}
	b.ReportMetric(median(rates["insert"]), "inserts/s")
	b.ReportMetric(0, "ns/op")
}

// fillDatabase creates the database of servers, with the secrets and a token.
func fillDatabase(b *testing.B, address, key string, tokenHash []byte) {
	b.Helper()
	parts, _, err := open.Server(b.Context(), open.ServerConfig{KMSKey: key, Database: onpostgres.Database(address, "")})
	if err != nil {
		b.Fatal(err)
	}
	createSecrets(b, parts.Engine, serverSecrets)
	role, principal := backend.RoleAdmin, backend.Workload
	if _, err := parts.Engine.Apply(b.Context(), backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpCreate,
		Kind: backend.KindToken, Name: "bench", Role: &role, Principal: &principal, TokenHash: tokenHash}}}); err != nil {
		b.Fatal(err)
	}
	if err := parts.Close(); err != nil {
		b.Fatal(err)
	}
}

// startShared starts a server on the database.
func startShared(b *testing.B, database, key string) server {
	b.Helper()
	address := freeAddress(b)
	program := exec.Command(programtest.Pouncet(b), "server", "--quiet", "--listen", address, "--kms-key", key)
	program.Env = append(os.Environ(), "POUNCET_DATABASE="+database)
	return startProcess(b, program, address)
}

// loadBoth sends calls from the same number of clients to two servers. It returns the rate of both together, and the
// processor time of a call.
func loadBoth(b *testing.B, first, second server, token string, send func(n int) call) (rate, cost float64) {
	b.Helper()
	var rates, costs [2]float64
	var wg sync.WaitGroup
	for i, s := range []server{first, second} {
		wg.Go(func() { rates[i], costs[i] = load(b, s, token, serverClients/2, send) })
	}
	wg.Wait()
	rate = rates[0] + rates[1]
	return rate, (rates[0]*costs[0] + rates[1]*costs[1]) / rate
}

// insertRows inserts single rows of the size of a version, each in its own transaction.
func insertRows(b *testing.B, address string) float64 {
	b.Helper()
	ctx := b.Context()
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns = serverClients
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	const table = "CREATE TABLE IF NOT EXISTS public.inserted (id text PRIMARY KEY, sealed bytea)"
	if _, err := pool.Exec(ctx, table); err != nil {
		b.Fatal(err)
	}
	sealed := []byte(strings.Repeat("x", 200))
	var done atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range serverClients {
		wg.Go(func() {
			for time.Since(start) < serverTime {
				const text = "INSERT INTO public.inserted VALUES (gen_random_uuid()::text, $1)"
				if _, err := pool.Exec(ctx, text, sealed); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}
