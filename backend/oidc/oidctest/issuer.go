// SPDX-License-Identifier: MPL-2.0

// Package oidctest is an OpenID Connect issuer for tests: it speaks HTTP, signs with real keys, and can rotate them.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Key is a private key with its id and its algorithm.
type Key struct {
	ID        string
	Algorithm jose.SignatureAlgorithm
	Private   crypto.Signer
}

// NewRSA returns an RSA key for an algorithm such as RS256.
func NewRSA(id string, algorithm jose.SignatureAlgorithm) Key {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return Key{id, algorithm, k}
}

// NewECDSA returns a key for ES256.
func NewECDSA(id string) Key {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return Key{id, jose.ES256, k}
}

// Sign returns a token with any payload.
func (k Key) Sign(payload []byte) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.Algorithm,
		Key: jose.JSONWebKey{Key: k.Private, KeyID: k.ID}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

// Issuer is a running issuer.
type Issuer struct {
	*httptest.Server

	mu       sync.Mutex
	signing  Key
	keys     []Key
	extra    []any // other keys of the set
	requests map[string]int
	answer   http.HandlerFunc
	claims   []string // that it publishes
	authorized
}

// New starts an issuer.
func New() *Issuer {
	i := &Issuer{requests: map[string]int{}}
	i.Rotate(NewRSA("first", jose.RS256))
	i.Server = httptest.NewServer(i)
	return i
}

// Rotate makes the issuer sign with a new key. It publishes the given keys only.
func (i *Issuer) Rotate(signing Key, others ...Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signing, i.keys = signing, append([]Key{signing}, others...)
}

// Publish adds keys to the set, in any form.
func (i *Issuer) Publish(keys ...any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.extra = keys
}

// Answer replaces the answers of the issuer; nil restores them.
func (i *Issuer) Answer(with http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = with
}

// Requests returns how often a path was requested.
func (i *Issuer) Requests(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests[path]
}

// Signing returns the present key.
func (i *Issuer) Signing() Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.signing
}

// Claims returns the claims of a token for an audience, and of further claims. It is valid for five minutes.
func (i *Issuer) Claims(audience, subject string, more map[string]any) map[string]any {
	now := time.Now()
	out := map[string]any{"iss": i.URL, "aud": audience, "sub": subject, "iat": now.Unix(),
		"exp": now.Add(5 * time.Minute).Unix(), "jti": rand.Text()}
	maps.Copy(out, more)
	return out
}

// Token returns a token with these claims.
func (i *Issuer) Token(audience, subject string, more map[string]any) string {
	return i.Sign(i.Claims(audience, subject, more))
}

// Sign returns a token with claims.
func (i *Issuer) Sign(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return i.Signing().Sign(payload)
}

// Keys returns the published keys as a JSON Web Key Set.
func (i *Issuer) Keys() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	keys := []any{}
	for _, k := range i.keys {
		keys = append(keys, jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig"})
	}
	text, err := json.Marshal(map[string]any{"keys": append(keys, i.extra...)})
	if err != nil {
		panic(err)
	}
	return text
}

// SaysWhen makes the issuer publish that its tokens can have the claim auth_time.
func (i *Issuer) SaysWhen() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.claims = []string{"sub", "auth_time"}
}

// discover answers with what the issuer publishes about itself.
func (i *Issuer) discover(w io.Writer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	text, err := json.Marshal(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys",
		"authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "claims_supported": i.claims})
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(text)
}

func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests[r.URL.Path]++
	answer := i.answer
	i.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		i.discover(w)
	case "/keys":
		_, _ = w.Write(i.Keys())
	case "/authorize":
		i.authorize(w, r)
	case JobPath:
		i.job(w, r)
	case "/token":
		i.exchange(w, r)
	default:
		http.NotFound(w, r)
	}
}
