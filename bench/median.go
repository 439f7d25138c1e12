// SPDX-License-Identifier: MPL-2.0

package bench

import "slices"

// median returns the middle value. On a shared machine a few slow runs distort the mean.
func median(xs []float64) float64 {
	sorted := slices.Sorted(slices.Values(xs))
	return sorted[len(sorted)/2]
}
