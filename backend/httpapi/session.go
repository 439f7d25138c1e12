// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Identity is how a client without a token logs in.
type Identity struct {
	Trust string // the name or id of the trust; "" if only one accepts the token
	// Fetch returns an identity token. It is called for the first call, and when a session is to be renewed. Nil means
	// that the client logs in with its certificate.
	Fetch func(ctx context.Context) (string, error)
}

// byCertificate reports whether the client certificate is what the client logs in with.
func (i *Identity) byCertificate() bool { return i != nil && i.Fetch == nil }

// session is the session of a client. Calls at the same time share one login.
type session struct {
	mu             sync.Mutex
	token          string
	identity       string // the identity token of the last login
	renew, expires time.Time
}

// renewEarly is the part of its life after which a session is renewed. If that fails, the client uses the session until
// it expires, and tries again after minRenewal or more.
const (
	renewEarly = 0.75
	minRenewal = 5 * time.Second
)

// bearer returns the token for a call.
func (c *client) bearer(ctx context.Context) (string, error) {
	if c.options.Identity == nil {
		return c.options.Token, nil
	}
	s := &c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.token != "" && now.Before(s.renew) {
		return s.token, nil
	}
	valid, used := s.token != "" && now.Before(s.expires), ""
	if valid {
		used = s.identity // it is accepted once, or until it expires: in both cases, it need not be sent yet
	}
	started, identity, err := c.login(ctx, used)
	switch {
	case err != nil && valid:
		s.renew = now.Add(max(s.expires.Sub(now)/2, minRenewal))
		return s.token, nil
	case errors.Is(err, backend.ErrUnauthenticated) && s.identity != "":
		return "", errEnded()
	case err != nil:
		return "", err
	}
	s.token, s.identity, s.expires = started.Token, identity, started.ExpiresAt
	s.renew = time.Now().Add(time.Duration(renewEarly * float64(time.Until(started.ExpiresAt))))
	return s.token, nil
}

func errEnded() error {
	return backend.Errorf(backend.CodeUnauthenticated,
		"the session has ended, and the identity token is not accepted for another one").
		WithHint("give a token that is renewed (POUNCET_OIDC_TOKEN_FILE, or GitHub Actions), or make the sessions of the " +
			"trust longer: pouncet trust set NAME --session 3h")
}

// refused forgets a session that the server does not accept any more, and reports whether another one may be accepted.
func (c *client) refused(token string, err error) bool {
	if c.options.Identity == nil || !errors.Is(err, backend.ErrUnauthenticated) {
		return false
	}
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	if c.session.token == token {
		c.session.token = ""
	}
	return true
}

// errNoOther is the refusal of an identity token, if there is no other one.
func errNoOther(refused error) error {
	return backend.AsError(refused).WithHint("the log of the server says why; if an earlier step, or another process of " +
		"Terraform, has used the token, let the trust accept it until it expires: pouncet trust set NAME --reuse")
}

// login exchanges an identity token, other than used, for a session. It returns the identity token too.
func (c *client) login(ctx context.Context, used string) (out LoginSession, identity string, err error) {
	if c.options.Identity.byCertificate() {
		out, err = c.loginWithCertificate(ctx)
		return out, "", err
	}
	before := ""
	for {
		token, fetchErr := c.options.Identity.Fetch(ctx)
		switch {
		case fetchErr != nil:
			return out, "", fetchErr
		case used != "" && token == used:
			return out, "", errEnded()
		case token == before:
			return out, "", errNoOther(err)
		}
		err = callWith(ctx, c, "v1/login", "", loginRequest{Trust: c.options.Identity.Trust, Token: token}, &out)
		switch {
		case err == nil && out.Token == "":
			return out, "", c.unexpected("without a session")
		case before != "" || !errors.Is(err, backend.ErrUnauthenticated):
			return out, token, err
		}
		before = token // the answer to the first login may have been lost, and a token is accepted once: try another one
	}
}

// Login exchanges an identity token, or the client certificate, for a session, with the settings of a client.
func Login(ctx context.Context, o ClientOptions) (LoginSession, error) {
	c, err := newClient(o)
	if err != nil {
		return LoginSession{}, err
	}
	out, _, err := c.login(ctx, "")
	return out, err
}
