// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// maxReturned is how many rows that were put back the sums can name, and maxReturnedOfMany is that among more than
// manyRows. Each deletion compares all sets of rows of one size while the rows do not fit, and a token may have many
// bindings.
const (
	maxReturned       = 3
	maxReturnedOfMany = 2
	manyRows          = 400
)

// summands are the sums of the rows whose MAC is right: a row that was deleted and put back has a right one.
type summands map[sum]string // the id of the row

func (s *signers) objectSummands(rows []store.Object) summands {
	out := summands{}
	for _, o := range rows {
		if o.Untrusted == nil {
			out[s.objectSummand(o)] = o.ID
		}
	}
	return out
}

func (s *signers) tokenSummands(tokens []store.Token) summands {
	out := summands{}
	for _, k := range tokens {
		if k.Untrusted == nil {
			out[s.tokenSummand(k)] = k.ID
		}
	}
	return out
}

// returned returns the ids of the rows that were deleted and put back: the few rows without which the others fit. It
// is empty if the rows fit, or if more than maxReturned rows are too many. A sum cannot be forged, so the answer is
// certain.
func (s summands) returned(all rowSums, want sum) []string {
	if all.fit(want) {
		return nil
	}
	limit := maxReturned
	if len(s) > manyRows {
		limit = maxReturnedOfMany
	}
	for most := 1; most <= limit; most++ {
		for _, excess := range []sum{all.trusted.minus(want), all.all.minus(want)} {
			if ids := s.withSum(excess, most, nil); ids != nil {
				return ids
			}
		}
	}
	return nil
}

// withSum returns the ids of n rows that have a sum together, and are not among others. It returns nil without them.
func (s summands) withSum(total sum, n int, others []sum) []string {
	if n == 1 {
		id, ok := s[total]
		if !ok || slices.Contains(others, total) {
			return nil
		}
		return []string{id}
	}
	for one, id := range s {
		if slices.Contains(others, one) {
			continue
		}
		if rest := s.withSum(total.minus(one), n-1, append(others, one)); rest != nil {
			return append(rest, id)
		}
	}
	return nil
}
