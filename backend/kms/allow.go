// SPDX-License-Identifier: MPL-2.0

package kms

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Patterns hold the KMS keys that the callers of a server may name. In a pattern, * stands for any characters other
// than ? and &, also for none; everything else stands for itself. So a parameter of a URI, such as the endpoint of
// another KMS, is allowed only by a pattern that has this parameter.
type Patterns []*regexp.Regexp

// ParsePatterns parses patterns of keys in a KMS. ErrInvalid means that a pattern can match no such key. A pattern
// never allows a key file: its path would be one on the server.
func ParsePatterns(patterns []string) (Patterns, error) {
	var out Patterns
	for _, p := range patterns {
		if p != "*" && !strings.HasPrefix(p, schemeAWS+":///") {
			return nil, backend.Errorf(backend.CodeInvalid, "%s is not a pattern of keys in a KMS", backend.Quote(p)).
				WithHint("write it as aws-kms:///alias/NAME, in which * stands for any characters other than ? and &")
		}
		out = append(out, regexp.MustCompile(`^`+strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, `[^?&[:cntrl:]]*`)+`$`))
	}
	return out, nil
}

// Match reports whether a pattern allows the key in a KMS that uri names.
func (p Patterns) Match(uri string) bool {
	return slices.ContainsFunc(p, func(r *regexp.Regexp) bool { return r.MatchString(uri) })
}

// CheckRemote returns an error if uri is not valid or names a key file. It does not look at the file. The caller of a
// server may not name one: the answers would tell which files the server has.
func CheckRemote(uri string) error {
	if scheme, _, _ := strings.Cut(uri, ":"); strings.EqualFold(scheme, schemeFile) { // also a relative one
		return backend.Errorf(backend.CodeDenied, "a caller of a server may not name a key file").
			WithHint("name a key in a KMS; on the machine of the server, pouncet env set can name a key file").At("kms_key")
	}
	_, err := Open(context.Background(), uri)
	return err
}
