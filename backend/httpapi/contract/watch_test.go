// SPDX-License-Identifier: MPL-2.0

package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	verrors "github.com/pb33f/libopenapi-validator/errors"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// document is the OpenAPI document, and a validator that also refuses fields which the document does not have.
type document struct {
	model     *v3.Document
	validator validator.Validator
}

func load(t testing.TB) document {
	t.Helper()
	parsed, err := libopenapi.NewDocument(strict(t, []byte(httpapi.OpenAPI())))
	if err != nil {
		t.Fatal(err)
	}
	model, err := parsed.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(parsed, config.WithFormatAssertions(), config.WithContentAssertions())
	if errs != nil {
		t.Fatal(errs)
	}
	return document{&model.Model, v}
}

// strict returns the document without additional fields in any object, so that the test finds those that it lacks.
func strict(t testing.TB, text []byte) []byte {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all["components"].(map[string]any)["schemas"].(map[string]any) {
		schema := s.(map[string]any)
		if schema["properties"] != nil {
			schema["additionalProperties"] = false
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// watcher is a handler that compares each request and its answer with the document.
type watcher struct {
	document
	next     http.Handler
	mu       sync.Mutex
	seen     map[string]bool // METHOD PATH STATUS
	problems []string
	calls    int
}

func watch(t testing.TB, next http.Handler) *watcher {
	t.Helper()
	return &watcher{document: load(t), next: next, seen: map[string]bool{}}
}

func (w *watcher) ServeHTTP(to http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.report("reading a request: %v", err)
	}
	again := func() *http.Request {
		c := r.Clone(r.Context())
		c.Body = io.NopCloser(bytes.NewReader(body))
		return c
	}
	answered := httptest.NewRecorder()
	w.next.ServeHTTP(answered, again())
	w.check(again, answered)
	for name, values := range answered.Header() {
		to.Header()[name] = values
	}
	to.WriteHeader(answered.Code)
	_, _ = to.Write(answered.Body.Bytes())
}

// check compares one exchange. A request that is not as documented must be refused, and one that is documented must not
// be refused for its form.
func (w *watcher) check(again func() *http.Request, answered *httptest.ResponseRecorder) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := again()
	name := fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, answered.Code)
	w.seen[name] = true
	w.calls++
	fits, why := w.validator.ValidateHttpRequest(again())
	if !fits && answered.Code < 400 {
		w.problems = append(w.problems, name+": the server takes a request that is not as documented: "+text(why))
	}
	if fits && strings.Contains(answered.Body.String(), "the request cannot be parsed") {
		w.problems = append(w.problems, name+": the server cannot parse a request that is as documented")
	}
	result := answered.Result()
	result.Body = io.NopCloser(bytes.NewReader(answered.Body.Bytes()))
	if fits, why := w.validator.ValidateHttpResponse(again(), result); !fits {
		w.problems = append(w.problems, fmt.Sprintf("%s: the answer is not as documented: %s: %.300s", name, text(why),
			answered.Body))
	}
	w.checkHeaders(name, r, answered)
}

// ordinary are headers that HTTP and the security scheme describe.
var ordinary = []string{"Accept", "Accept-Encoding", "Authorization", "Connection", "Content-Length", "Content-Type",
	"Date", "User-Agent"}

// checkHeaders compares the headers of an exchange with the headers in the document.
func (w *watcher) checkHeaders(name string, r *http.Request, answered *httptest.ResponseRecorder) {
	operation := w.operation(r)
	if operation == nil {
		w.problems = append(w.problems, name+" is not documented")
		return
	}
	response := operation.Responses.Codes.GetOrZero(fmt.Sprint(answered.Code))
	if response == nil {
		w.problems = append(w.problems, name+" is not documented")
		return
	}
	known := slices.Clone(ordinary)
	for header, described := range response.Headers.FromOldest() {
		known = append(known, http.CanonicalHeaderKey(header))
		if described.Required && answered.Header().Get(header) == "" {
			w.problems = append(w.problems, fmt.Sprintf("%s: the answer has no header %s", name, header))
		}
	}
	for header := range answered.Header() {
		if !slices.Contains(known, header) {
			w.problems = append(w.problems, fmt.Sprintf("%s: the header %s of the answer is not documented", name, header))
		}
	}
	known = slices.Clone(ordinary)
	for _, p := range operation.Parameters {
		known = append(known, http.CanonicalHeaderKey(p.Name))
	}
	for header := range r.Header {
		if !slices.Contains(known, header) {
			w.problems = append(w.problems, fmt.Sprintf("%s: the header %s of the request is not documented", name, header))
		}
	}
}

// operation returns the operation of a request, or nil.
func (d document) operation(r *http.Request) *v3.Operation {
	item := d.model.Paths.PathItems.GetOrZero(r.URL.Path)
	if item == nil {
		return nil
	}
	return item.GetOperations().GetOrZero(strings.ToLower(r.Method))
}

func (w *watcher) report(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// passes reports the problems, each kind of them once.
func (w *watcher) passes(t testing.TB) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.problems)
	w.problems = slices.Compact(w.problems)
	for _, p := range w.problems[:min(len(w.problems), 20)] {
		t.Error(p)
	}
}

func text(errs []*verrors.ValidationError) string {
	var all []string
	for _, e := range errs {
		line := e.Message + ": " + e.Reason
		for _, s := range e.SchemaValidationErrors {
			line += "; " + s.Reason + " at " + s.FieldPath
		}
		all = append(all, line)
	}
	return strings.Join(all, " | ")
}
