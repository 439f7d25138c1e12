// SPDX-License-Identifier: MPL-2.0

// Package oidc lets callers in who present an identity token of an OpenID Connect issuer, as a trust says: the pipeline
// of a repository, a service account of a cluster, or a person. A trust can let in client certificates instead.
//
// The token is verified with the keys of the issuer, which are fetched when they are needed and kept in memory. Its
// audience, times and claims must satisfy one trust. The caller then gets the token of a session, which package access
// knows, with the rights of the bindings of the trust.
//
// # What callers can cause
//
// Only issuers that a trust names are asked, each at most every 30 seconds, with limits of time and size, and without
// redirects. A signature is verified with the one key that its token names. Refusals have one text; the reason is in
// the log of the server. Only an accepted token is stored: a hash of it, for a day, so that no server accepts it
// again.
package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// maxReason is how much of a reason is logged, in bytes: it can hold an answer of the issuer.
const maxReason = 300

// algorithms are the signatures that are accepted. All of them need a public key.
var algorithms = []string{gooidc.RS256, gooidc.RS384, gooidc.RS512, gooidc.PS256, gooidc.PS384, gooidc.PS512,
	gooidc.ES256, gooidc.ES384, gooidc.ES512, gooidc.EdDSA}

// Session is what a caller gets for an identity token.
type Session struct {
	Token     string
	Principal backend.Principal
	ExpiresAt time.Time
}

// Options configure Logins.
type Options struct {
	// Cipher seals the tokens of sessions.
	Cipher access.Cipher
	// Record returns the records of a login with a trust, which are written with it. The context has the principal.
	Record func(ctx context.Context, trust store.Object) []store.Record
	// ClientSecret returns the client secret of this server for an issuer and a client id, or "" if there is none. It is
	// for people who sign in at a browser. Nil means that no issuer requires one.
	ClientSecret func(issuer, client string) (string, error)
	// Log gets the reasons of refusals. Nil means no log.
	Log *slog.Logger
	Now func() time.Time // nil means time.Now
}

// Logins lets callers in. It is safe for concurrent use.
type Logins struct {
	options Options
	store   store.Store
	issuers *issuers
	trusts  knownTrusts
	codes   chan struct{} // limits how many codes are exchanged at the same time
}

// New returns the Logins of a database.
func New(s store.Store, o Options) *Logins {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.ClientSecret == nil {
		o.ClientSecret = func(string, string) (string, error) { return "", nil }
	}
	return &Logins{options: o, store: s, issuers: newIssuers(o.Now), codes: make(chan struct{}, maxCodes)}
}

// Login returns a session for an identity token or, if token is "", for the client certificate of the origin of ctx.
// trust is the name or id of the trust, or "" if only one accepts the caller. Every refusal is the same
// ErrUnauthenticated; then who is the caller, if the signature is genuine. ErrUnavailable means that the keys of an
// issuer cannot be read.
func (l *Logins) Login(ctx context.Context, trust, token string) (s Session, who backend.Principal, err error) {
	if token == "" {
		return l.loginWithCertificate(ctx, trust)
	}
	of, who, err := l.accept(ctx, trust, token)
	if err != nil {
		return Session{}, who, err
	}
	who = access.SubjectOf(of.row, of.trust, of.subject)
	expires := l.options.Now().Add(of.trust.SessionTime())
	text, err := l.options.Cipher.Seal(ctx, of.row, of.subject, expires, "")
	if err != nil {
		return Session{}, who, err
	}
	if err := l.write(backend.WithPrincipal(ctx, who), of, token); err != nil {
		return Session{}, who, err
	}
	return newSession(text, who, expires), who, nil
}

func newSession(token string, who backend.Principal, expires time.Time) Session {
	return Session{Token: token, Principal: who, ExpiresAt: expires.UTC().Truncate(time.Second)}
}

