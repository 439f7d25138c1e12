// SPDX-License-Identifier: MPL-2.0

package peers

import "slices"

// median is the middle of what was measured: a mean is at the mercy of the
// slowest run.
func median(xs []float64) float64 {
	sorted := slices.Sorted(slices.Values(xs))
	return sorted[len(sorted)/2]
}
