// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// loginServer is a server that remembers tokens, and another process with the same backend.
type loginServer struct {
	*testing.T
	client   backend.Service // with the token
	other    *open.Parts
	logins   atomic.Int32 // calls of Authenticate
	verified func() bool  // of the last call; nil for a token that was not in memory
	now      time.Time
	tokenID  string
	url      string
	uses     countedUses
}

// countedUses counts the notes of used tokens.
type countedUses struct {
	access.Uses
	tried atomic.Int32
	fail  bool
}

func (u *countedUses) NoteUsed(ctx context.Context, token string, use store.Resolved) error {
	u.tried.Add(1)
	if u.fail {
		return errors.New("no note can be written")
	}
	return u.Uses.NoteUsed(ctx, token, use)
}

func newLoginServer(t *testing.T) *loginServer {
	t.Helper()
	made := opentest.Init(t, open.Config{Path: filepath.Join(t.TempDir(), "data")})
	token, err := os.ReadFile(made.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	both := make([]*open.Parts, 2)
	for i := range both {
		if both[i], err = open.Embedded(t.Context(), open.Config{Path: made.Path}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = both[i].Close() })
	}
	s := &loginServer{T: t, other: both[1], now: time.Now()}
	logins := access.NewLogins(both[0].Store, func() time.Time { return s.now })
	s.uses.Uses = both[0].Reads
	logins.Uses = &s.uses
	proxies, err := httpapi.ParseProxies([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	service := both[0].Audited(access.Guard)
	server := httptest.NewServer(httpapi.NewServer(service,
		func(ctx context.Context, token string) (backend.Principal, error) {
			s.logins.Add(1)
			return logins.Authenticate(ctx, token)
		}, httpapi.Options{
			Remembered: func(ctx context.Context, token string) (context.Context, backend.Principal, func() bool) {
				call, p, verified := logins.Remembered(ctx, token)
				s.verified = verified
				return call, p, verified
			},
			Refused: service.Refused, TrustedProxies: proxies,
		}))
	t.Cleanup(server.Close)
	s.url = server.URL
	s.client = client(t, server.URL, strings.TrimSpace(string(token)))
	s.change(s.client, backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject,
		Name: "prod"}, setSecret("first"))
	page, err := s.other.Engine.Query(t.Context(), backend.Query{Kind: backend.KindToken})
	if err != nil {
		t.Fatal(err)
	}
	s.tokenID = page.Objects[0].ID
	return s
}

func setSecret(value string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject,
		Environment: "prod", Name: "db", Value: backend.PlaintextString(value)}
}

func (s *loginServer) change(in backend.Service, changes ...backend.Change) {
	s.Helper()
	if _, err := in.Apply(s.Context(), backend.ChangeSet{Changes: changes}); err != nil {
		s.Fatal(err)
	}
}

func (s *loginServer) resolve(in backend.Service) (string, error) {
	out, err := in.Resolve(s.Context(), []backend.Ref{{Kind: backend.KindSecret, Project: backend.DefaultProject,
		Environment: "prod", Name: "db"}})
	if err != nil {
		return "", err
	}
	if out[0].Err != nil {
		return "", out[0].Err
	}
	return string(out[0].Value.Expose()), nil
}

func TestATokenInMemoryIsVerifiedInTheTransactionOfTheCall(t *testing.T) {
	s := newLoginServer(t)
	for range 3 {
		if value, err := s.resolve(s.client); value != "first" || err != nil {
			t.Fatal(value, err)
		}
		if s.verified == nil || !s.verified() {
			t.Error("the call has not verified the token")
		}
	}
	s.change(s.client, setSecret("first"))
	if !s.verified() {
		t.Error("the change has not verified the token")
	}
	if n := s.logins.Load(); n != 1 {
		t.Errorf("Authenticate was called %d times, want once", n)
	}
}