// accept returns the only trust that accepts a token.
func (l *Logins) accept(ctx context.Context, trust, token string) (candidate, backend.Principal, error) {
	var nobody backend.Principal
	unverified, key, err := payloadOf(token)
	if err != nil {
		return candidate{}, nobody, l.refuse(ctx, trust, err)
	}
	candidates, err := l.candidates(ctx, trust, unverified.text("iss"))
	if err != nil {
		return candidate{}, nobody, err
	}
	if len(candidates) == 0 {
		return candidate{}, nobody, l.refuse(ctx, trust, fmt.Errorf("no trust fits its issuer %s",
			backend.Quote(unverified.text("iss"))))
	}
	var accepted []candidate
	var reasons []error
	var refused backend.Principal
	of := signatures{logins: l, token: token, key: key, checked: map[string]checked{}}
	for _, c := range candidates {
		verified, err := of.claims(ctx, c)
		if errors.Is(err, backend.ErrUnavailable) {
			return candidate{}, nobody, l.withoutReason(ctx, c, err)
		}
		if err == nil {
			if subject, err := verified.subject(c.trust); err == nil {
				refused = access.SubjectOf(c.row, c.trust, subject)
			}
			err = verified.check(c.trust, l.options.Now())
		}
		if err == nil {
			c.subject, err = verified.subject(c.trust)
		}
		if err != nil {
			reasons = append(reasons, fmt.Errorf("trust %q: %w", c.row.Name, err))
			continue
		}
		accepted = append(accepted, c)
	}
	switch len(accepted) {
	case 0:
		return candidate{}, refused, l.refuse(ctx, trust, errors.Join(reasons...))
	case 1:
		return accepted[0], refused, nil
	}
	return candidate{}, refused, errSeveral("identity token", accepted)
}

func errSeveral(what string, accepted []candidate) error {
	names := make([]string, len(accepted))
	for i, c := range accepted {
		names[i] = c.row.Name
	}
	return backend.Errorf(backend.CodeInvalid, "several trusts accept the %s: %s", what, strings.Join(names, ", ")).
		WithHint("name one of them (--trust, POUNCET_OIDC_TRUST)").At("trust")
}

// refuse logs why a token is refused, and returns the error of every refusal.
func (l *Logins) refuse(ctx context.Context, trust string, reason error) error {
	l.options.Log.WarnContext(ctx, "identity token refused", "trust", trust, "reason", reason.Error(), "address",
		backend.OriginFrom(ctx).Address)
	return backend.Errorf(backend.CodeUnauthenticated, "the identity token is not accepted").
		WithHint("the log of the server says why; compare the token with the trust: pouncet trust show NAME")
}

// withoutReason logs why the keys of an issuer cannot be read, and returns the error for the caller.
func (l *Logins) withoutReason(ctx context.Context, c candidate, err error) error {
	var u *unreadable
	if !errors.As(err, &u) {
		return err
	}
	reason := u.reason.Error()
	l.options.Log.WarnContext(ctx, "keys of an issuer cannot be read", "trust", c.row.Name, "issuer", c.trust.Issuer,
		"reason", strings.ToValidUTF8(reason[:min(len(reason), maxReason)], ""))
	return u.told
}

// candidates returns the trusts in an issuer that may accept a token.
func (l *Logins) candidates(ctx context.Context, nameOrID, issuer string) (out []candidate, err error) {
	err = l.store.View(ctx, func(tx store.Tx) error {
		all, err := l.trusts.all(ctx, tx)
		out = trustsNamed(all.byIssuer[issuer], nameOrID)
		return err
	})
	return out, err
}

// trustsInCertificates returns the trusts that may accept a client certificate.
func (l *Logins) trustsInCertificates(ctx context.Context, nameOrID string) (out []candidate, err error) {
	err = l.store.View(ctx, func(tx store.Tx) error {
		all, err := l.trusts.all(ctx, tx)
		out = trustsNamed(all.inCertificates, nameOrID)
		return err
	})
	return out, err
}

// trustsNamed returns the trusts with a name or id, or all if it is "".
func trustsNamed(all []candidate, nameOrID string) (out []candidate) {
	for _, c := range all {
		if nameOrID == "" || c.row.Name == nameOrID || c.row.ID == nameOrID {
			out = append(out, c)
		}
	}
	return out
}

