// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// balancer are the settings of HAProxy before some servers. docs/reliability.md shows them.
const balancer = `
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  retries 3
  option redispatch
listen pouncet
  bind %s
  option httpchk GET /readyz
  default-server inter 500ms fall 2 rise 1
`

// startBalancer starts HAProxy before some servers, and returns its endpoint.
func startBalancer(t *testing.T, servers ...*process) string {
	t.Helper()
	needPrograms(t, "haproxy")
	address := freeAddress(t)
	text := fmt.Sprintf(balancer, address)
	for i, s := range servers {
		text += fmt.Sprintf("  server s%d %s check\n", i, s.address)
	}
	path := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	startProcess(t, nil, "haproxy", "-db", "-f", path)
	p := &process{address: address}
	waitFor(t, time.Minute, p.ready)
	return p.endpoint()
}

// Servers behind a load balancer stop and start one after the other under load, and no call of a client fails.
func TestRollingRestartFailsNoCall(t *testing.T) {
	t.Parallel()
	needPrograms(t, "haproxy")
	database := postgrestest.Start(t, "fsync=on")
	d := &deployment{database: database.URL("postgres"), kmsKey: "file://" + filepath.Join(t.TempDir(), "kms.key")}
	var servers []*process
	for range 3 {
		servers = append(servers, d.serve(t, freeAddress(t)))
	}
	// The client as it is, with its retries.
	service, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: startBalancer(t, servers...), Token: d.token})
	if err != nil {
		t.Fatal(err)
	}
	prepare(t, service)
	w := &workload{history: newHistory(), services: []backend.Service{service}, clients: 12, groups: 6,
		stop: make(chan struct{}), timeout: 2 * time.Minute, grace: 30 * time.Second, pace: 10 * time.Millisecond, seed: 1,
		unexpected: func(err error) { t.Error(err) },
		failed:     func(err error) { t.Errorf("a call failed: %v", err) }}
	var running sync.WaitGroup
	running.Go(w.run)
	w.history.waitMore(t, 200)
	rounds := 1
	if long() {
		rounds = 10
	}
	for range rounds {
		for i, s := range servers {
			if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := s.command.Wait(); err != nil {
				t.Errorf("a server ended with %v: %s", err, s.log.last())
			}
			servers[i] = d.serve(t, s.address)
			w.history.waitMore(t, 200)
		}
	}
	close(w.stop)
	running.Wait()
	t.Logf("%d restarts; the longest call lasted %s", rounds*len(servers),
		time.Duration(w.longest.Load()).Round(time.Millisecond))
	w.history.wantLinearizable(t)
	w.history.wantAcknowledged(t, service)
}

// The memory, the goroutines and the open files of a server do not grow under half of its load.
func TestAServerStaysFlat(t *testing.T) {
	t.Parallel()
	lasts := 15 * time.Second
	if long() {
		lasts = 10 * time.Minute
	}
	database := postgrestest.Start(t, "fsync=on")
	d := &deployment{database: database.URL("postgres"), kmsKey: "file://" + filepath.Join(t.TempDir(), "kms.key")}
	metrics := freeAddress(t)
	server := d.serve(t, freeAddress(t), "--metrics-listen", metrics)
	services := d.clients(t, server)
	prepare(t, services[0])
	load := func(pace, lasts time.Duration) int {
		w := &workload{history: newHistory(), services: services, clients: 8, groups: 8, stop: make(chan struct{}),
			timeout: time.Minute, grace: 30 * time.Second, pace: pace, seed: 1, first: int(time.Now().Unix() % 1000000),
			unexpected: func(err error) { t.Error(err) }, failed: func(err error) { t.Error(err) }}
		var running sync.WaitGroup
		running.Go(w.run)
		<-time.After(lasts)
		close(w.stop)
		running.Wait()
		known, _ := w.history.count()
		return known
	}
	const full = 5 * time.Second
	calls := load(0, full)
	pace := 8 * full / time.Duration(calls) // as long as a call takes
	load(pace, full)                        // after which the caches and the connections exist
	before := resources(t, server, metrics)
	calls = load(pace, lasts)
	after := resources(t, server, metrics)
	t.Logf("%d calls in %s at half load; before: %v; after: %v", calls, lasts, before, after)
	for what, least := range map[string]float64{"memory in MiB": 32, "goroutines": 20, "open files": 15} {
		if after[what] > before[what]*1.25+least {
			t.Errorf("%s grew from %.0f to %.0f", what, before[what], after[what])
		}
	}
}

// resources returns what a server uses.
func resources(t *testing.T, p *process, metrics string) map[string]float64 {
	t.Helper()
	pid := p.command.Process.Pid
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var kib float64
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			_, _ = fmt.Sscan(rest, &kib)
		}
	}
	return map[string]float64{"memory in MiB": kib / 1024, "open files": float64(len(files)),
		"goroutines": metric(t, "http://"+metrics+"/metrics", "go_goroutines")}
}
