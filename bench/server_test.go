// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

const (
	serverSecrets = 1000
	serverClients = 32
	serverRounds  = 3
)

// serverTime is how long each load of a round runs.
const serverTime = 2 * time.Second

// BenchmarkServer compares the rates of gets and puts of `pouncet server` with those of a floor: a handler in another
// process that reads the same body, checks a bearer token in memory and returns the same bytes. Gets and puts have
// durable records in the audit log. Every outcome is checked. The loads alternate, and the result is the median of the
// rounds.
func BenchmarkServer(b *testing.B) {
	token, hash := access.NewToken()
	few := startLoaded(b, 0, hash)
	many := startLoaded(b, backend.MaxTypes, hash)
	get, put := newFloor(b, token, few, getOf), newFloor(b, token, few, putOf)
	rates, costs := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		for range serverRounds {
			for _, l := range []struct {
				name    string
				clients int
				server  server
				send    func(n int) call
			}{
				{"get-floor", serverClients, get, getOf},
				{"get", serverClients, few, getOf},
				{"get-500-types", serverClients, many, getOf},
				{"put-floor", serverClients, put, putOf},
				{"put", serverClients, few, putOf},
				{"put-500-types", serverClients, many, putOf},
				{"get-1", 1, few, getOf},
				{"put-1", 1, few, putOf},
			} {
				rate, cost := load(b, l.server, token, l.clients, l.send)
				rates[l.name], costs[l.name] = append(rates[l.name], rate), append(costs[l.name], cost)
			}
		}
	}
	for _, name := range []string{"get", "put"} {
		ofFloor, ofFew := ratios(rates[name], rates[name+"-floor"]), ratios(rates[name+"-500-types"], rates[name])
		b.ReportMetric(100*median(ofFloor), name+"-%-of-floor")
		b.ReportMetric(median(ofFew), name+"-500-types-x")
		b.ReportMetric(median(rates[name]), name+"s/s")
		b.ReportMetric(median(rates[name+"-floor"]), name+"-floor/s")
		b.ReportMetric(median(rates[name+"-1"]), name+"s/s-1-client")
		b.ReportMetric(median(costs[name]), name+"-CPU-us")
		b.ReportMetric(median(costs[name+"-floor"]), name+"-floor-CPU-us")
	}
	b.ReportMetric(0, "ns/op")
}

// ratios divides the rates of the same rounds.
func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

// call is one request with the check of its answer.
type call struct {
	path, body string
	check      func(answer []byte) error
}

func secretOf(n int) string { return fmt.Sprintf("s%d", n*7919%serverSecrets) }

// getOf resolves a secret.
func getOf(n int) call {
	body := fmt.Sprintf(`{"project":%q,"environment":"prod","name":%q}`, backend.DefaultProject, secretOf(n))
	return call{"/v1/resolve-one", body, func(answer []byte) error {
		var got struct {
			Value   string
			Version int64
		}
		if err := json.Unmarshal(answer, &got); err != nil {
			return err
		}
		if !strings.HasPrefix(got.Value, "value-") || got.Version < 1 {
			return fmt.Errorf("a value of %d bytes, version %d", len(got.Value), got.Version)
		}
		return nil
	}}
}

// putNumber makes the value of each put a new one.
var putNumber atomic.Int64

// putOf writes a new version of a secret.
func putOf(n int) call {
	value := fmt.Sprintf("value-%d-%s", 1e6+putNumber.Add(1), strings.Repeat("x", 24))
	body := fmt.Sprintf(
		`{"changes":[{"op":"set","kind":"secret","project":%q,"environment":"prod","name":%q,"value":%q}]}`,
		backend.DefaultProject, secretOf(n), base64.StdEncoding.EncodeToString([]byte(value)))
	return call{"/v1/apply", body, func(answer []byte) error {
		var got struct {
			Outcomes []struct {
				Action backend.Action
				Object struct{ Version int64 }
			}
		}
		if err := json.Unmarshal(answer, &got); err != nil {
			return err
		}
		if len(got.Outcomes) != 1 || got.Outcomes[0].Action != backend.ActionUpdate || got.Outcomes[0].Object.Version < 2 {
			return fmt.Errorf("the outcomes are %+v", got.Outcomes)
		}
		return nil
	}}
}

