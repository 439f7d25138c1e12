// SPDX-License-Identifier: MPL-2.0

package access

import (
	"bytes"
	"context"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// SessionPrefix begins every session token.
const SessionPrefix = stored.SessionPrefix

// maxSession limits the length of a session token.
const maxSession = 4096

// IsSession reports whether a token belongs to a session.
func IsSession(token string) bool { return strings.HasPrefix(token, SessionPrefix) }

// Cipher returns the cipher that seals session tokens. All servers of a deployment have the same one.
type Cipher func(ctx context.Context) (cipher.AEAD, error)

// session is what a session token holds. Nothing of it is stored: a session ends with its time, and with every change
// of its trust.
type session struct {
	Trust    string `json:"trust"`    // its id
	Revision int64  `json:"revision"` // of the trust
	Subject  string `json:"subject"`
	Expires  int64  `json:"expires"` // in seconds since 1970
	// Certificate is the fingerprint of the client certificate that the connection of each call must have; "" for a
	// session that began with an identity token. Another certificate with the same key can have other names, or be of
	// another authority.
	Certificate string `json:"certificate,omitempty"`
}

// forCertificates is the additional data of the sessions of certificates. Servers that know no such sessions would
// ignore the certificate, so they must not be able to open them.
var forCertificates = []byte("certificate")

// Seal returns the token of a session of a subject that the row of a trust has let in. A certificate that is not
// "" is the fingerprint of the client certificate that the connections of its calls must have.
func (c Cipher) Seal(
	ctx context.Context, trust store.Object, subject string, expires time.Time, certificate string,
) (string, error) {
	aead, err := c(ctx)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(session{trust.ID, trust.Revision, subject, expires.Unix(), certificate})
	if err != nil {
		panic(err) // plain data
	}
	var data []byte
	if certificate != "" {
		data = forCertificates
	}
	return SessionPrefix + base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, text, data)), nil
}

// open returns the check of a session token.
func (c Cipher) open(
	ctx context.Context, token string, now func() time.Time, all *trusts,
) (authentication, error) {
	if len(token) > maxSession {
		return nil, errSession()
	}
	text := strings.TrimPrefix(token, SessionPrefix)
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodeToString(sealed) != text { // a decoder ignores bits at the end
		return nil, errSession()
	}
	aead, err := c(ctx)
	if err != nil {
		return nil, err
	}
	content, err := aead.Open(nil, nil, sealed, nil)
	if err != nil {
		content, err = aead.Open(nil, nil, sealed, forCertificates)
	}
	if err != nil {
		return nil, errSession()
	}
	var s session
	if err := json.Unmarshal(content, &s); err != nil {
		return nil, errSession()
	}
	return func(ctx context.Context, tx store.Tx) (backend.Principal, error) {
		if !now().Before(time.Unix(s.Expires, 0)) {
			return backend.Principal{}, errSession()
		}
		if s.Certificate != "" && s.Certificate != backend.OriginFrom(ctx).CertificateFingerprint() {
			return backend.Principal{}, errOtherCertificate()
		}
		return s.principal(ctx, tx, all)
	}, nil
}

// principal returns the principal of a session, if its trust is as it was when the session began.
func (s session) principal(ctx context.Context, tx store.Tx, all *trusts) (backend.Principal, error) {
	row, err := all.byID(ctx, tx, s.Trust)
	switch {
	case errors.Is(err, backend.ErrNotFound):
		return backend.Principal{}, errSession()
	case err != nil:
		return backend.Principal{}, err
	case row.Revision != s.Revision:
		return backend.Principal{}, errSession()
	}
	t, err := ReadTrust(row)
	if err != nil {
		return backend.Principal{}, err
	}
	if t.Certificate != (s.Certificate != "") { // a change of the trust would have another revision
		return backend.Principal{}, errSession()
	}
	return SubjectOf(row, t, s.Subject), nil
}

// trusts keeps the rows of the trusts in memory, as Directory keeps bindings.
type trusts struct {
	mu         sync.Mutex
	generation []byte
	rows       map[string]store.Object
}

// byID returns the row of a trust as a transaction reads it, or ErrNotFound.
func (t *trusts) byID(ctx context.Context, tx store.Tx, id string) (store.Object, error) {
	generation, err := tx.Generation(ctx)
	if err != nil {
		return store.Object{}, err
	}
	rows := t.at(generation)
	if rows == nil {
		// Without the lock: a slow read must not keep other calls waiting.
		read, err := tx.Objects(ctx, trustFilter(""))
		if err != nil {
			return store.Object{}, err
		}
		rows = map[string]store.Object{}
		for _, o := range read {
			rows[o.ID] = o
		}
		t.keep(generation, rows)
	}
	row, ok := rows[id]
	if !ok {
		return store.Object{}, errNoTrust(id)
	}
	return row, nil
}

// at returns the rows of a generation, or nil if they are not in memory.
func (t *trusts) at(generation []byte) map[string]store.Object {
	t.mu.Lock()
	defer t.mu.Unlock()
	if generation == nil || !bytes.Equal(t.generation, generation) {
		return nil
	}
	return t.rows
}

func (t *trusts) keep(generation []byte, rows map[string]store.Object) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.generation, t.rows = generation, rows
}

// trustFilter selects a trust, or all of them. The rows are checked together with all other rows that decide about
// rights: a row that was removed or put back outside Pouncet may have been a trust.
func trustFilter(id string) store.Filter {
	return store.Filter{Kind: backend.KindTrust, Project: stored.DeploymentKey, ID: id}
}

func errNoTrust(id string) error {
	return backend.Errorf(backend.CodeNotFound, "trust %s does not exist", backend.Quote(id))
}

// TrustByID returns the row of a trust, or ErrNotFound.
func TrustByID(ctx context.Context, tx store.Tx, id string) (store.Object, error) {
	rows, err := tx.Objects(ctx, trustFilter(id))
	if err == nil && len(rows) == 0 {
		err = errNoTrust(id)
	}
	if err != nil {
		return store.Object{}, err
	}
	return rows[0], nil
}

// SubjectOf returns the principal of a subject that a trust has let in.
func SubjectOf(row store.Object, t backend.Trust, subject string) backend.Principal {
	return backend.Principal{ID: row.ID + "/" + subject, Name: row.Name + "/" + subject, Role: backend.RoleNone,
		Kind: t.Principal, Trust: row.ID}
}

// ReadTrust returns what the row of a trust says.
func ReadTrust(row store.Object) (backend.Trust, error) {
	a, err := readAttributes(row)
	if err != nil {
		return backend.Trust{}, err
	}
	if a.Trust == nil {
		return backend.Trust{}, backend.Errorf(backend.CodeCorrupt, "trust %q trusts nobody", row.Name).
			WithHint("delete it: pouncet trust delete %s", row.Name)
	}
	return *a.Trust, nil
}

func errOtherCertificate() error {
	return backend.Errorf(backend.CodeUnauthenticated,
		"the session belongs to a client certificate, which this connection does not have").
		WithHint("use the certificate that the login had (POUNCET_CLIENT_CERT, POUNCET_CLIENT_KEY), or log in again")
}

func errSession() error {
	return backend.Errorf(backend.CodeUnauthenticated,
		"the session is not valid: it has expired, its trust was changed or deleted, or it belongs to another backend").
		WithHint("log in again: pouncet login")
}
