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

	store store.Store
	now   func() time.Time

	mu    sync.Mutex
	known map[[sha256.Size]byte]backend.Principal // by the hash of the token
}

// maxLogins limits the memory of Logins.
const maxLogins = 10_000

// NewLogins returns a Logins of the tokens in a Store. A nil now means time.Now.
func NewLogins(s store.Store, now func() time.Time) *Logins {
	if now == nil {
		now = time.Now
	}
	return &Logins{store: s, now: now, known: map[[sha256.Size]byte]backend.Principal{}}
}

// Authenticate returns the principal of a token, as the function Authenticate does, and remembers it.
func (l *Logins) Authenticate(ctx context.Context, token string) (backend.Principal, error) {
	p, err := Authenticate(ctx, l.store, token, l.now())
	hash := [sha256.Size]byte(HashToken(token))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		delete(l.known, hash)
		return p, err
	}
	if len(l.known) >= maxLogins {
		clear(l.known)
	}
	l.known[hash] = p
	return p, nil
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
		if err == nil && p != remembered {
			err = backend.Errorf(backend.CodeUnavailable, "the token was changed while the call began").
				WithHint("send the call again")
		}
		if err != nil {
			l.forget(hash)
		}
		return err
	})
	return ctx, remembered, condition.Held
}

func (l *Logins) forget(hash [sha256.Size]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, hash)
}
