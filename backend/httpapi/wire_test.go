// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// scripted returns fixed results and records its last arguments.
type scripted struct {
	mu       sync.Mutex // calls can come at the same time
	query    backend.Query
	refs     []backend.Ref
	set      backend.ChangeSet
	who      backend.Principal
	page     backend.Page
	resolved []backend.Resolution
	outcomes []backend.Outcome
	err      error
}

func (s *scripted) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.query = q
	s.who, _ = backend.PrincipalFrom(ctx)
	return s.page, s.err
}

func (s *scripted) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refs = refs
	return s.resolved, s.err
}

func (s *scripted) Apply(_ context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set = set
	return s.outcomes, s.err
}

const goodToken = "a-token"

func authenticate(_ context.Context, token string) (backend.Principal, error) {
	if token != goodToken {
		return backend.Principal{}, backend.Errorf(backend.CodeUnauthenticated, "no token").WithHint("send a token")
	}
	return backend.Principal{ID: "1", Name: "p", Role: backend.RoleAdmin}, nil
}

func connect(t testing.TB, s backend.Service, o httpapi.Options) backend.Service {
	t.Helper()
	server := httptest.NewServer(httpapi.NewServer(s, authenticate, o))
	t.Cleanup(server.Close)
	return client(t, server.URL, goodToken)
}

// client waits long enough for a server under the race detector on a busy machine.
func client(t testing.TB, endpoint, token string) backend.Service {
	t.Helper()
	c, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: endpoint, Token: token, RetryWait: time.Millisecond,
		Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// filled sets every exported field of v, at any depth, to a value other than zero, so that a field that is not sent
// makes the test fail.
func filled(v reflect.Value, seed *int) {
	*seed++
	switch {
	case v.Type() == reflect.TypeFor[backend.Plaintext]():
		v.Set(reflect.ValueOf(backend.PlaintextString(fmt.Sprint("value ", *seed))))
		return
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		v.Set(reflect.ValueOf(json.RawMessage(strconv.Itoa(*seed))))
		return
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(int64(*seed), 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Tag.Get("json") != "-" {
				filled(v.Field(i), seed)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem(), seed)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			filled(v.Index(i), seed)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		filled(value, seed)
		v.SetMapIndex(reflect.ValueOf(fmt.Sprint("k", *seed)), value)
	case reflect.String:
		v.SetString(fmt.Sprint("s", *seed))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(uint64(*seed % 256))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*seed))
	case reflect.Interface: // Error.Err is not sent
	default:
		panic("no value for type " + v.Type().String())
	}
}

func full[T any]() T {
	var v T
	seed := 0
	filled(reflect.ValueOf(&v).Elem(), &seed)
	return v
}

// same compares two values deeply. It compares secret values by their bytes.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := plain(reflect.ValueOf(got)), plain(reflect.ValueOf(want)); !reflect.DeepEqual(g, w) {
		t.Errorf("%s: got\n%v\nwant\n%v", what, g, w)
	}
}

func plain(v reflect.Value) any {
	if !v.IsValid() {
		return nil
	}
	switch x := v.Interface().(type) {
	case backend.Plaintext:
		return fmt.Sprintf("%t %q", x.IsZero(), x.Expose())
	case time.Time:
		return x.UnixNano()
	}
	switch v.Kind() {
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Err" || f.IsExported() &&
				f.Type == reflect.TypeFor[*backend.Error]() {
				out[f.Name] = plain(v.Field(i))
			}
		}
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Slice:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = plain(v.Index(i))
		}
		return out
	}
	return v.Interface()
}