// Nothing is answered or changed for a token that another process has revoked, or that has expired.
func TestARevokedTokenInMemoryIsRefused(t *testing.T) {
	calls := map[string]func(s *loginServer) error{
		"resolve": func(s *loginServer) error { _, err := s.resolve(s.client); return err },
		"apply": func(s *loginServer) error {
			_, err := s.client.Apply(s.Context(), backend.ChangeSet{Changes: []backend.Change{setSecret("second")}})
			return err
		},
		"dry run": func(s *loginServer) error {
			set := backend.ChangeSet{Changes: []backend.Change{setSecret("second")}, DryRun: true}
			_, err := s.client.Apply(s.Context(), set)
			return err
		},
		"query": func(s *loginServer) error {
			_, err := s.client.Query(s.Context(), backend.Query{Kind: backend.KindSecret, Project: backend.DefaultProject})
			return err
		},
		"no transaction": func(s *loginServer) error {
			_, err := s.client.Query(s.Context(), backend.Query{Kind: "unknown"})
			return err
		},
	}
	ways := map[string]func(s *loginServer){
		"revoked": func(s *loginServer) {
			s.change(s.other.Engine, backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: "other",
				Role: new(backend.RoleAdmin), TokenHash: access.HashToken("other")})
			s.change(s.other.Engine, backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, ID: s.tokenID})
		},
		"expired": func(s *loginServer) { s.now = s.now.AddDate(1, 0, 0) },
	}
	for way, end := range ways {
		s := newLoginServer(t)
		if _, err := s.resolve(s.client); err != nil { // now it is in memory
			t.Fatal(err)
		}
		end(s)
		for name, call := range calls {
			if err := call(s); !errors.Is(err, backend.ErrUnauthenticated) {
				t.Errorf("%s, %s: %v", way, name, err)
			}
		}
		if value, err := s.resolve(s.other.Engine); value != "first" || err != nil {
			t.Errorf("%s: the value is %q, %v", way, value, err)
		}
	}
}

// The rights of a token in memory are those that it has in the transaction of the call.
func TestAChangedTokenInMemoryIsReadAgain(t *testing.T) {
	s := newLoginServer(t)
	if _, err := s.resolve(s.client); err != nil {
		t.Fatal(err)
	}
	restricted, workload := backend.Restricted, backend.Workload
	hidden := setSecret("first")
	hidden.Visibility = &restricted
	s.change(s.client, hidden)
	if _, err := s.resolve(s.client); !errors.Is(err, backend.ErrDenied) {
		t.Fatalf("a person resolves a restricted secret: %v", err)
	}
	s.change(s.other.Engine, backend.Change{Op: backend.OpUpdate, Kind: backend.KindToken, ID: s.tokenID,
		Principal: &workload})
	// The server answers that the token was changed, and the client sends the call again.
	if value, err := s.resolve(s.client); value != "first" || err != nil {
		t.Errorf("a workload resolves %q, %v", value, err)
	}
}

// lastUsed returns when the token was last used, and from where, as another process sees it.
func (s *loginServer) lastUsed() (time.Time, string) {
	s.Helper()
	page, err := s.other.Engine.Query(s.Context(), backend.Query{Kind: backend.KindToken, ID: s.tokenID})
	if err != nil || len(page.Objects) != 1 {
		s.Fatal(page, err)
	}
	return page.Objects[0].LastUsedAt, page.Objects[0].LastUsedFrom
}

