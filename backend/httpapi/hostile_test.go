// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

const (
	hostileClients = 8         // clients that send mutated requests
	largeClients   = 24        // clients that send large requests
	hostileMemory  = 500 << 20 // the most memory that the server may need, in bytes
)

// TestHostileClientTorture sends mutated requests to every route, with the token of every role, from several clients at
// once. Another client uses the server meanwhile. The routes and fields come from the wire types. The server
// is the program, in its own process. The test runs for a minute with POUNCET_TORTURE or POUNCET_TEST_PARTS, and
// otherwise for one round.
func TestHostileClientTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: sends hostile requests: run without -short")
	}
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: ends the server with a signal, which Windows does not have")
	}
	server := startHostile(t)
	stop := time.Now().Add(45 * time.Second) // the last answers take a while
	rounds, requests, largeOnes := 1, 2, 2
	if os.Getenv("POUNCET_TORTURE") != "" || os.Getenv("POUNCET_TEST_PARTS") != "" {
		rounds, requests, largeOnes = 1<<30, 8, largeClients
	}
	steady := server.startSteady(t)
	var clients sync.WaitGroup
	large := largeRequests()
	for i := range hostileClients + largeOnes {
		c := &hostileClient{hostileServer: server, random: rand.New(rand.NewPCG(1, uint64(i))), requests: requests,
			answers: map[int]int{}}
		clients.Go(func() {
			for round := 0; round < rounds && time.Now().Before(stop); round++ {
				if i < hostileClients {
					c.round(t, stop)
				} else {
					c.sendLarge(t, large, stop)
				}
			}
		})
		t.Cleanup(func() { t.Logf("client %d: requests by status: %v", i, c.answers) })
	}
	clients.Wait()
	steady.end(t)
	server.end(t)
}

// hostileClient sends requests one after the other.
type hostileClient struct {
	*hostileServer
	random   *rand.Rand
	requests int         // of each kind in a round
	answers  map[int]int // by status
}

// round sends some requests of each kind, until stop at most.
func (c *hostileClient) round(t *testing.T, stop time.Time) {
	for _, route := range httpapi.Requests() {
		for _, role := range append(backend.Roles, "no role") {
			for range c.requests {
				if time.Now().After(stop) {
					return
				}
				body := mutated(route.Body, c.random)
				status, text := c.send(t, route, c.tokens[role], body)
				if c.answers[status]++; status == http.StatusInternalServerError || status == 0 {
					t.Errorf("%s %s as %s: status %d: %s\nrequest: %.2000s", route.Method, route.Path, role, status, text, body)
				}
			}
		}
	}
	for path, body := range extremes() {
		to := httpapi.RequestType{Method: http.MethodPost, Path: path}
		status, text := c.send(t, to, c.tokens[backend.RoleAdmin], body)
		if c.answers[status]++; status == http.StatusInternalServerError || status == http.StatusOK || status == 0 {
			t.Errorf("%s with %.60s: status %d, %.500s", path, body, status, text)
		}
	}
}

// extremes are large requests of few bytes, or with much work.
func extremes() map[string][]byte {
	repeated := func(prefix, item string, n int, suffix string) []byte {
		return []byte(prefix + strings.Repeat(item+",", n) + item + suffix)
	}
	return map[string][]byte{
		"/v1/apply":       repeated(`{"changes":[`, "{}", 3<<20, "]}"),
		"/v1/resolve":     repeated(`{"refs":[`, "{}", 8<<20, "]}"),
		"/v1/query":       []byte(`{"name":"` + strings.Repeat("x", 33<<20) + `"}`),
		"/v1/resolve-one": []byte(`{"field":"` + strings.Repeat("[0]", 8<<20) + `"}`),
		"/v1/value":       []byte(strings.Repeat("[", 1<<20)),
	}
}

// largeRequest is a request that is allowed, and needs much memory.
type largeRequest struct {
	path string
	role backend.Role
	body []byte
}

