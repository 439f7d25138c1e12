// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// TestALargeRequestEndsEarly sends requests of megabytes that would need a hundred times their size.
func TestALargeRequestEndsEarly(t *testing.T) {
	handler := httpapi.NewServer(&scripted{}, authenticate, httpapi.Options{})
	var labels strings.Builder
	for i := range 600_000 {
		labels.WriteString(`"` + strconv.Itoa(i) + `":"",`)
	}
	for name, c := range map[string]struct{ path, body, want string }{
		"empty changes":    {"apply", `{"changes":[` + strings.Repeat("{},", 8<<20/3) + "{}]}", "10000 changes"},
		"null changes":     {"apply", `{"changes":[` + strings.Repeat("null,", 8<<20/5) + "{}]}", "10000 changes"},
		"empty references": {"resolve", `{"refs":[` + strings.Repeat("{},", 24<<20/3) + "{}]}", "20000 changes or"},
		"empty usages": {"apply", `{"changes":[{"usages":[` + strings.Repeat("{},", 8<<20/3) + "{}]}]}",
			"250000 items"},
		"labels": {"apply", `{"changes":[{"labels":{` + labels.String() + `"":""}}]}`,
			"1000000 names"},
		"deep":              {"apply", `{"changes":[{"json":` + strings.Repeat("[", 8<<20), "nests deeper than 110"},
		"a list in a query": {"query", `{"name":[` + strings.Repeat("1,", 8<<20/2) + "1]}", "a list where none"},
		"a long name":       {"query", `{"name":"` + strings.Repeat("x", 40<<20) + `"}`, "33554432 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			response := httptest.NewRecorder()
			request := request(c.path, strings.NewReader(c.body))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			handler.ServeHTTP(response, request)
			runtime.ReadMemStats(&after)
			if response.Code != http.StatusRequestEntityTooLarge || !strings.Contains(response.Body.String(), c.want) {
				t.Errorf("status %d, %s", response.Code, response.Body)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 150<<20 {
				t.Errorf("the refused request allocated %d MB", n>>20)
			}
		})
	}
}

// A body that was refused no longer counts as one that is read.
func TestARefusedBodyIsReleased(t *testing.T) {
	for name, body := range map[string]string{
		"too large": `{"name":"` + strings.Repeat("x", 40<<20) + `"}`, "too deep": strings.Repeat("[", 1000), "small": "{}",
	} {
		if n := httpapi.InFlightAfter(strings.NewReader(body)); n != 0 {
			t.Errorf("a %s body leaves %d bytes", name, n)
		}
	}
}

// Callers without a valid token queue nowhere: each check of a token reads the database.
func TestManyTokenChecksAreRefused(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := func(ctx context.Context, token string) (backend.Principal, error) {
		entered <- struct{}{}
		<-leave
		return authenticate(ctx, token)
	}
	server := httptest.NewServer(httpapi.NewServer(&scripted{}, slow, httpapi.Options{MaxRequests: 1}))
	defer server.Close()
	first := make(chan int)
	send := func() int {
		r := request("query", strings.NewReader("{}"))
		r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", server.Listener.Addr().String()
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return 0
		}
		response.Body.Close()
		return response.StatusCode
	}
	go func() { first <- send() }()
	<-entered
	if status := send(); status != http.StatusTooManyRequests {
		t.Errorf("the second request has status %d", status)
	}
	close(leave)
	if status := <-first; status != http.StatusOK {
		t.Errorf("the first request has status %d", status)
	}
}

func healthy(context.Context) ([]error, error) { return nil, nil }

// A check that hangs is not healthy.
func TestAnOldHealthCheckIsNotReady(t *testing.T) {
	h := httpapi.NewHealth(context.Background(), healthy, nil)
	if err := h.Ready(context.Background()); err != nil {
		t.Error(err)
	}
	h.Age(time.Minute)
	if err := h.Ready(context.Background()); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("an old result: %v", err)
	}
}

func request(verb string, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/"+verb, body)
	r.Header.Set("Authorization", "Bearer "+goodToken)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestRightsAreCheckedBeforeTheBodyIsRead(t *testing.T) {
	for role, verbs := range map[backend.Role][]string{
		backend.RoleViewer:  {"apply", "resolve", "resolve-one"},
		backend.RolePlanner: {"resolve", "resolve-one"},
	} {
		handler := httpapi.NewServer(&scripted{}, func(context.Context, string) (backend.Principal, error) {
			return backend.Principal{ID: "1", Name: "p", Role: role}, nil
		}, httpapi.Options{Allow: access.Allow})
		for _, verb := range verbs {
			response := httptest.NewRecorder()
			handler.ServeHTTP(response, request(verb, unread{t}))
			if response.Code != http.StatusForbidden || !strings.Contains(response.Body.String(), "permission denied") {
				t.Errorf("%s as a %s: status %d, %s", verb, role, response.Code, response.Body)
			}
		}
	}
}

// TestSlowBodiesBlockNobody opens more requests than there are slots, and sends none of their bodies.
func TestSlowBodiesBlockNobody(t *testing.T) {
	const slots = 8
	who := func(_ context.Context, token string) (backend.Principal, error) {
		return backend.Principal{ID: token, Name: token, Role: backend.RoleAdmin}, nil
	}
	server := httptest.NewServer(httpapi.NewServer(&scripted{}, who, httpapi.Options{MaxRequests: slots}))
	defer server.Close()
	for range 3 * slots {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /v1/query HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer slow\r\n"+
			"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		response, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, response.StatusCode)
		}
	}
	if _, err := client(t, server.URL, "other").Query(context.Background(), backend.Query{}); err != nil {
		t.Errorf("another client: %v", err)
	}
}

