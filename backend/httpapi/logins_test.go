// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"errors"
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
}

func newLoginServer(t *testing.T) *loginServer {
	t.Helper()
	made, err := open.Init(t.Context(), open.Config{Path: filepath.Join(t.TempDir(), "data")})
	if err != nil {
		t.Fatal(err)
	}
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
			Refused: service.Refused,
		}))
	t.Cleanup(server.Close)
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
