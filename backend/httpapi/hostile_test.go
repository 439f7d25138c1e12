// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// TestHostileClientTorture sends mutated requests to every route, with the token of every role, while another client
// uses the server as usual. It takes the routes and fields from the types of the wire. POUNCET_TORTURE=1 makes it run
// for a minute, and otherwise for a few requests of each kind.
func TestHostileClientTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: sends hostile requests: run without -short")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as pouncet server does
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(384 << 20))
	server := startHostile(t)
	stop := time.Now().Add(time.Minute)
	rounds := 1
	if os.Getenv("POUNCET_TORTURE") != "" {
		rounds = 1 << 30
	}
	var peak uint64
	for round := 0; round < rounds && time.Now().Before(stop); round++ {
		for _, route := range httpapi.Requests() {
			for _, role := range append(backend.Roles, "no role") {
				token := server.tokens[role]
				for range 8 {
					body := mutated(route.Body, server.random)
					status, text := server.send(t, route, token, body)
					if status == http.StatusInternalServerError {
						t.Errorf("%s %s as %s: status 500: %s\nrequest: %.2000s", route.Method, route.Path, role, text, body)
					}
				}
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse)
			}
		}
		for path, body := range extremes() {
			status, text := server.send(t, httpapi.RequestType{Method: http.MethodPost, Path: path},
				server.tokens[backend.RoleAdmin], body)
			if status == http.StatusInternalServerError || status == http.StatusOK {
				t.Errorf("%s with %.60s: status %d, %.500s", path, body, status, text)
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
		server.serves(t)
	}
	if peak > 500<<20 {
		t.Errorf("the server and the client had %d MB in use", peak>>20)
	}
	if log := server.log.String(); strings.Contains(log, `"msg":"panic"`) {
		t.Errorf("a request ended in a panic: %s", log[strings.Index(log, `"msg":"panic"`):][:2000])
	}
	server.stop()
	if err := <-server.served; err != nil {
		t.Errorf("the stop: %v", err)
	}
	t.Logf("peak of the heap: %d MB", peak>>20)
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

type hostileServer struct {
	url    string
	random *rand.Rand
	tokens map[backend.Role]string
	known  backend.Service // another client
	log    *lockedBuffer
	stop   func()
	served chan error
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

func startHostile(t *testing.T) *hostileServer {
	t.Helper()
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	if _, err := open.Init(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	parts, err := open.Embedded(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	h := &hostileServer{random: rand.New(rand.NewPCG(1, 2)), tokens: map[backend.Role]string{}, log: &lockedBuffer{},
		served: make(chan error, 1)}
	changes := []backend.Change{
		{Op: backend.OpCreate, Kind: backend.KindProject, Name: "other"},
		{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: "other", Name: "dev"},
		{Op: backend.OpCreate, Kind: backend.KindSecret, Project: "other", Environment: "dev", Name: "kept",
			Value: backend.PlaintextString("value")},
		{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "dev"},
	}
	newToken := func(name string, role backend.Role) string {
		token, hash := access.NewToken()
		changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: name, Role: &role,
			TokenHash: hash})
		return token
	}
	for _, role := range backend.Roles {
		h.tokens[role] = newToken("hostile-"+string(role), role)
	}
	h.tokens["no role"] = "wrong"
	usual := newToken("usual", backend.RoleRuntime)
	if _, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: changes}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	service := parts.Audited(access.Guard)
	logins := access.NewLogins(parts.Store, nil)
	o := httpapi.Options{Log: slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelError})),
		Allow: access.Allow, Refused: service.Refused, Remembered: logins.Remembered,
		Ready: httpapi.NewHealth(ctx, parts.Problems, func(_, _ []error) {}).Ready}
	handler := httpapi.NewServer(service, logins.Authenticate, o)
	h.stop = stop
	go func() { h.served <- httpapi.Serve(ctx, l, handler, o) }()
	h.url = "http://" + l.Addr().String()
	h.known, err = httpapi.NewClient(httpapi.ClientOptions{Endpoint: h.url, Token: usual})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// send sends a request and returns the status and the start of the answer. A server may end a request before it has