// signatures checks the signature of one token. Many trusts may have one issuer, and its keys are tried once.
type signatures struct {
	logins  *Logins
	token   string
	key     string             // the id of the key that the token names
	checked map[string]checked // by the keys of the trust; "" for the keys of the issuer
}

type checked struct {
	claims claims
	err    error
}

// claims returns the claims of the token, if the issuer of a trust has signed it.
func (s signatures) claims(ctx context.Context, c candidate) (claims, error) {
	from := string(c.trust.Keys)
	known, ok := s.checked[from]
	if !ok {
		known.claims, known.err = s.logins.verify(ctx, c, s.key, s.token)
		s.checked[from] = known
	}
	return known.claims, known.err
}

// verify returns the claims of a token that is signed with a key of a trust or of its issuer.
func (l *Logins) verify(ctx context.Context, c candidate, key, token string) (claims, error) {
	keys, err := c.keys, c.keysErr
	if len(c.trust.Keys) == 0 {
		var of keySet
		of, err = l.issuers.issuer(c.trust.Issuer).current(ctx, keyNamed(key))
		keys = of.keys
	}
	if err != nil {
		return nil, err
	}
	tried := named(keys, key)
	if len(tried) == 0 {
		return nil, fmt.Errorf("no key of its issuer has the id %s", backend.Quote(key))
	}
	v := gooidc.NewVerifier(c.trust.Issuer, &gooidc.StaticKeySet{PublicKeys: tried}, &gooidc.Config{
		SupportedSigningAlgs: algorithms,
		SkipClientIDCheck:    true, // claims.checkAudience refuses further audiences, too
		SkipExpiryCheck:      true, // claims.checkTimes has another limit for the skew of clocks
	})
	verified, err := v.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	var text rawClaims
	if err := verified.Claims(&text); err != nil {
		return nil, err
	}
	return parseClaims(text)
}

// rawClaims keeps the bytes that the issuer has signed.
type rawClaims []byte

func (r *rawClaims) UnmarshalJSON(text []byte) error {
	*r = append((*r)[:0], text...)
	return nil
}

// write notes that a token was accepted, with the records of the login. It refuses a token that was accepted before, by
// any server, unless the trust allows it. The token is "" for a login with a certificate.
func (l *Logins) write(ctx context.Context, c candidate, token string) error {
	records := l.options.Record(ctx, c.row)
	var reason error
	err := l.store.Update(ctx, func(tx store.Tx) error {
		reason = nil
		row, err := access.TrustByID(ctx, tx, c.row.ID)
		if errors.Is(err, backend.ErrNotFound) || err == nil && row.Revision != c.row.Revision {
			reason = errors.New("the trust was changed or deleted meanwhile")
			return reason
		}
		if err != nil {
			return err
		}
		if token != "" && !c.trust.Reuse {
			used, err := l.use(ctx, tx, token)
			if used {
				reason = errors.New("it was used before")
				return reason
			}
			if err != nil {
				return err
			}
		}
		for _, r := range records {
			if err := tx.AppendRecord(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
	if reason == nil {
		return err
	}
	reason = fmt.Errorf("trust %q: %w", c.row.Name, reason)
	if token == "" {
		return l.refuseCertificate(ctx, c.row.Name, backend.OriginFrom(ctx).Certificate, reason)
	}
	return l.refuse(ctx, c.row.Name, reason)
}

// use notes that a token was accepted, and reports whether it was before.
func (l *Logins) use(ctx context.Context, tx store.Tx, token string) (used bool, err error) {
	signed := token[:strings.LastIndexByte(token, '.')] // a signature can have several forms
	sum := sha256.Sum256([]byte(signed))
	key, now := stored.LoginKey+hex.EncodeToString(sum[:]), l.options.Now()
	_, err = tx.IdempotencyRecord(ctx, key)
	if !errors.Is(err, backend.ErrNotFound) {
		return err == nil, err
	}
	return false, tx.SaveIdempotencyRecord(ctx, store.IdempotencyRecord{Key: key, Request: sum[:], Outcome: []byte("{}"),
		At: now}, now.Add(-remembered))
}
