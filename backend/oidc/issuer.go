// SPDX-License-Identifier: MPL-2.0

package oidc

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

const (
	// freshKeys is how long the keys of an issuer are used without asking for them again, and usableKeys how long if the
	// issuer cannot be reached.
	freshKeys  = time.Hour
	usableKeys = 6 * time.Hour
	// askAgain is the least time between two requests to an issuer, whatever tokens are presented.
	askAgain = 30 * time.Second
	// maxWaiting is how many callers wait for the answer of one issuer. A server checks 32 identity tokens at once.
	maxWaiting = 16
	// askTime limits one request to an issuer.
	askTime = 10 * time.Second
	// maxAnswer limits the body of an answer, and maxKeys the keys in it.
	maxAnswer = 1 << 20
	maxKeys   = 100
	// minRSA is the least size of an RSA key, in bits.
	minRSA = 2048
)

// issuers knows the keys of the issuers that trusts name.
type issuers struct {
	now    func() time.Time
	client *http.Client

	mu sync.Mutex
	of map[string]*issuer
}

func newIssuers(now func() time.Time) *issuers {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: askTime / 2}).DialContext
	t.MaxResponseHeaderBytes = 64 << 10
	return &issuers{now: now, of: map[string]*issuer{}, client: &http.Client{
		Transport: bounded{t}, Timeout: askTime,
		// Requests go only to addresses that the trust or its issuer names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// issuer returns the keys of an issuer, which are not fetched yet.
func (i *issuers) issuer(url string) *issuer {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.of[url] == nil {
		if len(i.of) >= 2*backend.MaxTrusts { // most of them belong to trusts that are gone
			clear(i.of)
		}
		i.of[url] = &issuer{all: i, url: url}
	}
	return i.of[url]
}

// issuer holds the keys of one issuer. One request at a time asks for them, and some callers wait for its result.
type issuer struct {
	all    *issuers
	url    string
	asking singleflight.Group

	mu sync.Mutex // never held while the issuer is asked
	keySet
	asked   time.Time // when it was asked last
	err     error     // of that request
	waiting int       // callers who wait for its answer
}

// keySet is the answer of an issuer at one time.
type keySet struct {
	keys      []publicKey
	endpoints endpoints
	fetched   time.Time
}

// endpoints are where people sign in at an issuer; "" if the issuer has no such page.
type endpoints struct {
	authorize, token string
	basic            bool // a client secret goes into the header Authorization
	names            bool // answers to browsers name the issuer (RFC 9207)
	saysWhen         bool // identity tokens can say when the person gave the credential, in the claim auth_time
}

// publicKey is a key of a JSON Web Key Set.
type publicKey struct {
	id  string
	key crypto.PublicKey
}

// named returns the keys that a token with the id of a key may be signed with. Without an id, the set must have one key
// only (OpenID Connect Core 1.0, section 10.1). So an unknown caller cannot make the server try many keys.
func named(keys []publicKey, id string) []crypto.PublicKey {
	if len(keys) == 1 && (id == "" || keys[0].id == "") {
		return []crypto.PublicKey{keys[0].key}
	}
	var out []crypto.PublicKey
	for _, k := range keys {
		if id != "" && k.id == id {
			out = append(out, k.key)
		}
	}
	return out
}

// wanted says which keys are enough, so that the issuer is not asked again before they are old.
type wanted func(keys []publicKey) bool

// keyNamed wants a key that a token with this id may be signed with.
func keyNamed(id string) wanted {
	return func(keys []publicKey) bool { return len(named(keys, id)) > 0 }
}

// anyKeys wants what the issuer has given last.
func anyKeys(keys []publicKey) bool { return keys != nil }

// current returns the keys of the issuer. It asks the issuer if they are old, or not enough.
func (s *issuer) current(ctx context.Context, enough wanted) (keySet, error) {
	waits, full := s.wait(enough)
	if waits {
		done := s.asking.DoChan("", func() (any, error) {
			s.ask(ctx, enough)
			return nil, nil
		})
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if waits {
		s.waiting--
	}
	switch {
	case full && !enough(s.keys):
		return keySet{}, s.unavailable(errors.New("many callers wait for its answer"))
	case s.keys == nil:
		return keySet{}, s.unavailable(cmp.Or(s.err, errors.New("it has not answered")))
	case s.all.now().Sub(s.fetched) >= usableKeys:
		return keySet{}, s.unavailable(cmp.Or(s.err, errors.New("they are too old")))
	}
	return s.keySet, nil
}

// wait reports whether a caller waits for an answer of the issuer. It is full if many callers wait already. The others
// take the keys in memory: callers with tokens of one issuer must not keep out the callers of all other issuers.
func (s *issuer) wait(enough wanted) (waits, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isDue(enough) {
		return false, false
	}
	if s.waiting >= maxWaiting {
		return false, true
	}
	s.waiting++
	return true, false
}

// isDue reports whether the issuer is to be asked. The caller holds the lock.
func (s *issuer) isDue(enough wanted) bool {
	now := s.all.now()
	return (s.keys == nil || !enough(s.keys) || now.Sub(s.fetched) >= freshKeys) &&
		(s.asked.IsZero() || now.Sub(s.asked) >= askAgain)
}

// ask asks the issuer for its keys, unless another call has done so since the caller has looked.
func (s *issuer) ask(ctx context.Context, enough wanted) {
	s.mu.Lock()
	now, due := s.all.now(), s.isDue(enough)
	s.mu.Unlock()
	if !due {
		return
	}
	keys, at, err := s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.err = now, err
	if err == nil {
		s.keySet = keySet{keys, at, now}
	}
}

// unreadable is the error of an issuer for a caller, who is not known yet, with the reason for the log: answers of
// the issuer and addresses of the network are not for the caller.
type unreadable struct {
	told   *backend.Error
	reason error
}

func (e *unreadable) Error() string { return e.told.Error() }

func (e *unreadable) Unwrap() error { return e.told }

func (s *issuer) unavailable(reason error) error {
	return &unreadable{backend.Errorf(backend.CodeUnavailable, "the keys of the issuer %s cannot be read", s.url).
		WithHint("the log of the server says why; check that the server reaches the issuer, or give its keys to the trust"),
		reason}
}

// fetch asks the issuer for its keys: where they are (OpenID Connect Discovery 1.0, section 4), and then for them.
func (s *issuer) fetch(ctx context.Context) ([]publicKey, endpoints, error) {
	// A caller who goes away does not take the keys from the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
	defer cancel()
	provider, err := gooidc.NewProvider(gooidc.ClientContext(ctx, s.all.client), s.url)
	if err != nil {
		return nil, endpoints{}, reasonOf(err)
	}
	var where struct {
		JWKS    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		Names   bool     `json:"authorization_response_iss_parameter_supported"`
		Claims  []string `json:"claims_supported"`
	}
	if err := provider.Claims(&where); err != nil {
		return nil, endpoints{}, err
	}
	if err := checkURL(s.url, "jwks_uri", where.JWKS); err != nil {
		return nil, endpoints{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where.JWKS, nil)
	if err != nil {
		return nil, endpoints{}, err
	}
	answer, err := s.all.client.Do(req)
	if err != nil {
		return nil, endpoints{}, reasonOf(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, endpoints{}, fmt.Errorf("%s answers with status %d", answer.Request.URL.Host, answer.StatusCode)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, endpoints{}, err
	}
	keys, err := parseKeys(text)
	at := endpoints{authorize: s.checked(provider.Endpoint().AuthURL), token: s.checked(provider.Endpoint().TokenURL),
		basic: len(where.Methods) == 0 || slices.Contains(where.Methods, "client_secret_basic"), names: where.Names,
		saysWhen: slices.Contains(where.Claims, "auth_time")}
	return keys, at, err
}

// reasonOf leaves out the URL of a request, which the error of an issuer has already.
func reasonOf(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// checked returns the URL of an endpoint for people, or "" if it is not safe. Programs can log in without it.
func (s *issuer) checked(endpoint string) string {
	if checkURL(s.url, "endpoint", endpoint) != nil {
		return ""
	}
	return endpoint
}

// checkURL refuses a URL that an issuer names if anyone on the way could change its answer. Only an issuer on this
// machine may name one without TLS, and only on this machine.
func checkURL(issuer, name, named string) error {
	from, err := url.Parse(issuer)
	if err != nil {
		return err
	}
	u, err := url.Parse(named)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("its %s is not a valid URL", name)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || from.Scheme != "http" || !backend.IsLoopback(u.Hostname())) {
		return fmt.Errorf("its %s is not encrypted", name)
	}
	return nil
}

// parseKeys returns the keys of a JSON Web Key Set that can verify a signature. Others, such as secret keys, are left
// out.
func parseKeys(text []byte) ([]publicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("its keys are not a JSON Web Key Set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("it has %d keys; the limit is %d", len(set.Keys), maxKeys)
	}
	var out []publicKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil || key.Use != "" && key.Use != "sig" {
			continue
		}
		switch k := key.Key.(type) {
		case *rsa.PublicKey:
			if k.N.BitLen() >= minRSA {
				out = append(out, publicKey{key.KeyID, k})
			}
		case *ecdsa.PublicKey:
			out = append(out, publicKey{key.KeyID, k})
		case ed25519.PublicKey:
			out = append(out, publicKey{key.KeyID, k})
		}
	}
	if len(out) == 0 {
		return nil, errors.New("it has no public key for signatures")
	}
	return out, nil
}

// bounded limits the bodies of answers.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(req)
	if err == nil {
		answer.Body = &boundedBody{ReadCloser: answer.Body}
	}
	return answer, err
}

type boundedBody struct {
	io.ReadCloser
	read int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.read += n; b.read > maxAnswer {
		return 0, fmt.Errorf("the answer of the issuer has more than %d bytes", maxAnswer)
	}
	return n, err
}
