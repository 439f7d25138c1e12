// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// nothing is a service without objects.
type nothing struct{ backend.Service }

func (nothing) Query(context.Context, backend.Query) (backend.Page, error) {
	return backend.Page{}, nil
}

// renewal is a client that logs in at a server which accepts each identity token once.
type renewal struct {
	*testing.T
	client   backend.Service
	identity string // what the client presents
	refuses  error  // why the server starts no session
	logins   int
	used     map[string]bool
	ended    bool // the server accepts no session
	sessions map[string]bool
}

func newRenewal(t *testing.T) *renewal {
	r := &renewal{T: t, identity: "first", used: map[string]bool{}, sessions: map[string]bool{}}
	refused := backend.Errorf(backend.CodeUnauthenticated, "the identity token is not accepted")
	server := httptest.NewServer(httpapi.NewServer(nothing{},
		func(_ context.Context, token string) (backend.Principal, error) {
			if !r.sessions[token] || r.ended {
				return backend.Principal{}, backend.Errorf(backend.CodeUnauthenticated, "the session is not valid")
			}
			return backend.Principal{ID: "p", Name: "p"}, nil
		}, httpapi.Options{
			Login: func(_ context.Context, _, token string) (httpapi.LoginSession, backend.Principal, error) {
				r.logins++
				switch {
				case r.refuses != nil:
					return httpapi.LoginSession{}, backend.Principal{}, r.refuses
				case r.used[token]:
					return httpapi.LoginSession{}, backend.Principal{}, refused
				}
				session := fmt.Sprint("session of ", token)
				r.used[token], r.sessions[session], r.ended = true, true, false
				return httpapi.LoginSession{Token: session, ExpiresAt: time.Now().Add(time.Hour)}, backend.Principal{}, nil
			},
		}))
	t.Cleanup(server.Close)
	client, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: server.URL, RetryMax: -1,
		Identity: &httpapi.Identity{Fetch: func(context.Context) (string, error) { return r.identity, nil }}})
	if err != nil {
		t.Fatal(err)
	}
	r.client = client
	return r
}

// calls makes a call, and checks how many logins there were until then.
func (r *renewal) calls(what string, logins int) error {
	r.Helper()
	_, err := r.client.Query(r.Context(), backend.Query{Kind: backend.KindProject})
	if r.logins != logins {
		r.Errorf("%s: %d logins, want %d", what, r.logins, logins)
	}
	return err
}

func (r *renewal) works(what string, logins int) {
	r.Helper()
	if err := r.calls(what, logins); err != nil {
		r.Errorf("%s: %v", what, err)
	}
}

func TestASessionIsUsedUntilItExpiresIfItCannotBeRenewed(t *testing.T) {
	r := newRenewal(t)
	r.works("the first call", 1)
	httpapi.RenewSession(r.client)
	r.works("with the identity token of the session, which is not sent again", 1)
	r.identity, r.refuses = "second", backend.Errorf(backend.CodeUnavailable, "the issuer cannot be reached")
	httpapi.RenewSession(r.client)
	r.works("while the issuer cannot be reached", 2)
	r.works("shortly after that", 2)
	r.refuses = nil
	httpapi.RenewSession(r.client)
	r.works("with another identity token", 3)
}

func TestASessionThatEndsIsFollowedByAnother(t *testing.T) {
	for name, end := range map[string]func(r *renewal){
		"expired": func(r *renewal) { httpapi.ExpireSession(r.client) },
		"ended":   func(r *renewal) { r.ended = true },
	} {
		r := newRenewal(t)
		r.works("the first call", 1)
		r.identity = "second"
		end(r)
		r.works(name+", with another identity token", 2)
		end(r)
		err := r.calls(name+", with the same one", 3)
		if !errors.Is(err, backend.ErrUnauthenticated) || !strings.HasPrefix(err.Error(), "the session has ended") {
			t.Errorf("%s, with the same one: %v", name, err)
		}
	}
	r := newRenewal(t)
	r.used["first"] = true
	if err := r.calls("the first login", 1); !errors.Is(err, backend.ErrUnauthenticated) ||
		strings.Contains(err.Error(), "session") {
		t.Errorf("the first login is refused with %v", err)
	}
}
