// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// minServersRatio is how much more two servers must answer than one. It is checked on machines with manyCores or more:
// on fewer, the clients and PostgreSQL compete with the servers for them.
const (
	minServersRatio = 1.6
	manyCores       = 6
)

// BenchmarkTwoServersOnPostgreSQL shows what a second server on one database costs and gains: the processor time of the
// servers for a call, which must not depend on their number, and the time under locks that all servers share. A change
// holds the lock of the changes; the record of a read waits for the row that numbers its log. The locks are sampled. A
// share of the time divided by the rate is the time of a call.
func BenchmarkTwoServersOnPostgreSQL(b *testing.B) {
	token, hash := access.NewToken()
	database := postgrestest.Start(b, "fsync=on", "full_page_writes=on", "synchronous_commit=on")
	address := database.URL("postgres")
	key := "file://" + filepath.ToSlash(filepath.Join(b.TempDir(), "kms.key"))
	fillDatabase(b, address, key, hash)
	first, second := startShared(b, address, key), startShared(b, address, key)
	loads := map[string]func(int) call{"get": getOf, "put": putOf}
	one, two := map[string][]measured{}, map[string][]measured{}
	for b.Loop() {
		for range serverRounds {
			for name, send := range loads {
				one[name] = append(one[name], measure(b, address, func() (rate, cost float64) {
					return load(b, first, token, serverClients, send)
				}))
				two[name] = append(two[name], measure(b, address, func() (rate, cost float64) {
					return loadBoth(b, first, second, token, send)
				}))
			}
		}
	}
	for name := range loads {
		ratio := median(ratios(each(two[name], measured.perSecond), each(one[name], measured.perSecond)))
		b.ReportMetric(ratio, name+"-2-servers-x")
		if ratio < minServersRatio && name == "get" && runtime.NumCPU() >= manyCores {
			b.Errorf("two servers answer %.2f times as many gets as one, want %.1f", ratio, minServersRatio)
		}
		for servers, m := range map[string][]measured{"-1-server": one[name], "-2-servers": two[name]} {
			b.ReportMetric(median(each(m, measured.processor)), name+"-CPU-us"+servers)
			b.ReportMetric(median(each(m, measured.holding)), name+"-lock-held-us"+servers)
			b.ReportMetric(median(each(m, measured.waiting)), name+"-lock-wait-us"+servers)
			b.ReportMetric(100*median(each(m, measured.share)), name+"-lock-held-%"+servers)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// measured is a load with what the locks were during it.
type measured struct {
	rate, cost float64
	held, wait float64 // the share of the time in which a shared lock was held, and how many sessions waited for a lock
}

func (m measured) perSecond() float64 { return m.rate }
func (m measured) processor() float64 { return m.cost }
func (m measured) share() float64     { return m.held }
func (m measured) holding() float64   { return 1e6 * m.held / m.rate }
func (m measured) waiting() float64   { return 1e6 * m.wait / m.rate }

// each returns one number of each load.
func each(all []measured, number func(measured) float64) []float64 {
	out := make([]float64, len(all))
	for i, m := range all {
		out[i] = number(m)
	}
	return out
}

// samplePause is the time between two samples of the locks.
const samplePause = 5 * time.Millisecond

// measure runs a load and samples the locks of the database meanwhile.
func measure(b *testing.B, address string, run func() (rate, cost float64)) (m measured) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	sampled := make(chan error, 1)
	go func() {
		var err error
		m.held, m.wait, err = sampleLocks(ctx, address)
		sampled <- err
	}()
	rate, cost := run()
	stop()
	if err := <-sampled; err != nil {
		b.Fatal(err)
	}
	m.rate, m.cost = rate, cost
	return m
}

// sampleLocks samples the locks of a database until ctx ends.
func sampleLocks(ctx context.Context, address string) (held, waiting float64, err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it has only read
	const text = `SELECT (EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted))::int,
		(SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'pouncet')`
	for n := 1.0; ; n++ {
		var holds, waits float64
		if err := conn.QueryRow(context.WithoutCancel(ctx), text).Scan(&holds, &waits); err != nil {
			return 0, 0, err
		}
		held, waiting = held+(holds-held)/n, waiting+(waits-waiting)/n
		select {
		case <-ctx.Done():
			return held, waiting, nil
		case <-time.After(samplePause):
		}
	}
}