func TestAnotherMethodGetsStatus405(t *testing.T) {
	handler := httpapi.NewServer(&scripted{}, authenticate, httpapi.Options{})
	for path, allowed := range map[string]string{"/v1/query": "POST", "/v1/resolve": "POST", "/v1/resolve-one": "POST",
		"/v1/value": "POST", "/v1/apply": "POST", "/healthz": "GET", "/readyz": "GET"} {
		for _, method := range []string{"DELETE", "PUT", "PATCH", map[string]string{"GET": "POST", "POST": "GET"}[allowed]} {
			response := httptest.NewRecorder()
			handler.ServeHTTP(response, httptest.NewRequest(method, path, nil))
			if response.Code != http.StatusMethodNotAllowed || response.Header().Get("Allow") != allowed ||
				!strings.Contains(response.Body.String(), `"code":"invalid"`) {
				t.Errorf("%s %s: status %d, Allow %q, %s", method, path, response.Code, response.Header().Get("Allow"),
					response.Body)
			}
		}
	}
}

func TestARefusedChangeHasTheStatusOfItsError(t *testing.T) {
	for code, status := range map[backend.Code]int{backend.CodeInvalid: 400, backend.CodeConflict: 409,
		backend.CodeQuota: 422, backend.CodeTooLarge: 413} {
		s := &scripted{outcomes: []backend.Outcome{{Err: backend.Errorf(code, "refused")}}}
		s.err = backend.Rejected(s.outcomes)
		response := httptest.NewRecorder()
		httpapi.NewServer(s, authenticate, httpapi.Options{}).
			ServeHTTP(response, request("apply", strings.NewReader(`{"changes":[{}]}`)))
		if response.Code != status || !strings.Contains(response.Body.String(), `"outcomes":[`) {
			t.Errorf("%s: status %d, want %d, %s", code, response.Code, status, response.Body)
		}
	}
}

// TestTheWaitThatAServerAsksForIsCapped has a server that asks for an hour.
func TestTheWaitThatAServerAsksForIsCapped(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	var waited time.Duration
	c, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: server.URL, Token: "t", Waiting: func(d time.Duration) {
		waited = d
		cancel()
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Query(ctx, backend.Query{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if waited != 30*time.Second {
		t.Errorf("the client waits %s", waited)
	}
}

// stuck is a Service whose Query ignores its context, and whose Apply waits for its end.
type stuck struct {
	scripted
	begun chan struct{}
}

func (s *stuck) Query(context.Context, backend.Query) (backend.Page, error) {
	close(s.begun)
	select {}
}

func (*stuck) Apply(ctx context.Context, _ backend.ChangeSet) ([]backend.Outcome, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestACallHasADeadline(t *testing.T) {
	handler := httpapi.NewServer(&stuck{}, authenticate, httpapi.Options{CallTimeout: time.Millisecond})
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request("apply", strings.NewReader(`{}`)))
	if response.Code != http.StatusServiceUnavailable || !strings.Contains(response.Body.String(), "took too long") {
		t.Errorf("status %d, %s", response.Code, response.Body)
	}
}

func TestAStuckCallDoesNotPreventTheStop(t *testing.T) {
	s := &stuck{begun: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	o := httpapi.Options{Grace: 50 * time.Millisecond}
	served := make(chan error, 1)
	go func() { served <- httpapi.Serve(ctx, l, httpapi.NewServer(s, authenticate, o), o) }()
	go func() {
		request, _ := http.NewRequest(http.MethodPost, "http://"+l.Addr().String()+"/v1/query", bytes.NewReader([]byte("{}")))
		request.Header.Set("Authorization", "Bearer "+goodToken)
		request.Header.Set("Content-Type", "application/json")
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
		}
	}()
	<-s.begun
	stop()
	if err := <-served; !errors.Is(err, backend.ErrUnavailable) || !strings.Contains(err.Error(), "still running") {
		t.Errorf("serving: %v", err)
	}
}

func TestHealthIsCheckedInTheBackground(t *testing.T) {
	calls := 0
	failed := backend.Errorf(backend.CodeUnavailable, "the KMS is unreachable")
	results := []error{failed, nil}
	checked := make(chan struct{})
	var log []string
	h := httpapi.NewHealth(context.Background(), func(context.Context) ([]error, error) {
		if calls++; calls > 2 {
			<-checked
			return nil, nil
		}
		if err := results[calls-1]; err != nil {
			return []error{err}, err
		}
		return nil, nil
	}, func(appeared, gone []error) { log = append(log, fmt.Sprint(appeared, gone)) })
	for range 20 {
		if !errors.Is(h.Ready(context.Background()), backend.ErrUnavailable) {
			t.Error("a failed check gives no error")
		}
	}
	if calls != 1 {
		t.Errorf("20 requests made %d checks", calls-1)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Keep(ctx, time.Millisecond)
	}()
	checked <- struct{}{} // the third check, so the second one is done
	if err := h.Ready(context.Background()); err != nil {
		t.Errorf("the health does not recover: %v", err)
	}
	stop()
	close(checked)
	<-done
	none, one := []error{}, []error{failed}
	if want := []string{fmt.Sprint(one, none), fmt.Sprint(none, one)}; !slices.Equal(log, want) {
		t.Errorf("reported %q, want %q", log, want)
	}
}
