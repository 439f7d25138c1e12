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

// references is a request that resolves n references. A call of 255 may need 47.8 MiB, three times the largest values.
func references(n int) io.Reader {
	return strings.NewReader(`{"refs":[` + strings.Repeat("{},", n-1) + "{}]}")
}

// waits sends a request that waits for memory until its context ends.
func (l *load) waits(token string, r *http.Request) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	l.refused(r.WithContext(ctx), token, http.StatusTooManyRequests, "the server has too many large calls at once")
}

// Large calls share 128 MiB, of which one principal has half. Small calls have their own memory.
func TestLargeCallsShare128MiB(t *testing.T) {
	l := newLoad(t)
	l.hold("a", "resolve", references(255))
	l.waits("a", request("resolve", references(255)))
	l.hold("b", "resolve", references(255))
	l.waits("c", request("resolve", references(255)))
	for _, token := range []string{"a", "b", "c"} {
		l.hold(token, "resolve", references(1))
		l.hold(token, "query", strings.NewReader("{}"))
	}
	l.end()
}

// A call that stages changes in a draft or deploys one makes or tries all its changes, and may need 48 MiB.
func TestACallOfADraftIsLarge(t *testing.T) {
	l := newLoad(t)
	l.hold("a", "apply", strings.NewReader(`{"changes":[{"op":"deploy","kind":"draft","name":"d"}],"dry_run":true}`))
	l.waits("a", request("apply", strings.NewReader(`{"changes":[{"op":"set","kind":"secret"}],"draft":"d"}`)))
	l.hold("a", "apply", strings.NewReader(`{"changes":[{"op":"set","kind":"secret"}]}`))
	l.end()
}

// A listing may need 8 MiB. One principal has half of the memory for small calls.
func TestSmallCallsShare64MiB(t *testing.T) {
	l := newLoad(t)
	for _, token := range []string{"a", "b"} {
		for range 4 {
			l.hold(token, "query", strings.NewReader("{}"))
		}
		l.waits(token, request("query", strings.NewReader("{}")))
	}
	l.waits("c", request("query", strings.NewReader("{}")))
	l.hold("c", "resolve", references(255))
	l.end()
}

// atEnd is called when a body has been read up to it.
type atEnd func()

func (f atEnd) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

// Calls of a principal that wait for its own calls do not delay the calls of other principals.
func TestALargeCallDoesNotWaitBehindAQueueOfAnother(t *testing.T) {
	l := newLoad(t)
	l.hold("a", "resolve", references(255))
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan int, 50)
	read := make(chan struct{})
	for range cap(waiting) {
		r := request("resolve", io.MultiReader(references(255), atEnd(func() { read <- struct{}{} }))).WithContext(ctx)
		r.Header.Set("Authorization", "Bearer a")
		go func() {
			w := httptest.NewRecorder()
			l.handler.ServeHTTP(w, r)
			waiting <- w.Code
		}()
	}
	for range cap(waiting) {
		<-read
	}
	l.hold("b", "resolve", references(255))
	cancel()
	for range cap(waiting) {
		if status := <-waiting; status != http.StatusTooManyRequests {
			t.Errorf("a call that waited has status %d", status)
		}
	}
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
	// One of them is all that a principal sends at the same time.
	l.hold("a", "apply", padded(most))
	const small = 16_384
	l.refused(request("apply", padded(small+1)), "a", http.StatusServiceUnavailable,
		`token \"a\" sends too many large requests at once`)
	l.hold("a", "apply", padded(small))
	l.end()
}

// Two requests of 32 MiB are all that the server reads at the same time, apart from small ones.
func TestAllRequestsHave64MiB(t *testing.T) {
	all := httpapi.InFlight(33_554_432, 33_554_432)
	if err := all("c", 16_385); err == nil || !strings.Contains(err.Error(),
		"the server reads too many large requests at once") {
		t.Errorf("a request of 16385 bytes: %v", err)
	}
	if err := all("d", 16_384); err != nil {
		t.Errorf("a request of 16384 bytes: %v", err)
	}
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
