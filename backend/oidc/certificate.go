// SPDX-License-Identifier: MPL-2.0

package oidc

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

// A caller with a client certificate logs in without an identity token. The handshake has verified the certificate, and
// that the caller has its key. The session is accepted over connections with this certificate only.

// loginWithCertificate is Login for the client certificate of the origin of a call.
func (l *Logins) loginWithCertificate(
	ctx context.Context, trust string,
) (s Session, who backend.Principal, err error) {
	origin := backend.OriginFrom(ctx)
	if origin.Certificate == nil {
		return s, who, l.refuse(ctx, trust, errors.New("the login has neither an identity token nor a client certificate"))
	}
	of, who, err := l.acceptCertificate(ctx, trust, origin.Certificate)
	if err != nil {
		return s, who, err
	}
	expires := l.options.Now().Add(of.trust.SessionTime())
	if end := origin.Certificate.NotAfter; end.Before(expires) {
		expires = end
	}
	text, err := l.options.Cipher.Seal(ctx, of.row, of.subject, expires, origin.CertificateFingerprint())
	if err != nil {
		return s, who, err
	}
	if err := l.write(backend.WithPrincipal(ctx, who), of, ""); err != nil {
		return s, who, err
	}
	return newSession(text, who, expires), who, nil
}

// acceptCertificate returns the only trust that accepts a certificate.
func (l *Logins) acceptCertificate(
	ctx context.Context, trust string, c *x509.Certificate,
) (of candidate, who backend.Principal, err error) {
	all, err := l.trustsInCertificates(ctx, trust)
	if err != nil {
		return of, who, err
	}
	names, err := namesOf(c)
	if now := l.options.Now(); err == nil && (now.Before(c.NotBefore) || !now.Before(c.NotAfter)) {
		err = errors.New("it has expired, or is not valid yet") // the connection is older
	}
	if err != nil {
		return of, who, l.refuseCertificate(ctx, trust, c, err)
	}
	var accepted []candidate
	reasons := []error{fmt.Errorf("%d trusts accept certificates", len(all))}
	for _, one := range all {
		one.subject, err = names.subject(one.trust)
		if err == nil {
			who = access.SubjectOf(one.row, one.trust, one.subject)
			err = names.check(one.trust)
		}
		if err != nil {
			reasons = append(reasons, fmt.Errorf("trust %q: %w", one.row.Name, err))
			continue
		}
		accepted = append(accepted, one)
	}
	switch len(accepted) {
	case 0:
		return of, who, l.refuseCertificate(ctx, trust, c, errors.Join(reasons...))
	case 1:
		return accepted[0], access.SubjectOf(accepted[0].row, accepted[0].trust, accepted[0].subject), nil
	}
	return of, who, errSeveral("client certificate", accepted)
}

// refuseCertificate logs why a certificate is refused, and returns the error of every refusal.
func (l *Logins) refuseCertificate(ctx context.Context, trust string, c *x509.Certificate, reason error) error {
	l.options.Log.WarnContext(ctx, "client certificate refused", "trust", trust, "reason", reason.Error(),
		"certificate", backend.CertificateFingerprint(c), "address", backend.OriginFrom(ctx).Address)
	return backend.Errorf(backend.CodeUnauthenticated, "the client certificate is not accepted").
		WithHint("see the log of the server, and compare the names in the certificate with the trust: " +
			"pouncet trust show NAME")
}

// certificateNames are the subject alternative names of a certificate, by their claims.
type certificateNames map[string][]string

// The tags of the names in a certificate (RFC 5280, section 4.2.1.6).
const (
	tagDNS = 2
	tagURI = 6
)

var subjectAlternativeName = asn1.ObjectIdentifier{2, 5, 29, 17}

// namesOf returns the names in a certificate as the authority has signed them, byte for byte: a parsed URI can have the
// text of another one. It refuses names that crypto/x509 overlooks, such as those whose tag says "constructed": the
// handshake has not compared them with the name constraints of the authorities.
func namesOf(c *x509.Certificate) (certificateNames, error) {
	out := certificateNames{}
	for _, e := range c.Extensions {
		if !e.Id.Equal(subjectAlternativeName) {
			continue
		}
		var all []asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &all); err != nil || len(rest) > 0 {
			return nil, errors.New("its subject alternative names cannot be parsed")
		}
		for _, one := range all {
			claim := map[int]string{tagURI: backend.ClaimURI, tagDNS: backend.ClaimDNS}[one.Tag]
			if claim != "" && one.Class == asn1.ClassContextSpecific {
				out[claim] = append(out[claim], string(one.Bytes))
			}
		}
	}
	if len(out[backend.ClaimURI]) != len(c.URIs) || len(out[backend.ClaimDNS]) != len(c.DNSNames) {
		return nil, errors.New("it has names that the handshake has not checked")
	}
	return out, nil
}

// subject returns who has the certificate.
func (n certificateNames) subject(t backend.Trust) (string, error) {
	claim := t.SubjectClaim()
	values := n[claim]
	if len(values) != 1 {
		return "", fmt.Errorf("it has %d names of the form %s, and the trust requires one", len(values), claim)
	}
	return values[0], checkName(claim, values[0])
}

// checkName refuses a name that no pattern may match.
func checkName(claim, name string) error {
	switch {
	case backend.CheckNamedSubject(name) != nil:
		return fmt.Errorf("its %s must be a name of one line with at most %d bytes, without *", claim,
			backend.MaxSubjectBytes)
	case claim == backend.ClaimURI && !isPlainURI(name):
		return fmt.Errorf("its %s has a user, a query, a fragment, a percent sign or a dot segment, or is not a URI",
			claim)
	}
	return nil
}

// isPlainURI reports whether a URI has only one spelling, so that a pattern means what it says.
func isPlainURI(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.String() != text || u.User != nil || strings.ContainsAny(text, "%?#\\") {
		return false
	}
	return !slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." })
}

// check refuses names that do not satisfy a trust. All names of a form with a condition must be ones that a pattern may
// match, and one of them must match.
func (n certificateNames) check(t backend.Trust) error {
	for _, claim := range slices.Sorted(maps.Keys(t.Claims)) {
		pattern, values := t.Claims[claim], n[claim]
		for _, name := range values {
			if err := checkName(claim, name); err != nil {
				return err
			}
		}
		if !slices.ContainsFunc(values, func(v string) bool { return access.Matches(pattern, v) }) {
			return fmt.Errorf("its %s is %s, and the trust requires %s", claim, shown(values), backend.Quote(pattern))
		}
	}
	return nil
}