// load sends calls from some clients at once. It returns the rate, and the CPU time of the server for each call in
// microseconds.
func load(b *testing.B, s server, token string, clients int, send func(n int) call) (rate, cost float64) {
	b.Helper()
	before := s.cpu()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	var done atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for w := range clients {
		wg.Go(func() {
			for n := w * serverSecrets / clients; time.Since(start) < serverTime; n++ {
				c := send(n)
				answer, err := post(client, s.base, token, c)
				if err == nil {
					err = c.check(answer)
				}
				if err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	calls := float64(done.Load())
	return calls / time.Since(start).Seconds(), float64((s.cpu() - before).Microseconds()) / calls
}

// server is a process that answers calls.
type server struct {
	base    string
	process *os.Process
}

// cpu returns the CPU time that the process has used. It is 0 where the system does not tell.
func (s server) cpu() time.Duration { return readProcess(strconv.Itoa(s.process.Pid)).own }

// processTimes are the times of a process in /proc: its own CPU time, and the CPU time of its ended children.
type processTimes struct {
	parent     int
	own, ended time.Duration
}

// readProcess returns nothing where the system does not tell.
func readProcess(pid string) (p processTimes) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return p
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name of the program comes before
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return p
	}
	var n [15]time.Duration
	for i := 1; i < len(n); i++ {
		number, _ := strconv.Atoi(fields[i])
		n[i] = time.Duration(number)
	}
	const tick = 10 * time.Millisecond // Linux has 100 ticks in a second for every program
	return processTimes{parent: int(n[1]), own: (n[11] + n[12]) * tick, ended: (n[13] + n[14]) * tick}
}

func post(client *http.Client, base, token string, c call) ([]byte, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+c.path, strings.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, answer)
	}
	return answer, err
}

// startLoaded starts a server whose default project has some types and the secrets.
func startLoaded(b *testing.B, types int, tokenHash []byte) server {
	b.Helper()
	address := freeAddress(b)
	program := exec.Command(programtest.Pouncet(b), "server", "--quiet", "--listen", address)
	program.Env = append(os.Environ(), "POUNCET_HOME="+newLoadedFolder(b, types, tokenHash))
	return startProcess(b, program, address)
}

// newLoadedFolder makes a backend for startLoaded, and returns its folder.
func newLoadedFolder(b *testing.B, types int, tokenHash []byte) string {
	b.Helper()
	ctx := b.Context()
	home := filepath.Join(b.TempDir(), "data")
	if _, err := open.Init(ctx, open.Config{Path: home}); err != nil {
		b.Fatal(err)
	}
	local, err := open.Open(ctx, open.Config{Path: home})
	if err != nil {
		b.Fatal(err)
	}
	createSecrets(b, local, serverSecrets)
	role, principal := backend.RoleAdmin, backend.Workload
	changes := []backend.Change{{Op: backend.OpCreate, Kind: backend.KindToken, Name: "bench", Role: &role,
		Principal: &principal, TokenHash: tokenHash}}
	for i := range types {
		changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindSecretType,
			Project: backend.DefaultProject, Name: fmt.Sprintf("type_%d", i), Schema: []byte(`{"type":"string"}`)})
	}
	if _, err := local.Apply(ctx, backend.ChangeSet{Changes: changes}); err != nil {
		b.Fatal(err)
	}
	if err := local.Close(); err != nil {
		b.Fatal(err)
	}
	return home
}

func freeAddress(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startProcess starts a server and waits until it accepts connections.
func startProcess(b *testing.B, program *exec.Cmd, address string) server {
	b.Helper()
	var output bytes.Buffer
	program.Stderr = &output
	if err := program.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = program.Process.Signal(os.Interrupt)
		_ = program.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return server{"http://" + address, program.Process}
		}
	}
	b.Fatalf("the server does not accept connections: %s", output.String())
	return server{}
}

// The environment variables of a process that is the floor.
const (
	floorAddress = "POUNCET_BENCH_FLOOR"
	floorToken   = "POUNCET_BENCH_FLOOR_TOKEN"
	floorAnswer  = "POUNCET_BENCH_FLOOR_ANSWER"
)

// newFloor starts a floor that answers as another server does.
func newFloor(b *testing.B, token string, as server, send func(n int) call) server {
	b.Helper()
	answer, err := post(http.DefaultClient, as.base, token, send(0))
	if err != nil {
		b.Fatal(err)
	}
	address := freeAddress(b)
	floor := exec.Command(os.Args[0])
	floor.Env = append(os.Environ(), floorAddress+"="+address, floorToken+"="+token, floorAnswer+"="+string(answer))
	return startProcess(b, floor, address)
}

func TestMain(m *testing.M) {
	if address := os.Getenv(floorAddress); address != "" {
		serveFloor(address, os.Getenv(floorToken), []byte(os.Getenv(floorAnswer)))
		return
	}
	if address := os.Getenv(logAddress); address != "" {
		fmt.Fprintln(os.Stderr, serveWithLog(address, os.Getenv(logFolder), os.Getenv(logRecords) == "true"))
		return
	}
	os.Exit(m.Run())
}

func serveFloor(address, token string, answer []byte) {
	principals := map[string]bool{string(access.HashToken(token)): true}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || !principals[string(access.HashToken(given))] {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(address, handler))
}
