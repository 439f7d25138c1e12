// SPDX-License-Identifier: MPL-2.0

package oidc

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

const (
	// maxToken is the longest identity token, in bytes.
	maxToken = 16 << 10
	// skew is how far the clocks of an issuer and of this server may differ.
	skew = time.Minute
	// maxLife is how long an identity token may still be valid. The store remembers it for a day.
	maxLife    = 23 * time.Hour
	remembered = 24 * time.Hour
)

// claims are the claims of an identity token, by their names.
type claims map[string]json.RawMessage

// payloadOf returns the claims of a token in the compact form (RFC 7515, section 3.1), and the id of the key that its
// header names. Its signature is not verified yet. Only the one encoding of each part is accepted: the text of a token
// says whether it was used before, and decoders ignore line breaks and unused bits.
func payloadOf(token string) (c claims, key string, err error) {
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 {
		return nil, "", fmt.Errorf("it is not a JSON Web Token of at most %d bytes", maxToken)
	}
	var decoded [3][]byte
	for i, part := range parts {
		text, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || base64.RawURLEncoding.EncodeToString(text) != part {
			return nil, "", fmt.Errorf("it is not in the compact form with unpadded base64url")
		}
		decoded[i] = text
	}
	var header struct {
		Key string `json:"kid"`
	}
	if err := json.Unmarshal(decoded[0], &header); err != nil {
		return nil, "", fmt.Errorf("its header is invalid JSON")
	}
	c, err = parseClaims(decoded[1])
	return c, header.Key, err
}

// parseClaims decodes claims. Two claims whose names differ only in upper and lower case are refused: two parsers could
// take two different ones for the same claim.
func parseClaims(text []byte) (claims, error) {
	if err := backend.CheckDepth(text); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("its claims are not a JSON object")
	}
	out, seen := claims{}, map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, fmt.Errorf("its claims are invalid JSON")
		}
		if seen[strings.ToLower(name)] {
			return nil, fmt.Errorf("it has the claim %s twice", backend.Quote(name))
		}
		seen[strings.ToLower(name)] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("its claims are invalid JSON")
		}
		out[name] = value
	}
	if _, err := d.Token(); err != nil || d.More() {
		return nil, fmt.Errorf("its claims are invalid JSON")
	}
	return out, nil
}

// text returns a claim that is a string.
func (c claims) text(name string) string {
	var s string
	if json.Unmarshal(c[name], &s) != nil {
		return ""
	}
	return s
}

// time returns a claim that is a time (RFC 7519, section 2), and whether it exists.
func (c claims) time(name string) (time.Time, bool, error) {
	raw, ok := c[name]
	if !ok {
		return time.Time{}, false, nil
	}
	seconds, err := strconv.ParseFloat(string(bytes.TrimSpace(raw)), 64)
	if err != nil || !(seconds >= 0 && seconds < 1e11) {
		return time.Time{}, true, fmt.Errorf("its claim %s is not a valid time", name)
	}
	return time.Unix(int64(seconds), 0), true, nil
}

// checkTimes refuses a token that is not valid now.
func (c claims) checkTimes(now time.Time) error {
	expires, ok, err := c.time("exp")
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("its claim exp is missing")
	case !now.Before(expires.Add(skew)):
		return fmt.Errorf("it has expired at %s", expires.UTC().Format(time.RFC3339))
	case expires.After(now.Add(maxLife)):
		return fmt.Errorf("it is valid for more than %s", maxLife)
	}
	for _, name := range []string{"nbf", "iat"} {
		from, ok, err := c.time(name)
		if err != nil {
			return err
		}
		if ok && from.After(now.Add(skew)) {
			return fmt.Errorf("its claim %s is in the future: %s", name, from.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// checkAudience refuses a token that is also for others. Any of them could present it here.
func (c claims) checkAudience(want string) error {
	var list []string
	if json.Unmarshal(c["aud"], &list) != nil {
		list = []string{c.text("aud")}
	}
	if !slices.Equal(list, []string{want}) {
		return fmt.Errorf("its audience is %s, and the trust requires only %s", quoted(list), backend.Quote(want))
	}
	return nil
}

func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = backend.Quote(s)
	}
	return strings.Join(out, ", ")
}

// values returns what a condition compares with: a text, a number or a truth value, or the items of a list of these. An
// object has no values. An e-mail address that the issuer has not verified has none either: anyone could enter it.
func (c claims) values(name string) []string {
	if name == "email" {
		verified := c.scalar(c["email_verified"])
		if !slices.Equal(verified, []string{"true"}) {
			return nil
		}
	}
	var list []json.RawMessage
	if json.Unmarshal(c[name], &list) != nil {
		return c.scalar(c[name])
	}
	var out []string
	for _, item := range list {
		out = append(out, c.scalar(item)...)
	}
	return out
}

func (c claims) scalar(raw json.RawMessage) []string {
	var value any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return nil
	}
	switch v := value.(type) {
	case string:
		return []string{v}
	case bool:
		return []string{strconv.FormatBool(v)}
	case json.Number:
		return []string{v.String()}
	}
	return nil
}

// check refuses claims that do not satisfy a trust.
func (c claims) check(t backend.Trust, now time.Time) error {
	if err := c.checkTimes(now); err != nil {
		return err
	}
	if err := c.checkAudience(t.Audience); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(t.Claims)) {
		pattern, values := t.Claims[name], c.values(name)
		if !slices.ContainsFunc(values, func(v string) bool { return access.Matches(pattern, v) }) {
			return fmt.Errorf("its claim %s is %s, and the trust requires %s", backend.Quote(name), shown(values),
				backend.Quote(pattern))
		}
	}
	return nil
}

func shown(values []string) string {
	if len(values) == 0 {
		return "missing, not verified, or neither a text nor a list of texts"
	}
	text := quoted(values)
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}

// subject returns who presents a token.
func (c claims) subject(t backend.Trust) (string, error) {
	values := c.values(t.SubjectClaim())
	if len(values) != 1 || backend.CheckSubject(values[0]) != nil {
		return "", fmt.Errorf("its claim %s must be a verified text of one line with at most %d bytes",
			backend.Quote(t.SubjectClaim()), backend.MaxSubjectBytes)
	}
	return values[0], nil
}
