// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"regexp"
	"sync"
)

// compileOnce returns a function that compiles a pattern when it is called first. A pattern that is compiled when the
// program starts costs every command.
func compileOnce(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