func largeRequests() []largeRequest {
	list := func(field, item string, n int, rest string) []byte {
		return []byte(`{"` + field + `":[` + strings.Repeat(item+",", n-1) + item + "]" + rest + "}")
	}
	place := `"kind":"secret","project":"large","environment":"dev","name":"`
	value := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 60_000))
	usage := `{"kind":"secret","name":"a","environment":"dev","file":"` + strings.Repeat("f", 900) + `","line":1}`
	return []largeRequest{
		{"/v1/resolve", backend.RoleRuntime, list("refs", `{`+place+`kept"}`, 240, "")},
		{"/v1/apply", backend.RoleAdmin, list("changes", `{"op":"set",`+place+`new","value":"`+value+`"}`, 380,
			`,"dry_run":true`)},
		{"/v1/apply", backend.RolePlanner, list("changes", `{"op":"set",`+place+`new","value":"`+value+`"}`, 380,
			`,"dry_run":true`)},
		{"/v1/apply", backend.RoleAdmin, list("changes", `{"op":"delete",`+place+strings.Repeat("n", 3000)+`"}`, 9900,
			`,"dry_run":true`)},
		{"/v1/apply", backend.RoleRuntime, []byte(`{"dry_run":true,"changes":[{"op":"set","kind":"usage","project":"large",` +
			`"name":"s",` + strings.TrimPrefix(string(list("usages", usage, 20_000, "")), "{") + "]}")},
		{"/v1/query", backend.RoleViewer, []byte(`{"kind":"secret","project":"large"}`)},
	}
}

// sendLarge sends each of the requests, until stop at most. The clients begin with different ones.
func (c *hostileClient) sendLarge(t *testing.T, all []largeRequest, stop time.Time) {
	for _, i := range c.random.Perm(len(all)) {
		if time.Now().After(stop) {
			return
		}
		to := httpapi.RequestType{Method: http.MethodPost, Path: all[i].path}
		status, text := c.send(t, to, c.tokens[all[i].role], all[i].body)
		if c.answers[status]++; status == http.StatusInternalServerError {
			t.Errorf("a large request to %s: status 500, %s", all[i].path, text)
		}
	}
}

// steadyClient reads one secret again and again, and asks for the health.
type steadyClient struct {
	stop, stopped chan struct{}
	calls         int
}

func (h *hostileServer) startSteady(t *testing.T) *steadyClient {
	t.Helper()
	client, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: h.url, Token: h.tokens["steady"]})
	if err != nil {
		t.Fatal(err)
	}
	u := &steadyClient{stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(u.stopped)
		for {
			select {
			case <-u.stop:
				return
			default:
			}
			out, err := client.Resolve(context.Background(), []backend.Ref{steadyRef})
			if err != nil || out[0].Err != nil || string(out[0].Value.Expose()) != "value" {
				t.Errorf("another client: %v, %v", out, err)
			}
			if status, text := h.get(t, "/healthz"); status != http.StatusOK {
				t.Errorf("/healthz: status %d, %s", status, text)
			}
			u.calls++
		}
	}()
	return u
}

// end checks that the client was served all the time.
func (u *steadyClient) end(t *testing.T) {
	t.Helper()
	close(u.stop)
	<-u.stopped
	if t.Logf("another client was served %d times", u.calls); u.calls == 0 {
		t.Error("another client was not served")
	}
}

