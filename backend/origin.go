// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
)

// Origin says where a call came from. It is zero for a call of an embedded backend.
type Origin struct {
	Address   string // the IP address of the caller
	Client    string // the program, such as "pouncet/1.0.0": the first word of User-Agent, as far as it is a name
	RequestID string // the one in the log of the server and in the header X-Request-Id of its answer
	// Certificate is the client certificate that the connection has proved to belong to the caller; nil for none.
	Certificate *x509.Certificate
}

// CertificateFingerprint returns the fingerprint of the certificate, or "".
func (o Origin) CertificateFingerprint() string {
	if o.Certificate == nil {
		return ""
	}
	return CertificateFingerprint(o.Certificate)
}

// CertificateFingerprint returns the SHA-256 of a certificate, as "openssl x509 -fingerprint -sha256" does, in lower
// case and without colons.
func CertificateFingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// ClientName returns the program that a User-Agent names: its first word, if that is a name.
func ClientName(userAgent string) string {
	name, _, _ := strings.Cut(userAgent, " ")
	isName := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("._/+-", c)
	}
	if len(name) > MaxClientBytes || strings.ContainsFunc(name, func(c rune) bool { return !isName(c) }) {
		return ""
	}
	return name
}

type originKey struct{}

// WithOrigin returns a context whose calls came from o.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginFrom returns the origin of a context. It is zero if the context has none.
func OriginFrom(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
