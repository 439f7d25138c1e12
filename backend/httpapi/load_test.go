// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// These tests have the limits of docs/limits.md on requests at the same time, with the numbers of the page.

// held is a Service whose calls report that they have begun, and end when leave is closed.
type held struct{ begun, leave chan struct{} }

func newHeld() held { return held{make(chan struct{}), make(chan struct{})} }

func (h held) wait() {
	h.begun <- struct{}{}
	<-h.leave
}

func (h held) Query(context.Context, backend.Query) (backend.Page, error) {
	h.wait()
	return backend.Page{}, nil
}

func (h held) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	h.wait()
	return make([]backend.Resolution, len(refs)), nil
}

func (h held) Apply(context.Context, backend.ChangeSet) ([]backend.Outcome, error) {
	h.wait()
	return nil, nil
}

// load sends requests to a server whose calls are held.
type load struct {
	t        *testing.T
	service  held
	handler  http.Handler
	statuses chan int
	running  int
}

func newLoad(t *testing.T) *load {
	who := func(_ context.Context, token string) (backend.Principal, error) {
		return backend.Principal{ID: token, Name: token, Role: backend.RoleAdmin}, nil
	}
	h := newHeld()
	return &load{t: t, service: h, handler: httpapi.NewServer(h, who, httpapi.Options{}), statuses: make(chan int, 256)}
}

// hold sends a request whose call runs until end.
func (l *load) hold(token, verb string, body io.Reader) {
	l.t.Helper()
	r := request(verb, body)
	r.Header.Set("Authorization", "Bearer "+token)
	go func() {
		w := httptest.NewRecorder()
		l.handler.ServeHTTP(w, r)
		l.statuses <- w.Code
	}()
	select {
	case <-l.service.begun:
		l.running++
	case status := <-l.statuses:
		l.t.Fatalf("request %d is refused with status %d", l.running+1, status)
	}
}

// refused sends a request that must be refused with a status and a text.
func (l *load) refused(r *http.Request, token string, status int, text string) {
	l.t.Helper()
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.handler.ServeHTTP(w, r)
	}()
	select {
	case <-l.service.begun:
		l.t.Fatal("the request over the limit is served")
	case <-done:
	}
	if w.Code != status || !strings.Contains(w.Body.String(), text) {
		l.t.Errorf("status %d, want %d, %s", w.Code, status, w.Body)
	}
}

// end lets all calls end. They must succeed.
func (l *load) end() {
	l.t.Helper()
	close(l.service.leave)
	for range l.running {
		if status := <-l.statuses; status != http.StatusOK {
			l.t.Errorf("a request within the limit has status %d", status)
		}
	}
}

func TestAPrincipalHas128RequestsAtOnce(t *testing.T) {
	l := newLoad(t)
	for range 128 {
		l.hold("a", "apply", strings.NewReader("{}"))
	}
	l.refused(request("apply", strings.NewReader("{}")), "a", http.StatusTooManyRequests,
		`token \"a\" has too many requests at once`)
	for range 128 { // 256 of all together
		l.hold("b", "apply", strings.NewReader("{}"))
	}
	l.refused(request("apply", strings.NewReader("{}")), "c", http.StatusTooManyRequests,
		"the server has too many requests at once")
	l.end()
}

// A call of 255 references may need 47.8 MiB, three times the largest values, and so do four of them. The fifth has no
// memory within 192 MiB, and waits until its own end.
func TestRunningCallsShare192MiB(t *testing.T) {
	l := newLoad(t)
	body := func() io.Reader { return strings.NewReader(`{"refs":[` + strings.Repeat("{},", 254) + "{}]}") }
	for range 4 {
		l.hold("a", "resolve", body())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	l.refused(request("resolve", body()).WithContext(ctx), "b", http.StatusTooManyRequests,
		"the server has too many large calls at once")
	l.end()
}

// padded is a request of n bytes.
func padded(n int) io.Reader {
	return io.MultiReader(strings.NewReader("{}"), strings.NewReader(strings.Repeat(" ", n-2)))
}

func TestARequestHas32MiB(t *testing.T) {
	const most = 33_554_432
	l := newLoad(t)
	l.refused(request("apply", padded(most+1)), "a", http.StatusRequestEntityTooLarge,
		"the request has more than 33554432 bytes")
	// Two of them are all that the server reads at the same time.
	l.hold("a", "apply", padded(most))
	l.hold("a", "apply", padded(most))
	l.refused(request("apply", padded(2)), "b", http.StatusServiceUnavailable,
		"the server reads too many large requests at once")
	l.end()
}

// withDeadline is a response that keeps the deadline for its reader.
type withDeadline struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (w *withDeadline) SetWriteDeadline(t time.Time) error {
	w.deadline = t
	return nil
}

func TestAResponseHasADeadline(t *testing.T) {
	for size, want := range map[int]time.Duration{
		0: 15 * time.Second, 1<<20 - 1000: 15 * time.Second, 1 << 20: 16 * time.Second, 5 << 20: 20 * time.Second,
	} {
		description := strings.Repeat("x", size)
		s := &scripted{page: backend.Page{Objects: []backend.Object{{Attributes: backend.Attributes{
			Description: description}}}}}
		w := &withDeadline{ResponseRecorder: httptest.NewRecorder()}
		before := time.Now()
		httpapi.NewServer(s, authenticate, httpapi.Options{}).ServeHTTP(w, request("query", strings.NewReader("{}")))
		after := time.Now()
		if w.Code != http.StatusOK || w.Body.Len() < size {
			t.Fatalf("status %d, %d bytes", w.Code, w.Body.Len())
		}
		if w.deadline.Before(before.Add(want)) || w.deadline.After(after.Add(want)) {
			t.Errorf("%d bytes must be read within %s, want %s", size, w.deadline.Sub(before), want)
		}
	}
}
