// SPDX-License-Identifier: MPL-2.0

package oidc_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// identities gives a new identity token for each login, and counts them.
func (f *fixture) identities(count *int) *httpapi.Identity {
	return &httpapi.Identity{Trust: "github", Fetch: func(context.Context) (string, error) {
		*count++
		return f.token(nil), nil
	}}
}

func TestAClientLogsInOnceAndAgainAfterItsSessionHasEnded(t *testing.T) {
	f := newFixture(t, sqlite)
	f.trust("github", nil)
	logins := 0
	c, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: f.servers[0].URL, Identity: f.identities(&logins),
		RetryMax: -1})
	if err != nil {
		t.Fatal(err)
	}
	lists := func() error {
		_, err := c.Query(t.Context(), backend.Query{Kind: backend.KindSecret, Project: backend.DefaultProject})
		return err
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := lists(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if logins != 1 {
		t.Errorf("8 calls at the same time log in %d times", logins)
	}
	text := "changed"
	f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindTrust, Name: "github", Description: &text})
	if err := lists(); err != nil || logins != 2 {
		t.Errorf("after the end of the session: %v, %d logins", err, logins)
	}
	f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindTrust, Name: "github"})
	if err := lists(); !errors.Is(err, backend.ErrUnauthenticated) || logins > 4 {
		t.Errorf("without the trust: %v, %d logins", err, logins)
	}
}

// The server notices the end of a session in the transaction of a change, if the session made calls before.
func TestAChangeFollowsTheEndOfASession(t *testing.T) {
	onBoth(t, func(f *fixture) {
		f.trust("github", nil)
		f.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: "writes", Grant: &backend.Grant{
			Role: "editor", To: "trust:github", Where: backend.Where{Project: backend.DefaultProject, Environment: "dev"}}})
		logins := 0
		c, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: f.servers[0].URL, Identity: f.identities(&logins),
			RetryMax: -1})
		if err != nil {
			t.Fatal(err)
		}
		for n, name := range []string{"one", "two"} {
			_, err := c.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpCreate,
				Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: name,
				Value: backend.PlaintextString("v")}}})
			if err != nil || logins != n+1 {
				t.Errorf("creating %s: %v, %d logins", name, err, logins)
			}
			f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindTrust, Name: "github", Description: &name})
		}
	})
}

func TestAnIdentityTokenThatWasUsedIsNotSentAgain(t *testing.T) {
	f := newFixture(t, sqlite)
	f.trust("github", nil)
	token, fetched := f.token(nil), 0
	f.mustLogin(0, "github", token)
	_, err := httpapi.Login(t.Context(), httpapi.ClientOptions{Endpoint: f.servers[0].URL, RetryMax: -1,
		Identity: &httpapi.Identity{Fetch: func(context.Context) (string, error) {
			fetched++
			return token, nil
		}}})
	if !errors.Is(err, backend.ErrUnauthenticated) || fetched != 2 {
		t.Errorf("%v, after %d tokens", err, fetched)
	}
	fetched = 0
	s, err := httpapi.Login(t.Context(), httpapi.ClientOptions{Endpoint: f.servers[0].URL, RetryMax: -1,
		Identity: &httpapi.Identity{Fetch: func(context.Context) (string, error) {
			if fetched++; fetched == 1 {
				return token, nil // the answer to its login was lost
			}
			return f.token(nil), nil
		}}})
	if err != nil {
		t.Fatal(err)
	}
	f.works(s.Token)
}
