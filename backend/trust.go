// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Trust says which identity tokens of an OpenID Connect issuer are accepted, or which client certificates. Who presents
// one gets a session with the rights that bindings give to the trust, or to its subject.
type Trust struct {
	// Certificate accepts client certificates of the authorities that the server knows. Then the trust has no issuer,
	// and its claims are CertificateClaims.
	Certificate bool `json:"certificate,omitempty"`

	Issuer string `json:"issuer,omitempty"` // a URL, exactly as the claim iss has it
	// Audience is what the claim aud must name. No other service should accept the same one.
	Audience string `json:"audience,omitempty"`
	// Claims are conditions on claims: a text, or a pattern in which * stands for any characters. A list matches if one of
	// its items does. All of them must hold.
	Claims map[string]string `json:"claims,omitempty"`
	// AnySubject allows a trust without conditions, or with patterns that match everything.
	AnySubject bool          `json:"any_subject,omitempty"`
	Principal  PrincipalKind `json:"principal"` // who presents the tokens
	// Subject is the claim that names the caller. If it is empty, that is "sub", or ClaimURI of a certificate. A claim
	// "email" counts only if it is verified.
	Subject string `json:"subject,omitempty"`
	// SessionMinutes is how long a session is valid; 0 means DefaultSessionMinutes.
	SessionMinutes int `json:"session_minutes,omitempty"`
	// Reuse accepts an identity token several times until it expires. Without it, each one is accepted once.
	Reuse bool `json:"reuse,omitempty"`
	// Keys is a JSON Web Key Set. With it, the issuer is never asked for its keys.
	Keys json.RawMessage `json:"keys,omitempty"`
}

// ToTrust begins a principal of bindings and of groups: "trust:NAME" is everyone whom a trust lets in, and
// "trust:NAME/SUBJECT" one subject.
const ToTrust = "trust:"

// Limits of trusts.
const (
	MaxTrusts             = 100
	MaxTrustClaims        = 20
	MaxIssuerBytes        = 1_024
	MaxClaimBytes         = 1_024 // of the name of a claim, and of its pattern
	MaxTrustKeysBytes     = 64 << 10
	MaxSubjectBytes       = 255
	DefaultSessionMinutes = 60
	MaxSessionMinutes     = 12 * 60
)

// SessionTime is how long a session is valid.
func (t Trust) SessionTime() time.Duration {
	if t.SessionMinutes == 0 {
		return DefaultSessionMinutes * time.Minute
	}
	return time.Duration(t.SessionMinutes) * time.Minute
}

// SubjectClaim returns the claim that names the caller.
func (t Trust) SubjectClaim() string {
	switch {
	case t.Subject != "":
		return t.Subject
	case t.Certificate:
		return ClaimURI
	}
	return "sub"
}

// Equal reports whether two trusts are the same.
func (t Trust) Equal(u Trust) bool {
	return t.Certificate == u.Certificate && t.Issuer == u.Issuer && t.Audience == u.Audience &&
		maps.Equal(t.Claims, u.Claims) && t.AnySubject == u.AnySubject && t.Principal == u.Principal &&
		t.SubjectClaim() == u.SubjectClaim() &&
		t.SessionTime() == u.SessionTime() && t.Reuse == u.Reuse && (len(t.Keys) == 0) == (len(u.Keys) == 0) &&
		EqualJSON(t.Keys, u.Keys)
}

// Check refuses a trust that is not valid.
func (t Trust) Check() *Error {
	if err := t.check(); err != nil {
		return err.At("trust." + err.Attribute)
	}
	return nil
}

func (t Trust) check() *Error {
	if t.Certificate {
		if err := t.checkCertificate(); err != nil {
			return err
		}
	} else if err := CheckIssuer(t.Issuer); err != nil {
		return err.At("issuer")
	}
	if err := t.Principal.check("principal"); err != nil {
		return err
	}
	switch {
	case t.Audience == "" && !t.Certificate:
		return Errorf(CodeInvalid, "an audience is required for a trust").
			WithHint("use the URL of this server, or the client id of an application at the issuer").At("audience")
	case t.SessionMinutes < 0 || t.SessionMinutes > MaxSessionMinutes:
		return Errorf(CodeInvalid, "a session of %d minutes is not valid", t.SessionMinutes).
			WithHint("use 1 to %d minutes", MaxSessionMinutes).At("session_minutes")
	}
	if err := t.checkKeys(); err != nil {
		return err.At("keys")
	}
	if err := checkClaimText(t.Audience); err != nil {
		return err.At("audience")
	}
	if err := checkClaimText(t.SubjectClaim()); err != nil {
		return err.At("subject")
	}
	if err := t.checkClaims(); err != nil {
		return err.At("claims")
	}
	return nil
}

