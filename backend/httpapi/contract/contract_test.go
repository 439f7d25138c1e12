// SPDX-License-Identifier: MPL-2.0

package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi-validator/schema_validation"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/servicetest"
)

// TestDocumentIsValid compares the document with the schema that the OpenAPI Initiative publishes for version 3.1.
func TestDocumentIsValid(t *testing.T) {
	parsed, err := libopenapi.NewDocument([]byte(httpapi.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	if ok, errs := schema_validation.ValidateOpenAPIDocument(parsed); !ok {
		t.Error(text(errs))
	}
	broken, err := libopenapi.NewDocument([]byte(strings.Replace(httpapi.OpenAPI(), `"paths"`, `"pathz"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := schema_validation.ValidateOpenAPIDocument(broken); ok {
		t.Error("a document without paths is valid")
	}
}

// server is a running server, with a token for each role.
type server struct {
	*watcher
	url    string
	tokens map[backend.Role]string
}

func start(t *testing.T, wrap func(http.Handler) http.Handler) *server {
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
	s := &server{tokens: map[backend.Role]string{}}
	workload := backend.Workload // restricted secrets are for workloads
	for _, role := range backend.Roles {
		token, hash := access.NewToken()
		s.tokens[role] = token
		if _, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{{
			Op: backend.OpCreate, Kind: backend.KindToken, Name: "test-" + string(role), Role: &role, TokenHash: hash,
			Principal: &workload}}}); err != nil {
			t.Fatal(err)
		}
	}
	service := parts.Audited(access.Guard)
	logins := access.NewLogins(parts.Store, nil)
	health := httpapi.NewHealth(t.Context(), parts.Problems, func(_, _ []error) {})
	handler := httpapi.NewServer(service, logins.Authenticate, httpapi.Options{Allow: access.Allow,
		Refused: service.Refused, Remembered: logins.Remembered, Begin: parts.Begin, Ready: health.Ready,
		Problems: health.Problems, Login: exchange})
	s.watcher = watch(t, wrap(handler))
	running := httptest.NewServer(s.watcher)
	t.Cleanup(running.Close)
	s.url = running.URL
	return s
}

// identityToken is the identity token that lets a caller in.
const identityToken = "header.claims.signature"

func exchange(_ context.Context, trust, token string) (httpapi.LoginSession, backend.Principal, error) {
	if token != identityToken {
		return httpapi.LoginSession{}, backend.Principal{}, backend.Errorf(backend.CodeUnauthenticated, "not accepted")
	}
	return httpapi.LoginSession{Token: "pncs_x", ExpiresAt: time.Now(), Principal: trust + "/x", Kind: backend.Workload},
		backend.Principal{ID: trust + "/x", Name: trust + "/x"}, nil
}

func asItIs(h http.Handler) http.Handler { return h }

// send sends a request and returns the status and the body of its answer.
func (s *server) send(t *testing.T, method, path, body string, headers ...string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// TestConformanceSuiteIsAsDocumented runs the suite of backend.Service with the client, and compares every exchange.
func TestConformanceSuiteIsAsDocumented(t *testing.T) {
	var calls atomic.Int64
	t.Cleanup(func() { // when all parts of the suite have ended
		t.Logf("%d exchanges", calls.Load())
		if calls.Load() < 1000 {
			t.Errorf("the suite made only %d calls", calls.Load())
		}
	})
	servicetest.Run(t, func(t *testing.T) backend.Service {
		s := start(t, asItIs)
		t.Cleanup(func() {
			s.passes(t)
			calls.Add(int64(s.calls))
		})
		c, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: s.url, Token: s.tokens[backend.RoleAdmin],
			RetryMax: -1})
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
}

// valid are requests that each operation answers with 200.
var valid = map[string]string{
	"/v1/query":       `{"kind":"secret","project":"default","limit":1}`,
	"/v1/resolve":     `{"common":{"kind":"secret","project":"default"},"refs":[{"environment":"dev","name":"a"}]}`,
	"/v1/resolve-one": `{"project":"default","environment":"dev","name":"a"}`,
	"/v1/value":       `{"project":"default","environment":"dev","name":"a"}`,
	"/v1/login":       `{"trust":"t","token":"` + identityToken + `"}`,
	"/v1/apply":       `{"changes":[{"op":"set","kind":"environment","project":"default","name":"dev"}],"dry_run":true}`,
}

// prepare makes the objects of valid.
const prepare = `{"changes":[{"op":"create","kind":"environment","project":"default","name":"dev"},
	{"op":"create","kind":"secret","project":"default","environment":"dev","name":"a","value":"Q0FOQVJZ"}]}`

// TestRequestsOfEveryOperation sends valid and invalid requests of each operation.
func TestRequestsOfEveryOperation(t *testing.T) {
	s := start(t, asItIs)
	admin := "Bearer " + s.tokens[backend.RoleAdmin]
	if status, answer := s.send(t, http.MethodPost, "/v1/apply", prepare, "Authorization", admin); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	for path, item := range s.model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			method = strings.ToUpper(method)
			body := valid[path]
			if (operation.RequestBody != nil) != (body != "") {
				t.Errorf("%s %s has no valid request in this test", method, path)
				continue
			}
			want := func(status int, body string, headers ...string) {
				t.Helper()
				if got, answer := s.send(t, method, path, body, headers...); got != status {
					t.Errorf("%s %s %v %.200s: status %d, want %d: %s", method, path, headers, body, got, status, answer)
				}
			}
			want(200, body, "Authorization", admin)
			if operation.RequestBody == nil {
				want(200, "")
				continue
			}
			want(200, body, "Authorization", admin, "Pouncet-Wire-Version", "1", "Traceparent",
				"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
			if path == "/v1/login" { // it needs no other token
				want(200, body)
				want(401, strings.Replace(body, identityToken, "other", 1))
			} else {
				want(401, body)
				want(401, body, "Authorization", "Bearer wrong")
			}
			want(400, body, "Authorization", admin, "Pouncet-Wire-Version", "2")
			want(400, body, "Authorization", admin, "Content-Type", "text/plain")
			want(400, `{`, "Authorization", admin)
			want(400, `[]`, "Authorization", admin)
			for _, wrong := range mutations(body) {
				got, answer := s.send(t, method, path, wrong, "Authorization", admin)
				if got != 400 && !(got == 413 && strings.Contains(wrong, "[]")) { // a list where there is none
					t.Errorf("%s %s %s: status %d: %s", method, path, wrong, got, answer)
				}
			}
		}
	}
	if status, _ := s.send(t, http.MethodPost, "/v1/apply", valid["/v1/apply"], "Authorization",
		"Bearer "+s.tokens[backend.RoleViewer]); status != 403 {
		t.Errorf("a viewer applies with status %d", status)
	}
	s.passes(t)
}

// mutations returns requests that differ from body in one place, in a way that no schema allows: an unknown field in
// each object, and another type for each value.
func mutations(body string) []string {
	var root any
	if err := json.Unmarshal([]byte(body), &root); err != nil {
		panic(err)
	}
	var all []string
	emit := func() {
		text, _ := json.Marshal(root)
		all = append(all, string(text))
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			v["unknown"] = 1
			emit()
			delete(v, "unknown")
			for name, old := range v {
				for _, other := range []any{"x", 1.5, true, []any{}, map[string]any{}} {
					if fmt.Sprintf("%T", other) == fmt.Sprintf("%T", old) {
						continue
					}
					v[name] = other
					emit()
				}
				v[name] = old
				walk(old)
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(root)
	return all
}

// TestEveryStatusIsDocumented makes the service return each code, for each operation. Together with the tests above, it
// also shows that the document has no status that the server does not send.
func TestEveryStatusIsDocumented(t *testing.T) {
	codes := []backend.Code{backend.CodeInvalid, backend.CodeTooLarge, backend.CodeQuota, backend.CodeNotFound,
		backend.CodeExists, backend.CodeConflict, backend.CodeInUse, backend.CodeImmutable, backend.CodeDenied,
		backend.CodeUnauthenticated, backend.CodeUnavailable, backend.CodeKeyUnusable, backend.CodeStorageFull,
		backend.CodeCorrupt, backend.CodeInternal}
	failing := &failing{}
	o := httpapi.Options{Ready: failing.ready, Login: failing.exchange,
		RateLimit: httpapi.RateLimit{PerSecond: 1000, Burst: 1000}}
	w := watch(t, httpapi.NewServer(failing, failing.login, o))
	o.RateLimit = httpapi.RateLimit{PerSecond: 0.001, Burst: 1}
	limited := httpapi.NewServer(failing, failing.login, o)
	s := &server{watcher: w}
	running := httptest.NewServer(w)
	t.Cleanup(running.Close)
	s.url = running.URL
	for path := range valid {
		for _, failing.code = range append(codes, "") {
			s.send(t, http.MethodPost, path, valid[path], "Authorization", "Bearer x")
		}
		failing.panics = true
		s.send(t, http.MethodPost, path, valid[path], "Authorization", "Bearer x")
		failing.panics = false
	}
	for _, path := range []string{"/healthz", "/readyz", "/v1/openapi.json"} {
		for _, failing.code = range []backend.Code{backend.CodeUnavailable, ""} {
			s.send(t, http.MethodGet, path, "")
		}
	}
	failing.panics = true
	s.send(t, http.MethodGet, "/readyz", "")
	failing.panics = false
	w.next = limited
	for path := range valid {
		for range 2 {
			s.send(t, http.MethodPost, path, valid[path], "Authorization", "Bearer x")
		}
	}
	for range 150 { // the logins of one address have another limit
		s.send(t, http.MethodPost, "/v1/login", valid["/v1/login"])
	}
	s.passes(t)
	for path, item := range s.model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			for status := range operation.Responses.Codes.FromOldest() {
				name := strings.ToUpper(method) + " " + path + " " + status
				if !w.seen[name] && name != "GET /healthz 500" && name != "GET /v1/openapi.json 500" {
					t.Errorf("%s is documented, and the server does not send it", name)
				}
			}
		}
	}
}

// failing is a Service whose calls end with an error of one code.
type failing struct {
	code   backend.Code // "" for none
	panics bool
}

func (f *failing) err() error {
	if f.panics {
		panic("a defect")
	}
	if f.code == "" {
		return nil
	}
	return backend.Errorf(f.code, "the error of the test").WithHint("none").At("name")
}

func (f *failing) ready(context.Context) error { return f.err() }

func (f *failing) login(context.Context, string) (backend.Principal, error) {
	return backend.Principal{ID: "id", Name: "test", Role: backend.RoleAdmin}, nil
}

func (f *failing) exchange(ctx context.Context, trust, _ string) (httpapi.LoginSession, backend.Principal, error) {
	s, who, _ := exchange(ctx, trust, identityToken)
	return s, who, f.err()
}

func (f *failing) Query(context.Context, backend.Query) (backend.Page, error) {
	return backend.Page{Objects: []backend.Object{}}, f.err()
}

func (f *failing) Resolve(context.Context, []backend.Ref) ([]backend.Resolution, error) {
	return []backend.Resolution{{Value: backend.PlaintextString("v"), ID: "id", Environment: "dev"}}, f.err()
}

func (f *failing) Apply(context.Context, backend.ChangeSet) ([]backend.Outcome, error) {
	err := f.err()
	if err != nil && f.code != backend.CodeUnavailable {
		return []backend.Outcome{{Err: backend.AsError(err)}}, err
	}
	return []backend.Outcome{}, err
}

// TestSensitiveFieldsAreMarked looks for a secret value in the answers, and in the request that sets it.
func TestSensitiveFieldsAreMarked(t *testing.T) {
	s := start(t, asItIs)
	admin := "Bearer " + s.tokens[backend.RoleAdmin]
	sensitive := map[string]bool{}
	for name, schema := range s.model.Components.Schemas.FromOldest() {
		for field, proxy := range schema.Schema().Properties.FromOldest() {
			if x := proxy.Schema().Extensions; x != nil && x.GetOrZero("x-sensitive") != nil {
				sensitive[field] = true
				if proxy.Schema().Format != "password" {
					t.Errorf("%s.%s has not the format password", name, field)
				}
			}
		}
	}
	found := map[string]bool{}
	var look func(at string, v any)
	look = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, x := range v {
				look(name, x)
			}
		case []any:
			for _, x := range v {
				look(at, x)
			}
		case string:
			if strings.Contains(v, "CANARY") || strings.Contains(v, "Q0FOQVJZ") {
				found[at] = true
			}
		}
	}
	ask := func(path, body string) {
		status, answer := s.send(t, http.MethodPost, path, body, "Authorization", admin)
		if status != 200 {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
		for _, text := range []string{body, string(answer)} {
			var v any
			if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&v); err != nil {
				t.Fatal(err)
			}
			look("", v)
		}
	}
	ask("/v1/apply", prepare)
	for path, body := range valid {
		ask(path, body)
	}
	for field := range found {
		if !sensitive[field] {
			t.Errorf("the field %s held a value, and is not marked", field)
		}
	}
	for _, field := range []string{"value", "value_base64"} {
		if !found[field] {
			t.Errorf("the field %s held no value in this test", field)
		}
	}
}

// TestDifferencesAreFound lets a server differ from the document in one way at a time.
func TestDifferencesAreFound(t *testing.T) {
	for name, change := range map[string]func(r *httptest.ResponseRecorder, body map[string]any){
		"a status":            func(r *httptest.ResponseRecorder, _ map[string]any) { r.Code = 418 },
		"a header more":       func(r *httptest.ResponseRecorder, _ map[string]any) { r.Header().Set("Pouncet-New", "1") },
		"a header less":       func(r *httptest.ResponseRecorder, _ map[string]any) { r.Header().Del("X-Request-Id") },
		"a field more":        func(_ *httptest.ResponseRecorder, b map[string]any) { b["more"] = 1 },
		"a field less":        func(_ *httptest.ResponseRecorder, b map[string]any) { delete(b, "objects") },
		"a type":              func(_ *httptest.ResponseRecorder, b map[string]any) { b["deployment"] = 1 },
		"a type deep inside":  func(_ *httptest.ResponseRecorder, b map[string]any) { first(b)["name"] = 1 },
		"a field deep inside": func(_ *httptest.ResponseRecorder, b map[string]any) { first(b)["value"] = "" },
		"an unknown kind":     func(_ *httptest.ResponseRecorder, b map[string]any) { first(b)["kind"] = "new" },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					answered := httptest.NewRecorder()
					h.ServeHTTP(answered, r)
					var body map[string]any
					_ = json.Unmarshal(answered.Body.Bytes(), &body)
					change(answered, body)
					changed, _ := json.Marshal(body)
					answered.Header().Del("Content-Length")
					for name, values := range answered.Header() {
						w.Header()[name] = values
					}
					w.WriteHeader(answered.Code)
					_, _ = w.Write(changed)
				})
			})
			s.send(t, http.MethodPost, "/v1/query", `{"kind":"project"}`, "Authorization",
				"Bearer "+s.tokens[backend.RoleAdmin])
			if len(s.problems) == 0 {
				t.Error("the difference was not found")
			}
		})
	}
}

func first(body map[string]any) map[string]any { return body["objects"].([]any)[0].(map[string]any) }
