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
	// Fetch returns an identity token. It is called for the first call, and when a session is to be renewed.
	Fetch func(ctx context.Context) (string, error)
}

// session is the session of a client. Calls at the same time share one login.
type session struct {
	mu    sync.Mutex
	token string
	renew time.Time
}

// renewEarly is the part of its life after which a session is renewed.
const renewEarly = 0.75

// bearer returns the token for a call.
func (c *client) bearer(ctx context.Context) (string, error) {
	if c.options.Identity == nil {
		return c.options.Token, nil
	}
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	if c.session.token != "" && time.Now().Before(c.session.renew) {
		return c.session.token, nil
	}
	s, err := c.login(ctx)
	if err != nil {
		return "", err
	}
	c.session.token, c.session.renew = s.Token, time.Now().Add(time.Duration(renewEarly*float64(time.Until(s.ExpiresAt))))
	return s.Token, nil
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

// login exchanges an identity token for a session.
func (c *client) login(ctx context.Context) (out LoginSession, err error) {
	before := ""
	for {
		token, fetchErr := c.options.Identity.Fetch(ctx)
		if fetchErr != nil {
			return out, fetchErr
		}
		if token == before {
			return out, err
		}
		err = callWith(ctx, c, "v1/login", "", loginRequest{Trust: c.options.Identity.Trust, Token: token}, &out)
		switch {
		case err == nil && out.Token == "":
			return out, c.unexpected("without a session")
		case before != "" || !errors.Is(err, backend.ErrUnauthenticated):
			return out, err
		}
		before = token // the answer to the first login may have been lost, and a token is accepted once: try another one
	}
}

// Login exchanges an identity token for a session, with the settings of a client.
func Login(ctx context.Context, o ClientOptions) (LoginSession, error) {
	c, err := newClient(o)
	if err != nil {
		return LoginSession{}, err
	}
	return c.login(ctx)
}