func (t Trust) checkKeys() *Error {
	if len(t.Keys) == 0 {
		return nil
	}
	if len(t.Keys) > MaxTrustKeysBytes {
		return Errorf(CodeTooLarge, "the keys have %d bytes; the limit is %d", len(t.Keys), MaxTrustKeysBytes)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(t.Keys, &set) != nil || len(set.Keys) == 0 {
		return Errorf(CodeInvalid, "the keys are not a JSON Web Key Set").
			WithHint(`write {"keys": [...]}, as the issuer publishes them at its jwks_uri`)
	}
	for _, key := range set.Keys {
		var private struct{ D, K json.RawMessage } // RFC 7518, section 6: what only the issuer may know
		if json.Unmarshal(key, &private) != nil || private.D != nil || private.K != nil {
			return Errorf(CodeInvalid, "a key of the set is not public").
				WithHint("give the public keys, as the issuer publishes them at its jwks_uri")
		}
	}
	return nil
}

func (t Trust) checkClaims() *Error {
	if len(t.Claims) > MaxTrustClaims {
		return Errorf(CodeTooLarge, "the trust has %d conditions; the limit is %d", len(t.Claims), MaxTrustClaims)
	}
	limited := false
	for _, name := range slices.Sorted(maps.Keys(t.Claims)) {
		pattern := t.Claims[name]
		switch {
		case name == "" || pattern == "":
			return Errorf(CodeInvalid, "a condition of the trust is empty: it names no claim, or no text for it")
		case slices.Contains([]string{"iss", "aud", "exp", "nbf", "iat", "jti"}, name):
			return Errorf(CodeInvalid, "claim %q cannot be a condition", name).
				WithHint("set the issuer and the audience of the trust; the times are always checked")
		}
		for _, text := range []string{name, pattern} {
			if err := checkClaimText(text); err != nil {
				return err
			}
		}
		limited = limited || strings.Trim(pattern, "*") != ""
	}
	if !limited && t.Certificate {
		return Errorf(CodeInvalid, "the trust has no condition: everyone with a certificate of an authority of --client-ca "+
			"could log in").WithHint("add a condition on %s, such as %s=spiffe://acme.example/ns/shop/*",
			strings.Join(CertificateClaims, " or "), ClaimURI)
	}
	if !limited && !t.AnySubject {
		return Errorf(CodeInvalid, "the trust has no condition: everyone to whom %s gives a token for this audience could "+
			"log in", Quote(t.Issuer)).
			WithHint("add a condition on a claim such as sub or repository (--claim), or set any_subject (--any-subject)")
	}
	return nil
}

func checkClaimText(text string) *Error {
	if len(text) > MaxClaimBytes {
		return Errorf(CodeTooLarge, "a text of the trust has %d bytes; the limit is %d", len(text), MaxClaimBytes)
	}
	return CheckLine("a text of the trust", text)
}

// CheckIssuer refuses a URL that no issuer has. Without TLS, only this machine can be an issuer.
func CheckIssuer(issuer string) *Error {
	u, err := url.Parse(issuer)
	switch {
	case issuer == "":
		return Errorf(CodeInvalid, "an issuer is required for a trust").
			WithHint("use the URL of the issuer, as the claim iss of its tokens has it")
	case len(issuer) > MaxIssuerBytes:
		return Errorf(CodeTooLarge, "the issuer has %d bytes; the limit is %d", len(issuer), MaxIssuerBytes)
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		CheckLine("issuer", issuer) != nil,
		u.Scheme != "https" && u.Scheme != "http":
		return Errorf(CodeInvalid, "%s is not a valid issuer", Quote(issuer)).
			WithHint("write it as https://issuer.example.com, without user, query or fragment")
	case u.Scheme == "http" && !IsLoopback(u.Hostname()):
		return Errorf(CodeInvalid, "the issuer %s is on another machine and is not encrypted", u.Host).WithHint("use https")
	}
	return nil
}

// CheckNamedSubject refuses a text that no subject of a trust has, and a pattern: a binding or a group names one
// subject.
func CheckNamedSubject(subject string) *Error {
	if strings.Contains(subject, "*") {
		return Errorf(CodeInvalid, "the subject %s has a *, but a binding names one subject and takes no pattern",
			Quote(subject)).
			WithHint("leave out the / for all subjects; a condition of the trust takes a pattern, such as sub=repo:acme/shop:*")
	}
	return CheckSubject(subject)
}

// CheckSubject refuses a text that no subject of a trust has.
func CheckSubject(subject string) *Error {
	switch {
	case subject == "":
		return Errorf(CodeInvalid, "the subject of the trust is empty").WithHint("leave out the / for all subjects")
	case len(subject) > MaxSubjectBytes:
		return Errorf(CodeTooLarge, "the subject has %d bytes; the limit is %d", len(subject), MaxSubjectBytes)
	}
	return CheckLine("the subject", subject)
}
