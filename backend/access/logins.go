// SPDX-License-Identifier: MPL-2.0

package access

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Logins authenticates the callers of a server. It remembers the tokens that it has authenticated, so that most calls
// verify the token in the transaction that they need anyway.
type Logins struct {
	Lookups backend.CacheCount // of remembered tokens
	Uses    Uses               // notes when tokens are used; nil notes nothing
	// Sessions returns the cipher of session tokens. Nil knows no sessions. It is set before the first call.
	Sessions Cipher

	store  store.Store
	now    func() time.Time
	trusts trusts

	mu    sync.Mutex
	known map[[sha256.Size]byte]login // by the hash of the token
}

// Uses notes when tokens are used, as store.ResolvedNotes does.
type Uses interface {
	NoteUsed(ctx context.Context, token string, use store.Resolved) error
}

// login is a token that was authenticated. check returns its principal, as a transaction reads it.
type login struct {
	backend.Principal
	check authentication
	noted time.Time // when its use was last noted
}

type authentication func(ctx context.Context, tx store.Tx) (backend.Principal, error)

// maxLogins limits the memory of Logins.
const maxLogins = 10_000

// NewLogins returns a Logins of the tokens in a Store. A nil now means time.Now.
func NewLogins(s store.Store, now func() time.Time) *Logins {
	if now == nil {
		now = time.Now
	}
	return &Logins{store: s, now: now, known: map[[sha256.Size]byte]login{}}
}

// Authenticate returns the principal of a token, as the function Authenticate does, or of a session, and remembers it.
func (l *Logins) Authenticate(ctx context.Context, token string) (p backend.Principal, err error) {
	hash := [sha256.Size]byte(HashToken(token))
	check, err := l.authentication(ctx, token)
	if err == nil {
		err = l.store.View(ctx, func(tx store.Tx) (err error) {
			p, err = check(ctx, tx)
			return err
		})
	}
	if err != nil {
		l.forget(hash)
		return p, err
	}
	l.remember(hash, login{Principal: p, check: check})
	l.used(ctx, hash, p)
	return p, nil
}

// authentication returns how the principal of a token, or of a session, is read.
func (l *Logins) authentication(ctx context.Context, token string) (authentication, error) {
	if IsSession(token) && l.Sessions != nil {
		return l.Sessions.open(ctx, token, l.now, &l.trusts)
	}
	if err := checkForm(token); err != nil {
		return nil, err
	}
	hash := HashToken(token)
	return func(ctx context.Context, tx store.Tx) (backend.Principal, error) {
		return principalOf(ctx, tx, hash, l.now())
	}, nil
}

func (l *Logins) remember(hash [sha256.Size]byte, one login) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.known) >= maxLogins {
		clear(l.known)
	}
	one.noted = l.known[hash].noted
	l.known[hash] = one
}

// noteTime limits the time for the note of a use. A call waits for it once a minute.
const noteTime = time.Second

// used notes that a token was used, unless it is the token of a session, or the last attempt was less than
// store.ResolvedInterval before. A call does not fail because its note cannot be written.
func (l *Logins) used(ctx context.Context, hash [sha256.Size]byte, p backend.Principal) {
	now := l.now()
	if l.Uses == nil || p.Trust != "" || !l.isDue(hash, now) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	_ = l.Uses.NoteUsed(ctx, p.ID, store.Resolved{At: now, By: backend.OriginFrom(ctx).Address})
}

// isDue reports whether the use of a token is to be noted, once in store.ResolvedInterval.
func (l *Logins) isDue(hash [sha256.Size]byte, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.known[hash]
	if !ok || now.Sub(k.noted) < store.ResolvedInterval {
		return false
	}
	k.noted = now
	l.known[hash] = k
	return true
}

// Remembered returns the principal of a token that was authenticated before, and a context whose first transaction
// verifies that it still has this principal. verified reports whether a transaction did. It is nil if the token is not
// remembered.
func (l *Logins) Remembered(
	ctx context.Context, token string,
) (call context.Context, p backend.Principal, verified func() bool) {
	hash := [sha256.Size]byte(HashToken(token))
	l.mu.Lock()
	remembered, ok := l.known[hash]
	l.mu.Unlock()
	l.Lookups.Count(ok)
	if !ok {
		return ctx, backend.Principal{}, nil
	}
	ctx, condition := store.WithCondition(ctx, func(ctx context.Context, tx store.Tx) error {
		p, err := remembered.check(ctx, tx)
		if err == nil && p != remembered.Principal {
			err = backend.Errorf(backend.CodeUnavailable, "the token was changed while the call began").
				WithHint("send the call again")
		}
		if err != nil {
			l.forget(hash)
		}
		return err
	})
	return ctx, remembered.Principal, func() bool {
		held := condition.Held()
		if held {
			l.used(ctx, hash, remembered.Principal)
		}
		return held
	}
}

func (l *Logins) forget(hash [sha256.Size]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, hash)
}
