// SPDX-License-Identifier: MPL-2.0

// Package pattern compiles regular expressions when they are used first. A regular expression that is compiled when
// the program starts costs every command.
package pattern

import (
	"regexp"
	"sync"
)

// Once returns a function that compiles a pattern when it is called first.
func Once(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
