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

	store store.Store
	now   func() time.Time

	mu    sync.Mutex
	known map[[sha256.Size]byte]login // by the hash of the token
}

// Uses notes when tokens are used, as store.ResolvedNotes does.
type Uses interface {
	NoteUsed(ctx context.Context, token string, use store.Resolved) error
}

// login is a token that was authenticated.
type login struct {
	backend.Principal
	noted time.Time // when its use was last noted
}

// maxLogins limits the memory of Logins.
const maxLogins = 10_000

// NewLogins returns a Logins of the tokens in a Store. A nil now means time.Now.
func NewLogins(s store.Store, now func() time.Time) *Logins {
	if now == nil {
		now = time.Now
	}
	return &Logins{store: s, now: now, known: map[[sha256.Size]byte]login{}}
}

// Authenticate returns the principal of a token, as the function Authenticate does, and remembers it.
func (l *Logins) Authenticate(ctx context.Context, token string) (backend.Principal, error) {
	p, err := Authenticate(ctx, l.store, token, l.now())
	hash := [sha256.Size]byte(HashToken(token))
	if err != nil {
		l.forget(hash)
		return p, err
	}
	l.remember(hash, p)
	l.used(ctx, hash, p)
	return p, nil
}

func (l *Logins) remember(hash [sha256.Size]byte, p backend.Principal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.known) >= maxLogins {
		clear(l.known)
	}
	l.known[hash] = login{p, l.known[hash].noted}
}

// noteTime limits the time for the note of a use. A call waits for it once a minute.
const noteTime = time.Second

// used notes that a token was used, unless that was tried less than store.ResolvedInterval before. A call does not fail
// because its note cannot be written.
func (l *Logins) used(ctx context.Context, hash [sha256.Size]byte, p backend.Principal) {
	now := l.now()
	if l.Uses == nil || !l.isDue(hash, now) {
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
		p, err := principalOf(ctx, tx, hash[:], l.now())
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
