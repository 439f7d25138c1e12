// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// overHTTP serves a backend, and returns its URL.
func overHTTP(t testing.TB, parts *open.Parts) string {
	t.Helper()
	logins := access.NewLogins(parts.Store, nil)
	s := httptest.NewServer(httpapi.NewServer(parts.Audited(access.Guard), logins.Authenticate,
		httpapi.Options{Allow: access.Allow, Remembered: logins.Remembered, Begin: parts.Begin}))
	t.Cleanup(s.Close)
	return s.URL
}

// adminToken creates an admin token for a workload.
func adminToken(t testing.TB, parts *open.Parts, name string) string {
	t.Helper()
	token, hash := access.NewToken()
	role, kind := backend.RoleAdmin, backend.Workload
	_, err := parts.Engine.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpCreate, Kind: backend.KindToken, Name: name, Role: &role, Principal: &kind, TokenHash: hash},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// post sends a request with a revision token, and returns the status, the token of the answer, and the body.
func post(t testing.TB, url, token, revision, body string) (status int, answered, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	if revision != "" {
		req.Header.Set("Pouncet-Revision", revision)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	if err := resp.Write(&b); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Pouncet-Revision"), b.String()
}

const (
	getS    = `{"environment":"dev","name":"s","project":"default"}`
	changeS = `"changes":[{"op":"set","kind":"secret","project":"default","environment":"dev","name":"s","value":"bmV3"}]}`
	setS    = `{` + changeS
	dryS    = `{"dry_run":true,` + changeS
	absent  = `{"environment":"dev","name":"absent","project":"default"}`
)

// Every answer to a call has a token, which changes with each change, and is the same on each server.
func TestEveryAnswerHasARevisionToken(t *testing.T) {
	c := serverConfig(t)
	a, _ := server(t, c)
	b, _ := server(t, c)
	token := adminToken(t, a, "client")
	if err := set(t, a.Engine, "value"); err != nil {
		t.Fatal(err)
	}
	first, second := overHTTP(t, a), overHTTP(t, b)
	revision := func(url, presented, path, body string) string {
		t.Helper()
		_, answered, text := post(t, url+path, token, presented, body)
		if len(answered) != 22 {
			t.Fatalf("%s has the token %q: %s", path, answered, text)
		}
		return answered
	}
	read := revision(first, "", "/v1/resolve-one", getS)
	for _, same := range []string{
		revision(second, "", "/v1/resolve-one", getS), revision(first, read, "/v1/resolve-one", getS),
		revision(first, "", "/v1/query", `{"kind":"secret","project":"default"}`),
		revision(second, "latest", "/v1/resolve", `{"refs":[{"kind":"secret",`+getS[1:]+`]}`),
		revision(first, "", "/v1/resolve-one", absent),
		revision(second, "", "/v1/apply", dryS), revision(first, read+", "+read, "/v1/apply", dryS),
	} {
		if same != read {
			t.Errorf("without a change, the token is %s and %s", read, same)
		}
	}
	written := revision(second, read, "/v1/apply", setS)
	if written == read {
		t.Error("after a change, the token is the same")
	}
	if after := revision(first, written, "/v1/resolve-one", getS); after != written {
		t.Errorf("the token is %s, and after it was presented %s", written, after)
	}
	// A caller without a valid token learns nothing.
	if _, answered, _ := post(t, first+"/v1/resolve-one", "wrong", "", getS); answered != "" {
		t.Errorf("a stranger gets the token %s", answered)
	}
}

func TestAWrongRevisionTokenIsRefused(t *testing.T) {
	c := serverConfig(t)
	a, _ := server(t, c)
	other, _ := server(t, serverConfig(t))
	token := adminToken(t, a, "client")
	if err := set(t, a.Engine, "value"); err != nil {
		t.Fatal(err)
	}
	url := overHTTP(t, a)
	_, foreign, _ := post(t, overHTTP(t, other)+"/v1/resolve-one", adminToken(t, other, "client"), "", absent)
	_, own, _ := post(t, url+"/v1/resolve-one", token, "", getS)
	for name, revision := range map[string]string{
		"garbage": "garbage", "of another deployment": foreign, "changed": strings.ToLower(own) + "A", "cut off": own[:21],
		"made up": "AAAAAAAAAAAAAAAAAAAAAA", "one of two": own + "," + foreign, "long": strings.Repeat("A", 5000),
		"many": strings.Repeat(own+",", 257),
	} {
		status, answered, text := post(t, url+"/v1/resolve-one", token, revision, getS)
		if status != http.StatusBadRequest || answered != "" || !strings.Contains(text, "revision token") {
			t.Errorf("%s: status %d, token %q: %s", name, status, answered, text)
		}
		if strings.Contains(text, "value\"") {
			t.Errorf("%s: the answer has the value", name)
		}
	}
}

// A client that has seen a newer database gets an error, even from a server that was started after the restore.
func TestAnOlderCopyOfTheDatabaseIsNoticedByItsClients(t *testing.T) {
	c := serverConfig(t)
	shared := postgrestest.Shared(t)
	address := postgrestest.Database(t)
	c = serverConfigOf(address, c.KMSKey)
	before, _ := server(t, c)
	token := adminToken(t, before, "client")
	if err := set(t, before.Engine, "old"); err != nil {
		t.Fatal(err)
	}
	_ = before.Close()
	name := address[strings.LastIndex(address, "/")+1 : strings.Index(address, "?")]
	shared.Exec(t, "postgres", "CREATE DATABASE older TEMPLATE "+name)
	t.Cleanup(func() { shared.Exec(t, "postgres", "DROP DATABASE older WITH (FORCE)") })
	now, _ := server(t, c)
	_, newest, _ := post(t, overHTTP(t, now)+"/v1/apply", token, "", setS)

	restored, _ := server(t, serverConfigOf(shared.URL("older"), c.KMSKey))
	url := overHTTP(t, restored)
	for _, call := range []struct{ path, body string }{
		{"/v1/resolve-one", getS}, {"/v1/apply", setS}, {"/v1/apply", dryS}, {"/v1/query", `{"kind":"project"}`},
	} {
		status, _, text := post(t, url+call.path, token, newest, call.body)
		if status != http.StatusServiceUnavailable || !strings.Contains(text, "an older copy took its place") {
			t.Errorf("%s: status %d: %s", call.path, status, text)
		}
	}
	if status, _, text := post(t, url+"/v1/resolve-one", token, "", getS); status != http.StatusOK {
		t.Errorf("without a token: status %d: %s", status, text)
	}
}

// The client presents what it has got, from all servers and even if its calls run at the same time.
func TestTheClientPresentsItsRevisions(t *testing.T) {
	c := serverConfig(t)
	a, _ := server(t, c)
	token := adminToken(t, a, "client")
	if err := set(t, a.Engine, "value"); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var presented [][]string
	logins := access.NewLogins(a.Store, nil)
	s := httptest.NewServer(httpapi.NewServer(a.Audited(access.Guard), logins.Authenticate, httpapi.Options{
		Allow: access.Allow, Remembered: logins.Remembered,
		Begin: func(ctx context.Context, tokens []string, latest bool) (context.Context, func() string, error) {
			mu.Lock()
			presented = append(presented, tokens)
			if latest {
				presented[len(presented)-1] = []string{"latest"}
			}
			mu.Unlock()
			return a.Begin(ctx, tokens, latest)
		}}))
	t.Cleanup(s.Close)
	client, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: s.URL, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	last := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return presented[len(presented)-1]
	}
	if _, err := get(t, client); err != nil || last()[0] != "latest" {
		t.Fatalf("the first call presents %q, %v", last(), err)
	}
	seen := map[string]bool{}
	for i := range 3 {
		if err := set(t, client, strings.Repeat("v", i+1)); err != nil {
			t.Fatal(err)
		}
		if len(last()) != 1 || seen[last()[0]] {
			t.Fatalf("after %d tokens, a change presents %q", len(seen), last())
		}
		seen[last()[0]] = true
	}
	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() {
			if err := set(t, client, strings.Repeat("w", i+1)); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	for range 2 {
		if _, err := get(t, client); err != nil {
			t.Fatal(err)
		}
	}
	got := last()
	if _, now, _ := post(t, s.URL+"/v1/resolve-one", token, "", getS); len(got) != 1 || got[0] != now {
		t.Errorf("after all calls, the client presents %q, want %s", got, now)
	}
}

func httpClient(t testing.TB, url, token string) backend.Service {
	t.Helper()
	client, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: url, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return client
}
