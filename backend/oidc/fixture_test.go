// SPDX-License-Identifier: MPL-2.0

package oidc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc/oidctest"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/onpostgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

const audience = "https://pouncet.example.com"

// fixture is an issuer and two servers on one database, each with its own memory.
type fixture struct {
	*testing.T
	issuer  *oidctest.Issuer
	parts   [2]*open.Parts
	servers [2]*httptest.Server
	tls     *tlsServers // nil without TLS
	audits  [2]*audit.Log
	logins  *oidc.Logins // of the last server

	mu  sync.Mutex
	now time.Time
	log bytes.Buffer
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, run func(f *fixture)) {
	t.Run("SQLite", func(t *testing.T) { run(newFixture(t, sqlite)) })
	t.Run("PostgreSQL", func(t *testing.T) { run(newFixture(t, postgres)) })
}

func sqlite(t *testing.T) (both [2]*open.Parts) {
	made := opentest.Init(t, open.Config{Path: filepath.Join(t.TempDir(), "data")})
	for i := range both {
		parts, err := open.Embedded(t.Context(), open.Config{Path: made.Path})
		if err != nil {
			t.Fatal(err)
		}
		both[i] = parts
	}
	return both
}

func postgres(t *testing.T) (both [2]*open.Parts) {
	address := postgrestest.Database(t)
	key := "file://" + filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key"))
	for i := range both {
		parts, _, err := open.Server(t.Context(), open.ServerConfig{KMSKey: key,
			Database: onpostgres.Database(address, "")})
		if err != nil {
			t.Fatal(err)
		}
		both[i] = parts
	}
	return both
}

func newFixture(t *testing.T, database func(*testing.T) [2]*open.Parts) *fixture {
	f := &fixture{T: t, issuer: oidctest.New(), parts: database(t), now: time.Now()}
	t.Cleanup(f.issuer.Close)
	for i, parts := range f.parts {
		t.Cleanup(func() { _ = parts.Close() })
		sessions := access.NewLogins(parts.Store, f.clock)
		sessions.Sessions = parts.TokenCipher
		logins := oidc.New(parts.Store, oidc.Options{Cipher: parts.TokenCipher, Record: audit.NewChanges(nil).LoggedIn,
			Log: slog.New(slog.NewTextHandler(f, nil)), Now: f.clock})
		f.logins = logins
		service := parts.Audited(access.Guard)
		f.audits[i] = service
		f.servers[i] = httptest.NewServer(httpapi.NewServer(service, sessions.Authenticate, httpapi.Options{
			Remembered: sessions.Remembered, Refused: service.Refused, Allow: access.Allow,
			ClientCertificate: f.clientCertificate,
			Login: func(ctx context.Context, trust, token string) (httpapi.LoginSession, backend.Principal, error) {
				s, who, err := logins.Login(ctx, trust, token)
				return httpapi.LoginSession{Token: s.Token, ExpiresAt: s.ExpiresAt, Principal: who.Name, Kind: who.Kind}, who,
					err
			},
		}))
		t.Cleanup(f.servers[i].Close)
	}
	f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "dev"},
		backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev",
			Name: "db", Value: backend.PlaintextString("v")})
	return f
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// Write collects the log of the servers.
func (f *fixture) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(p)
}

func (f *fixture) logged() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.String()
}

func (f *fixture) must(changes ...backend.Change) {
	f.Helper()
	if _, err := f.parts[0].Engine.Apply(f.Context(), backend.ChangeSet{Changes: changes}); err != nil {
		f.Fatal(err)
	}
}

// trust creates a trust in the issuer, with a binding that lets it resolve everything in dev.
func (f *fixture) trust(name string, change func(*backend.Trust)) {
	f.Helper()
	t := backend.Trust{Issuer: f.issuer.URL, Audience: audience, Claims: map[string]string{"sub": "repo:acme/*"},
		Principal: backend.Workload}
	if change != nil {
		change(&t)
	}
	f.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindTrust, Name: name, Trust: &t},
		bound(name, backend.ToTrust+name))
}

func bound(name, to string) backend.Change {
	return backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: name, Grant: &backend.Grant{
		Role: "runtime", To: to, Where: backend.Where{Project: backend.DefaultProject, Environment: "dev"}}}
}

// token returns a token that the trust accepts.
func (f *fixture) token(more map[string]any) string {
	return f.issuer.Token(audience, "repo:acme/shop", more)
}

// answer is the answer to a login.
type answer struct {
	httpapi.LoginSession
	Status int
	Error  *backend.Error `json:"error"`
	Text   string
}

func (f *fixture) login(server int, trust, token string) answer {
	f.Helper()
	in := map[string]string{"token": token}
	if trust != "" {
		in["trust"] = trust
	}
	body, err := json.Marshal(in)
	if err != nil {
		f.Fatal(err)
	}
	return f.post(server, body)
}

func (f *fixture) post(server int, body []byte) (out answer) {
	f.Helper()
	req, err := http.NewRequestWithContext(f.Context(), http.MethodPost, f.servers[server].URL+"/v1/login",
		bytes.NewReader(body))
	if err != nil {
		f.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		f.Fatal(err)
	}
	if err := json.Unmarshal(text.Bytes(), &out); err != nil {
		f.Fatalf("%v: %s", err, text.Bytes())
	}
	out.Status, out.Text = resp.StatusCode, text.String()
	return out
}

// mustLogin returns the token of a session.
func (f *fixture) mustLogin(server int, trust, token string) string {
	f.Helper()
	a := f.login(server, trust, token)
	if a.Status != http.StatusOK {
		f.Fatalf("status %d: %s\n%s", a.Status, a.Text, f.logged())
	}
	return a.Token
}

// resolve returns the value of the secret, with a session.
func (f *fixture) resolve(server int, session string) (string, error) {
	f.Helper()
	c, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: f.servers[server].URL, Token: session, RetryMax: -1})
	if err != nil {
		f.Fatal(err)
	}
	out, err := c.Resolve(f.Context(), []backend.Ref{{Kind: backend.KindSecret, Project: backend.DefaultProject,
		Environment: "dev", Name: "db"}})
	if err != nil {
		return "", err
	}
	if out[0].Err != nil {
		return "", out[0].Err
	}
	return string(out[0].Value.Expose()), nil
}

// works reports a session that does not resolve the secret on both servers.
func (f *fixture) works(session string) {
	f.Helper()
	for server := range f.servers {
		if value, err := f.resolve(server, session); value != "v" || err != nil {
			f.Errorf("server %d: the value is %q, %v", server, value, err)
		}
	}
}

// refusedBecause checks that the log has the reason of the last refusal, and the answer has none.
func (f *fixture) refusedBecause(name string, a answer, reason string) {
	f.Helper()
	lines := strings.Split(strings.TrimSpace(f.logged()), "\n")
	const text = `{"error":{"code":"unauthenticated","message":"the identity token is not accepted","hint":` +
		`"the log of the server says why; compare the token with the trust: pouncet trust show NAME"}}`
	if a.Status != http.StatusUnauthorized || a.Text != text {
		f.Errorf("%s: status %d: %s", name, a.Status, a.Text)
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, reason) {
		f.Errorf("%s: the log says %q, want %q", name, last, reason)
	}
}