func TestEveryFieldIsSent(t *testing.T) {
	ctx := context.Background()
	s := &scripted{page: full[backend.Page](),
		resolved: []backend.Resolution{full[backend.Resolution](), {}, {Value: backend.PlaintextString("")}},
		outcomes: []backend.Outcome{full[backend.Outcome](), {}}}
	c := connect(t, s, httpapi.Options{})

	q := full[backend.Query]()
	page, err := c.Query(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "query", s.query, q)
	same(t, "page", page, s.page)
	same(t, "principal", s.who, backend.Principal{ID: "1", Name: "p", Role: backend.RoleAdmin})

	refs := []backend.Ref{full[backend.Ref](), {}, {}}
	resolved, err := c.Resolve(ctx, refs)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "references", s.refs, refs)
	same(t, "resolutions", resolved, s.resolved)

	set := full[backend.ChangeSet]()
	outcomes, err := c.Apply(ctx, set)
	if err != nil {
		t.Fatal(err)
	}
	set.CompareOnly = false // the server decides it
	same(t, "change set", s.set, set)
	same(t, "outcomes", outcomes, s.outcomes)

	// An absent field stays absent: missing labels differ from empty ones, and a missing value from an empty one.
	set = backend.ChangeSet{IdempotencyKey: "k",
		Changes: []backend.Change{{}, {Labels: map[string]string{}, Value: backend.PlaintextString("")}}}
	if _, err := c.Apply(ctx, set); err != nil {
		t.Fatal(err)
	}
	same(t, "empty change set", s.set, set)
	if s.set.Changes[0].Labels != nil || s.set.Changes[1].Labels == nil {
		t.Error("missing labels and empty labels are not distinguished")
	}
}

// codes returns all error codes in the source of package backend, so that the test includes new codes.
func codes(t *testing.T) []backend.Code {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []backend.Code
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Names) != 1 || !strings.HasPrefix(v.Names[0].Name, "Code") {
			return true
		}
		text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, backend.Code(text))
		return true
	})
	if len(out) < 14 {
		t.Fatalf("found %d codes", len(out))
	}
	return out
}

func TestEveryErrorIsSent(t *testing.T) {
	for _, code := range codes(t) {
		e := full[backend.Error]()
		e.Code = code
		s := &scripted{err: fmt.Errorf("wrapped: %w", &e)}
		c := connect(t, s, httpapi.Options{})
		_, err := c.Resolve(context.Background(), nil)
		var got *backend.Error
		if !errors.As(err, &got) {
			t.Errorf("%s: %v", code, err)
			continue
		}
		same(t, string(code), *got, e)
		if httpapi.StatusOf(code) == 200 || !httpapi.Listed(code) {
			t.Errorf("%s has no row in the table", code)
		}
	}
}

// TestOutcomesAreSentWithTheErrorOfASet has a Service that returns outcomes and an error.
func TestOutcomesAreSentWithTheErrorOfASet(t *testing.T) {
	broken := backend.Errorf(backend.CodeQuota, "over the quota").At("name")
	s := &scripted{outcomes: []backend.Outcome{{Action: backend.ActionCreate}, {Err: broken}}}
	s.err = backend.Rejected(s.outcomes)
	out, err := connect(t, s, httpapi.Options{}).
		Apply(context.Background(), backend.ChangeSet{Changes: make([]backend.Change, 2)})
	if !errors.Is(err, backend.ErrQuota) || err.Error() != s.err.Error() {
		t.Errorf("error %v, want %v", err, s.err)
	}
	same(t, "outcomes", out, s.outcomes)
}

// Empty never means any: an absent selector selects everything, and an empty one is an error.
func TestEmptySelectorsOfAQueryAreRejected(t *testing.T) {
	query := reflect.TypeFor[backend.Query]()
	n := 0
	for i := range query.NumField() {
		if query.Field(i).Type.Kind() != reflect.String {
			continue
		}
		name, _, _ := strings.Cut(query.Field(i).Tag.Get("json"), ",")
		if name == "kind" || name == "cursor" { // they select nothing
			continue
		}
		n++
		for given, want := range map[string]int{"": http.StatusBadRequest, "x": http.StatusOK} {
			s := &scripted{}
			body := fmt.Sprintf(`{"kind": "secret", %q: %q}`, name, given)
			r := httptest.NewRequest(http.MethodPost, "/v1/query", strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+goodToken)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Pouncet-Wire-Version", strconv.Itoa(httpapi.WireVersion))
			w := httptest.NewRecorder()
			httpapi.NewServer(s, authenticate, httpapi.Options{}).ServeHTTP(w, r)
			if w.Code != want || given == "" && !strings.Contains(w.Body.String(), "selector "+name+" is empty") {
				t.Errorf("%s: status %d: %s", body, w.Code, w.Body)
			}
			if got := reflect.ValueOf(s.query).Field(i).String(); got != given {
				t.Errorf("%s: the service gets %q", body, got)
			}
		}
	}
	if n != 13 {
		t.Errorf("%d selectors were checked", n)
	}
}
