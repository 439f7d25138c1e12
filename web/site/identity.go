// SPDX-License-Identifier: MPL-2.0

package site

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

// Identity says how people sign in.
type Identity interface {
	// SignIn returns what the session of a person keeps, for the credential that the person has typed. The error is
	// ErrUnauthenticated if the credential is not valid.
	SignIn(ctx context.Context, typed string) (kept string, err error)
	// Principal returns who has a session, and the context of the call. If verified then reports that the call has not
	// verified the credential, it must be checked before the answer.
	Principal(ctx context.Context, kept string) (
		call context.Context, p backend.Principal, verified func() bool, err error)
	// AsksForToken says that the credential is a token, and not a code of the terminal.
	AsksForToken() bool
}

// Tokens lets the bearers of tokens sign in. A session ends with its token.
type Tokens struct{ Logins *access.Logins }

var _ Identity = Tokens{}

// SignIn implements Identity. It keeps the token, sealed in the cookie: so each request has the present rights of the
// token, and none after it was deleted.
func (t Tokens) SignIn(ctx context.Context, typed string) (string, error) {
	token := strings.TrimSpace(typed)
	_, err := t.Logins.Authenticate(ctx, token)
	return token, err
}

// Principal implements Identity.
func (t Tokens) Principal(
	ctx context.Context, kept string,
) (call context.Context, p backend.Principal, verified func() bool, err error) {
	if call, p, verified := t.Logins.Remembered(ctx, kept); verified != nil {
		return call, p, verified, nil
	}
	p, err = t.Logins.Authenticate(ctx, kept)
	return ctx, p, func() bool { return true }, err
}

// AsksForToken implements Identity.
func (Tokens) AsksForToken() bool { return true }

// Codes lets one local person sign in with a code that is shown at the terminal. Each code is valid once, for a minute.
type Codes struct {
	principal backend.Principal
	now       func() time.Time

	mu    sync.Mutex
	codes map[string]time.Time // until when each is valid
}

var _ Identity = (*Codes)(nil)

// CodeLifetime is how long a code is valid.
const CodeLifetime = time.Minute

// NewCodes returns a Codes for a person. A nil now means time.Now.
func NewCodes(p backend.Principal, now func() time.Time) *Codes {
	if now == nil {
		now = time.Now
	}
	p.Kind = backend.Person
	return &Codes{principal: p, now: now, codes: map[string]time.Time{}}
}

// New returns a new code, of 130 random bits.
func (c *Codes) New() string {
	code := rand.Text()
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for old, until := range c.codes {
		if now.After(until) {
			delete(c.codes, old)
		}
	}
	c.codes[code] = now.Add(CodeLifetime)
	return code
}

// SignIn implements Identity.
func (c *Codes) SignIn(_ context.Context, typed string) (string, error) {
	typed = strings.ToUpper(strings.TrimSpace(typed))
	c.mu.Lock()
	defer c.mu.Unlock()
	for code, until := range c.codes {
		if subtle.ConstantTimeCompare([]byte(code), []byte(typed)) == 1 {
			delete(c.codes, code)
			if c.now().Before(until) {
				return "local", nil
			}
			return "", backend.Errorf(backend.CodeUnauthenticated, "the code has expired").
				WithHint("press Enter in the terminal for a new code")
		}
	}
	return "", backend.Errorf(backend.CodeUnauthenticated, "the code is not valid, or was used already").
		WithHint("press Enter in the terminal for a new code")
}

// Principal implements Identity.
func (c *Codes) Principal(
	ctx context.Context, _ string,
) (call context.Context, p backend.Principal, verified func() bool, err error) {
	return ctx, c.principal, func() bool { return true }, nil
}

// AsksForToken implements Identity.
func (*Codes) AsksForToken() bool { return false }

// throttle limits failed attempts to sign in: of one address, and of all.
type throttle struct {
	mu  sync.Mutex
	all *rate.Limiter
	of  map[string]*rate.Limiter
}

// The limits of failed attempts. A correct credential costs nothing, but is not looked at above the limit.
const (
	attemptsAtOnce    = 10
	attemptsPerMinute = 10
	// Nobody guesses a token. A lower limit of all addresses would let a few of them keep everybody out.
	attemptsPerSecondOfAll = 10

	maxAddresses = 10_000
)

func newThrottle() *throttle {
	return &throttle{all: rate.NewLimiter(attemptsPerSecondOfAll, 20*attemptsAtOnce), of: map[string]*rate.Limiter{}}
}

func (t *throttle) limiter(address string) *rate.Limiter {
	if t.of[address] == nil {
		if len(t.of) >= maxAddresses {
			clear(t.of)
		}
		t.of[address] = rate.NewLimiter(rate.Limit(attemptsPerMinute)/60, attemptsAtOnce)
	}
	return t.of[address]
}

// take counts an attempt of an address, and reports whether it is allowed. Attempts at the same time count before any
// of them has an answer.
func (t *throttle) take(address string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.limiter(address)
	return of.TokensAt(now) >= 1 && t.all.TokensAt(now) >= 1 && of.AllowN(now, 1) && t.all.AllowN(now, 1)
}

// giveBack takes back an attempt that has not failed.
func (t *throttle) giveBack(address string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limiter(address).AllowN(now, -1)
	t.all.AllowN(now, -1)
}