// read all of it, and then there is no status.
func (h *hostileServer) send(t *testing.T, to httpapi.RequestType, token string, body []byte) (int, string) {
	t.Helper()
	r, err := http.NewRequest(to.Method, h.url+to.Path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
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

// serves checks that another client, and a request for the health, have an answer.
func (h *hostileServer) serves(t *testing.T) {
	t.Helper()
	out, err := h.known.Resolve(context.Background(), []backend.Ref{{Kind: backend.KindSecret, Project: "other",
		Environment: "dev", Name: "kept"}})
	if err != nil || out[0].Err != nil && out[0].Err.Code != backend.CodeNotFound {
		t.Errorf("another client: %v, %v", out, err)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, text := h.send(t, httpapi.RequestType{Method: http.MethodGet, Path: path}, "", nil); status != 200 {
			t.Errorf("%s: status %d, %s", path, status, text)
		}
	}
}

// mutated returns the JSON of a value of the type with random fields, and sometimes broken.
func mutated(body reflect.Type, random *rand.Rand) []byte {
	if body == nil {
		return nil
	}
	v := reflect.New(body).Elem()
	mutate(v, random)
	text, err := json.Marshal(v.Interface())
	if err != nil {
		text = []byte(`{"changes":[{"json":`) // a field with invalid JSON
	}
	switch random.IntN(8) {
	case 0:
		return text[:random.IntN(len(text)+1)]
	case 1:
		return append(text, text...)
	case 2:
		text[random.IntN(len(text))] ^= 1 << random.IntN(8)
	}
	return text
}

// texts are the values of text fields: names that exist, the words of the wire, and hostile ones.
var texts = []string{"", backend.DefaultProject, "dev", "kept", "other", "a", "b", "~a", "*", "project", "app/x",
	"previous", "1", "9999999999999999999", "set", "create", "update", "delete", "restore", "secret", "scoped_value",
	"environment",
	"secret_type", "token", "usage", "admin", "viewer", "masked", "restricted", "builtin:password", "password",
	"00000000-0000-7000-8000-000000000000", "file:///etc/shadow", "aws-kms:///alias/x", "file:kms.key",
	strings.Repeat("x", 300), strings.Repeat("[0]", 500), "a\x00b", "\u202e", "../../x", "(a{1000}){1000}",
	"(abcdefghij){1000}", "' OR 1=1 --"}

var documents = []string{"null", "{}", "[]", `"a"`, "1e1000000", `{"type":"string"}`, `{"type":"object"}`,
	`{"pattern":"(a?){900}b"}`, `{"$ref":"#"}`, `{"allOf":[{"$ref":"#"},{"$ref":"#"}]}`,
	strings.Repeat("[", 200) + strings.Repeat("]", 200), `{"type":"object","properties":{"n":{"minimum":1}}}`}

// mutate sets random fields of v.
func mutate(v reflect.Value, random *rand.Rand) {
	if v.Type() == reflect.TypeFor[json.RawMessage]() {
		v.SetBytes([]byte(documents[random.IntN(len(documents))]))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[random.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(random.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, 2, -1, 100, 1 << 40, -1 << 62}[random.IntN(7)])
	case reflect.Uint8:
		v.SetUint(uint64(random.IntN(256)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		mutate(v.Elem(), random)
	case reflect.Slice:
		n := []int{0, 1, 2, 32, 40}[random.IntN(5)]
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			mutate(v.Index(i), random)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range random.IntN(70) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			key.SetString(fmt.Sprint(random.IntN(100)))
			mutate(value, random)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			if f.CanSet() && f.Kind() != reflect.Func && (v.Type().Field(i).Anonymous || random.IntN(3) == 0) {
				mutate(f, random)
			}
		}
	}
}
