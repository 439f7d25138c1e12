// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"net/netip"
	"slices"
)

// MaxSourceRanges limits the networks of a token.
const MaxSourceRanges = 64

// ParseNetwork parses an IP address such as 192.0.2.1, or a network such as 10.0.0.0/8. It refuses a network with bits
// beyond its length, because the sender may have meant a smaller one.
func ParseNetwork(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), a.Zone() == "" && !a.Is4In6()
	}
	p, err := netip.ParsePrefix(text)
	return p, err == nil && p == p.Masked() && !p.Addr().Is4In6()
}

// checkSourceRanges refuses an empty list, because it could mean nothing as well as everything.
func checkSourceRanges(c *Change) *Error {
	const at = "source_ranges"
	switch n := len(c.SourceRanges); {
	case n == 0:
		return Errorf(CodeInvalid, "the source ranges are empty").
			WithHint("leave them out to allow calls from everywhere").At(at)
	case n > MaxSourceRanges:
		return Errorf(CodeTooLarge, "%d source ranges are too many; the limit is %d", n, MaxSourceRanges).At(at)
	}
	for _, text := range c.SourceRanges {
		if _, ok := ParseNetwork(text); !ok {
			return Errorf(CodeInvalid, "source range %s is not valid", Quote(text)).
				WithHint("use a network such as 10.0.0.0/8 or 2001:db8::/32, or an IP address").At(at)
		}
	}
	return nil
}

// SourceRanges returns networks in their normal form, without duplicates.
func SourceRanges(texts []string) []string {
	var out []string
	for _, text := range texts {
		if p, ok := ParseNetwork(text); ok && !slices.Contains(out, p.String()) {
			out = append(out, p.String())
		}
	}
	return out
}
