// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// trustedTokens holds the tokens that a state sums up, by their hash. They are valid as long as the generation has the
// same bytes, so that a request reads nothing else. They are also valid as long as the state has the same bytes.
type trustedTokens struct {
	signers    *signers
	generation []byte // nil for none
	sealed     []byte
	byHash     map[string]store.Token
}

func (t *tx) verifyToken(k *store.Token) {
	if !t.signers.isGenuine(t.signers.token(*k), k.DeploymentMAC) {
		k.Untrusted = backend.Errorf(backend.CodeCorrupt,
			"token %s (%s) cannot be trusted: its row was changed outside Pouncet", backend.Quote(k.Name), k.ID).
			WithHint("delete it: pouncet token delete %s; see what else was changed: pouncet doctor --storage", k.ID)
	}
}

// tokenList holds the tokens as a transaction has left them, by name and id.
type tokenList struct {
	rows    []store.Token
	sums    rowSums
	genuine summands
}

// Tokens implements store.Tx. A transaction that writes reads them once, because it may change thousands of them.
func (t *tx) Tokens(ctx context.Context) ([]store.Token, error) {
	if t.tokens != nil {
		return slices.Clone(t.tokens.rows), nil
	}
	tokens, err := t.Tx.Tokens(ctx)
	for i := range tokens {
		t.verifyToken(&tokens[i])
	}
	if err == nil && t.known != nil {
		t.tokens = &tokenList{slices.Clone(tokens), t.signers.tokenSums(tokens), t.signers.tokenSummands(tokens)}
	}
	return tokens, err
}

