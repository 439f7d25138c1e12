// SPDX-License-Identifier: MPL-2.0

package engine

import "fmt"

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