// hostileServer is the process of a server.
type hostileServer struct {
	url    string
	tokens map[backend.Role]string
	home   string
	log    *lockedBuffer
	run    *exec.Cmd
	logged chan struct{} // closed at the end of the log
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// steadyRef is the secret that the steady client reads. No mutated request names its project.
var steadyRef = backend.Ref{Kind: backend.KindSecret, Project: "of-the-steady-client", Environment: "dev", Name: "kept"}

func startHostile(t *testing.T) *hostileServer {
	t.Helper()
	h := &hostileServer{tokens: map[backend.Role]string{"no role": "wrong"}, log: &lockedBuffer{},
		home: filepath.Join(t.TempDir(), "data"), logged: make(chan struct{})}
	h.fill(t)
	h.run = exec.CommandContext(t.Context(), programtest.Pouncet(t), "server", "--listen", "127.0.0.1:0", "--quiet")
	h.run.Env = append(os.Environ(), "POUNCET_HOME="+h.home)
	lines, err := h.run.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.run.Start(); err != nil {
		t.Fatal(err)
	}
	log := bufio.NewReader(lines)
	for h.url == "" {
		line, err := log.ReadString('\n')
		if err != nil {
			t.Fatalf("the server does not start: %s%s", h.log, line)
		}
		fmt.Fprint(h.log, line)
		if rest, ok := strings.CutPrefix(line, "listening on "); ok {
			h.url, _, _ = strings.Cut(rest, ",")
		}
	}
	go func() {
		defer close(h.logged)
		_, _ = io.Copy(h.log, log)
	}()
	return h
}

// fill creates a database with a token of each role.
func (h *hostileServer) fill(t *testing.T) {
	t.Helper()
	c := open.Config{Path: h.home}
	opentest.Init(t, c)
	parts, err := open.Embedded(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	var changes []backend.Change
	for project, value := range map[string]string{"other": "value", steadyRef.Project: "value",
		"large": strings.Repeat("x", backend.DefaultMaxValueBytes)} {
		changes = append(changes,
			backend.Change{Op: backend.OpCreate, Kind: backend.KindProject, Name: project},
			backend.Change{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: project, Name: "dev"},
			backend.Change{Op: backend.OpCreate, Kind: backend.KindSecret, Project: project, Environment: "dev",
				Name: steadyRef.Name, Value: backend.PlaintextString(value)})
	}
	changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindEnvironment,
		Project: backend.DefaultProject, Name: "dev"})
	newToken := func(name string, role backend.Role) string {
		token, hash := access.NewToken()
		changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: name, Role: &role,
			TokenHash: hash})
		return token
	}
	for _, role := range backend.Roles {
		h.tokens[role] = newToken("hostile-"+string(role), role)
	}
	h.tokens["steady"] = newToken("steady", backend.RoleRuntime)
	if _, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: changes}); err != nil {
		t.Fatal(err)
	}
}

// end checks the health and the memory, and ends the server as a service manager does.
func (h *hostileServer) end(t *testing.T) {
	t.Helper()
	for status := 0; status != http.StatusOK; { // the server checks its health every 10 s
		status, _ = h.get(t, "/readyz")
	}
	if peak, ok := peakMemory(t, h.run.Process.Pid); !ok {
		t.Log("SKIPPED: the memory of a process is measured on Linux only")
	} else if t.Logf("the server had %d MB of memory", peak>>20); peak > hostileMemory {
		t.Errorf("the server had %d MB of memory, which is more than %d MB", peak>>20, hostileMemory>>20)
	}
	if err := h.run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-h.logged
	if err := h.run.Wait(); err != nil {
		t.Errorf("the stop: %v: %s", err, h.log)
	}
	if log := h.log.String(); strings.Contains(log, "panic") {
		t.Errorf("a request ended in a panic: %.3000s", log[strings.Index(log, "panic"):])
	}
}

// peakMemory returns the peak of the resident memory of a process, in bytes, if the operating system is Linux.
func peakMemory(t *testing.T, pid int) (int, bool) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kB << 10, true
}

// send sends a request and returns the status and the start of the answer. The status is 0 if there was no answer.
func (h *hostileServer) send(t *testing.T, to httpapi.RequestType, token string, body []byte) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), to.Method, h.url+to.Path, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	return response.StatusCode, string(text)
}

func (h *hostileServer) get(t *testing.T, path string) (int, string) {
	t.Helper()
	return h.send(t, httpapi.RequestType{Method: http.MethodGet, Path: path}, "wrong", nil)
}