// listToken adds a token that was written to those that the transaction has read.
func (t *tx) listToken(k store.Token) {
	if t.tokens == nil {
		return
	}
	k.CreatedAt, k.ExpiresAt = stampOf(k.CreatedAt), stampOf(k.ExpiresAt)
	l, one := t.tokens, t.signers.tokenSummand(k)
	at, _ := slices.BinarySearchFunc(l.rows, k, func(a, b store.Token) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	l.rows = slices.Insert(l.rows, at, k)
	l.sums.add(one, false)
	l.genuine[one] = k.ID
}

// stampOf returns a time as a database returns it.
func stampOf(at time.Time) time.Time { return time.UnixMicro(at.UnixMicro()).UTC() }

// unlistToken removes a token that was deleted or replaced.
func (t *tx) unlistToken(id string) {
	if t.tokens == nil {
		return
	}
	l := t.tokens
	i := slices.IndexFunc(l.rows, func(k store.Token) bool { return k.ID == id })
	if i < 0 {
		return
	}
	one := t.signers.tokenSummand(l.rows[i])
	l.sums = l.sums.without(one, l.rows[i].Untrusted != nil)
	delete(l.genuine, one)
	l.rows = slices.Delete(l.rows, i, i+1)
}

// TokenByHash implements store.Tx. A token that cannot be trusted does not exist. ErrCorrupt means that a token was
// removed or put back outside Pouncet: then nobody gets in, because a revoked token may have been put back.
func (t *tx) TokenByHash(ctx context.Context, hash []byte) (store.Token, error) {
	tokens, err := t.trusted(ctx)
	if err != nil {
		return store.Token{}, err
	}
	k, ok := tokens.byHash[string(hash)]
	if !ok {
		return store.Token{}, backend.Errorf(backend.CodeNotFound, "the token does not exist")
	}
	return k, nil
}

func (t *tx) trusted(ctx context.Context) (*trustedTokens, error) {
	generation, err := t.Generation(ctx)
	if err != nil {
		return nil, err
	}
	known := t.store.tokens.Load()
	same := known != nil && known.signers == t.signers
	if same && generation != nil && bytes.Equal(known.generation, generation) {
		return known, nil
	}
	st, sealed, err := t.readState(ctx, accessState)
	if err != nil {
		return nil, err
	}
	if same && bytes.Equal(known.sealed, sealed.Sealed) {
		if generation != nil { // if this transaction does not commit it, these bytes never return
			t.store.tokens.Store(&trustedTokens{t.signers, generation, known.sealed, known.byHash})
		}
		return known, nil
	}
	tokens, err := t.checkedTokens(ctx, st)
	if err != nil {
		return nil, err
	}
	loaded := &trustedTokens{t.signers, generation, sealed.Sealed, make(map[string]store.Token, len(tokens))}
	for _, k := range tokens {
		if k.Untrusted != nil {
			t.store.report(k.Untrusted)
			continue
		}
		loaded.byHash[string(k.Hash)] = k
	}
	if t.known == nil { // a transaction that writes may not commit its tokens
		t.store.tokens.Store(loaded)
		t.store.raiseSeen(t.timeline, map[string]uint64{accessState: st.counter})
	}
	return loaded, nil
}

// checkedTokens reads the tokens. It returns an error if they do not fit their state, or if the states do not fit each
// other.
func (t *tx) checkedTokens(ctx context.Context, st state) ([]store.Token, error) {
	tokens, err := t.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	if !t.signers.tokenSums(tokens).fit(st.sum.plus(t.deltas[accessState])) {
		return nil, stateError(accessState, "does not fit them: a token was removed or put back outside Pouncet")
	}
	return tokens, t.checkStates(ctx)
}

// CheckAccess reads all tokens, and all rows of the deployment such as bindings, and checks them without what this
// process has in memory. It returns those that were changed outside Pouncet. err means that nobody gets in, or that no
// token gets rights from bindings: the deployment key is unavailable, a state is missing, changed or older than one
// that this process has seen, or a token or a row was removed or put back.
func (s *Store) CheckAccess(ctx context.Context) (changed []error, err error) {
	err = s.View(ctx, func(inner store.Tx) error {
		t := inner.(*tx)
		if _, err := t.Generation(ctx); err != nil {
			return err
		}
		st, _, err := t.readState(ctx, accessState)
		if err != nil {
			return err
		}
		tokens, err := t.checkedTokens(ctx, st)
		for _, k := range tokens {
			if k.Untrusted != nil {
				changed = append(changed, k.Untrusted)
			}
		}
		if err != nil {
			return err
		}
		rows, err := t.allAccessRows(ctx)
		if err != nil {
			return err
		}
		for _, o := range rows {
			if o.Untrusted != nil {
				changed = append(changed, o.Untrusted)
			}
		}
		return t.fitAccessRows(ctx, t.signers.objectSums(rows))
	})
	return changed, err
}

// InsertToken implements store.Tx.
func (t *tx) InsertToken(ctx context.Context, k store.Token) error {
	k.DeploymentMAC = t.signers.sign(t.signers.token(k))
	if err := t.Tx.InsertToken(ctx, k); err != nil {
		return err
	}
	t.raise()
	t.listToken(k)
	t.add(accessState, t.signers.tokenSummand(k))
	return nil
}

// UpdateToken implements store.Tx. A token that cannot be trusted is not updated.
func (t *tx) UpdateToken(ctx context.Context, k store.Token) error {
	before, err := t.token(ctx, k.ID)
	if err != nil {
		return err
	}
	if before.Untrusted != nil {
		return before.Untrusted
	}
	k.DeploymentMAC = t.signers.sign(t.signers.token(k))
	if err := t.Tx.UpdateToken(ctx, k); err != nil {
		return err
	}
	t.raise()
	t.unlistToken(k.ID)
	t.listToken(k)
	if before.ID != "" {
		t.subtract(accessState, t.signers.tokenSummand(before))
	}
	t.add(accessState, t.signers.tokenSummand(k))
	return nil
}

// DeleteToken implements store.Tx. Deleting a token that was added or put back outside Pouncet changes no sum.
func (t *tx) DeleteToken(ctx context.Context, id string) error {
	tokens, err := t.Tokens(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(tokens, func(k store.Token) bool { return k.ID == id })
	if err := t.Tx.DeleteToken(ctx, id); err != nil || i < 0 {
		return err
	}
	t.raise()
	t.noteDeleted(store.UsedTokens, id)
	st, _, err := t.readState(ctx, accessState)
	if err != nil {
		return err
	}
	want, sums := st.sum.plus(t.deltas[accessState]), t.tokens.sums
	switch {
	case sums.without(t.signers.tokenSummand(tokens[i]), tokens[i].Untrusted != nil).fit(want):
	case slices.Contains(t.tokens.genuine.returned(sums, want), id):
	case tokens[i].Untrusted == nil || sums.fit(want):
		t.subtract(accessState, t.signers.tokenSummand(tokens[i]))
	default:
		t.spoil(accessState)
	}
	t.unlistToken(id)
	return nil
}

// token returns the token with an id, or an empty one if it does not exist.
func (t *tx) token(ctx context.Context, id string) (store.Token, error) {
	tokens, err := t.Tokens(ctx)
	for _, k := range tokens {
		if k.ID == id {
			return k, err
		}
	}
	return store.Token{}, err
}