func TestUsesOfATokenAreNotedOnceAMinute(t *testing.T) {
	s := newLoginServer(t)
	began := s.now.UTC().Truncate(time.Microsecond)
	want := func(what string, tried int32, at time.Time) {
		t.Helper()
		got, from := s.lastUsed()
		if n := s.uses.tried.Load(); n != tried || !got.Equal(at) || from != "127.0.0.1" {
			t.Errorf("%s: noted %d times, at %v from %q; want %d times, at %v", what, n, got, from, tried, at)
		}
	}
	call := func() {
		t.Helper()
		if _, err := s.resolve(s.client); err != nil {
			t.Fatal(err)
		}
	}
	want("the first call", 1, began)
	s.now = s.now.Add(59 * time.Second)
	call()
	want("a call in the same minute", 1, began)
	s.now = s.now.Add(time.Second)
	call()
	call()
	want("two calls after a minute", 2, began.Add(time.Minute))
	s.uses.fail = true
	s.now = s.now.Add(time.Hour)
	call()
	want("a note that fails", 3, began.Add(time.Minute))
	s.uses.fail = false
	s.now = s.now.Add(time.Minute)
	call()
	want("the note after it", 4, began.Add(time.Hour+2*time.Minute))
	self, err := s.client.Query(t.Context(), backend.Query{Kind: backend.KindToken, Self: true})
	if err != nil || !self.Objects[0].LastUsedAt.IsZero() {
		t.Errorf("a caller is asked about its own token: %+v, %v", self.Objects, err)
	}
	if _, err := s.resolve(client(t, s.url, access.Prefix+"unknown")); err == nil {
		t.Error("an unknown token was accepted")
	}
	want("a call with another token", 4, began.Add(time.Hour+2*time.Minute))
}

// A token with source ranges is refused from every other address, also while the server has it in memory.
func TestATokenIsUsedFromItsNetworksOnly(t *testing.T) {
	s := newLoginServer(t)
	secret, hash := access.NewToken()
	role := backend.RoleViewer
	out, err := s.client.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpCreate,
		Kind: backend.KindToken, Name: "near", Role: &role, TokenHash: hash,
		SourceRanges: []string{"198.51.100.0/24", "2001:db8::/32", "192.0.2.1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	id := out[0].Object.ID
	for _, c := range []struct {
		forwarded string
		allowed   bool
	}{
		{"198.51.100.7", true}, {"203.0.113.1", false}, {"198.51.100.7", true}, {"2001:db8::1", true}, {"2001:db9::1", false},
		{"192.0.2.1", true}, {"192.0.2.2", false}, {"::ffff:198.51.100.9", true}, {"", false},
		{"198.51.100.7, 203.0.113.1", false}, // the caller has invented the first one
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/query",
			strings.NewReader(`{"kind":"project"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+secret)
		request.Header.Set("Content-Type", "application/json")
		if c.forwarded != "" {
			request.Header.Set("X-Forwarded-For", c.forwarded)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		last := c.forwarded[strings.LastIndex(c.forwarded, " ")+1:]
		if c.allowed && response.StatusCode != http.StatusOK || !c.allowed && (response.StatusCode != http.StatusForbidden ||
			!strings.Contains(string(text), `\"near\" may not be used from address `+cmp.Or(last, "127.0.0.1"))) {
			t.Errorf("from %q: status %d, %s", c.forwarded, response.StatusCode, text)
		}
	}
	s.refusalsHave(t, "near", 5)
	page, err := s.client.Query(t.Context(), backend.Query{Kind: backend.KindToken, ID: id})
	if err != nil || page.Objects[0].LastUsedFrom != "198.51.100.7" {
		t.Errorf("the token was used %+v, %v", page.Objects, err)
	}
	s.forgottenWith(id)
}

// forgottenWith deletes a token, and checks that its note is deleted too.
func (s *loginServer) forgottenWith(id string) {
	s.Helper()
	s.change(s.client, backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, ID: id})
	notes, _, err := s.other.Reads.LastResolved(s.Context(), store.UsedTokens, []string{id, s.tokenID})
	if err != nil || notes[id] != (store.Resolved{}) || notes[s.tokenID].At.IsZero() {
		s.Errorf("the notes are %v, %v", notes, err)
	}
}

// refusalsHave checks that the audit log has records of refused calls of a principal.
func (s *loginServer) refusalsHave(t *testing.T, principal string, want int) {
	t.Helper()
	found := 0
	err := s.other.Reads.ViewRecords(t.Context(), func(tx store.RecordTx) error {
		records, err := tx.RecordsFrom(t.Context(), "", 1, 100)
		for _, r := range records {
			if r.Principal == principal && r.Code == string(backend.CodeDenied) {
				found++
			}
		}
		return err
	})
	if err != nil || found < want {
		t.Errorf("%d refusals of %s are on record, %v; want %d", found, principal, err, want)
	}
}
