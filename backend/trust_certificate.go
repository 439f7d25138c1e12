// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"maps"
	"slices"
	"strings"
)

// The claims of a certificate. Each stands for the subject alternative names of one form.
const (
	ClaimURI = "san_uri"
	ClaimDNS = "san_dns"
)

// CertificateClaims lists the claims that a trust in certificates knows.
var CertificateClaims = []string{ClaimURI, ClaimDNS}

// checkCertificate refuses what a trust in certificates cannot have.
func (t Trust) checkCertificate() *Error {
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"issuer", t.Issuer != ""}, {"audience", t.Audience != ""}, {"keys", len(t.Keys) > 0}, {"reuse", t.Reuse},
		{"any_subject", t.AnySubject},
	} {
		if field.given {
			return Errorf(CodeInvalid, "a trust in certificates cannot have %s", field.name).
				WithHint("remove it, because only conditions apply to certificates; or, for an issuer, remove certificate").
				At(field.name)
		}
	}
	if err := checkCertificateClaim(t.SubjectClaim()); err != nil {
		return err.At("subject")
	}
	for _, name := range slices.Sorted(maps.Keys(t.Claims)) {
		if err := checkCertificateClaim(name); err != nil {
			return err.At("claims")
		}
	}
	return nil
}

func checkCertificateClaim(name string) *Error {
	if name != "" && !slices.Contains(CertificateClaims, name) {
		return Errorf(CodeInvalid, "a certificate has no claim %s", Quote(name)).
			WithHint("use %s; other names in certificates do not count", strings.Join(CertificateClaims, " or "))
	}
	return nil
}
