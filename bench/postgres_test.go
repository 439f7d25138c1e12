// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
// durable transaction. Everything runs on this machine. It also reports the processor time of a call in the server and
// in PostgreSQL, and the rate of many clients that put new versions of the same secret.
func BenchmarkServerOnPostgreSQL(b *testing.B) {
	token, hash := access.NewToken()
	database := postgrestest.Start(b, "fsync=on", "full_page_writes=on", "synchronous_commit=on")
	address := database.URL("postgres")
	key := "file://" + filepath.ToSlash(filepath.Join(b.TempDir(), "kms.key"))
	fillDatabase(b, address, key, hash)
	first, second := startShared(b, address, key), startShared(b, address, key)
	get, put := newFloor(b, token, first, getOf), newFloor(b, token, first, putOf)
	rates, costs := map[string][]float64{}, map[string][]float64{}
	note := func(name string, send func() (rate, cost float64)) {
		before, start := processorTime(database), time.Now()
		rate, cost := send()
		calls := rate * time.Since(start).Seconds()
		rates[name], costs[name] = append(rates[name], rate), append(costs[name], cost)
		costs[name+"-database"] = append(costs[name+"-database"],
			float64((processorTime(database)-before).Microseconds())/calls)
	}
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
				{"get-1", 1, first, getOf}, {"put-1", 1, first, putOf}, {"put-same", serverClients, first, putSame},
			} {
				note(l.name, func() (rate, cost float64) { return load(b, l.server, token, l.clients, l.send) })
			}
			for name, send := range map[string]func(int) call{"get": getOf, "put": putOf} {
				note(name+"-2", func() (rate, cost float64) { return loadBoth(b, first, second, token, send) })
			}
		}
	}
	for _, name := range []string{"get", "put"} {
		b.ReportMetric(100*median(ratios(rates[name], rates[name+"-floor"])), name+"-%-of-floor")
		b.ReportMetric(100*median(ratios(rates[name], rates["insert"])), name+"-%-of-inserts")
		b.ReportMetric(median(ratios(rates[name+"-2"], rates[name])), name+"-2-servers-x")
		b.ReportMetric(median(rates[name]), name+"s/s")
		b.ReportMetric(median(rates[name+"-1"]), name+"s/s-1-client")
		for load, servers := range map[string]string{name: "", name + "-2": "-2-servers"} {
			b.ReportMetric(median(costs[load]), name+"-CPU-us"+servers)
			b.ReportMetric(median(costs[load+"-database"]), name+"-database-CPU-us"+servers)
		}
	}
	b.ReportMetric(median(rates["put-same"]), "puts/s-same-secret")
	b.ReportMetric(median(rates["insert"]), "inserts/s")
	b.ReportMetric(0, "ns/op")
}

// putSame writes a new version of the same secret as all others.
func putSame(int) call { return putOf(0) }

// processorTime returns the CPU time of all processes of a server of PostgreSQL.
func processorTime(s *postgrestest.Server) time.Duration {
	first := s.Process().Pid
	whole := readProcess(strconv.Itoa(first))
	total := whole.own + whole.ended
	found, _ := filepath.Glob("/proc/[0-9]*") // the pattern is valid
	for _, folder := range found {
		if p := readProcess(filepath.Base(folder)); p.parent == first {
			total += p.own
		}
	}
	return total
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
