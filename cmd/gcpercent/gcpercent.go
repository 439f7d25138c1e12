// SPDX-License-Identifier: MPL-2.0

// Package gcpercent makes a command collect garbage less often, already while packages are initialised. Import it for
// this effect only.
//
// A command runs for milliseconds, and a server keeps little memory between requests. With the default percentage, a
// tenth of a command's time would go to collecting garbage.
//
// Go initialises packages in the order of their import paths, each after the packages that it imports. This package
// imports only the standard library, so it comes before the JSON Schema library, which allocates more than all other
// packages together. In func main it would be too late: the first collection would be over.
package gcpercent

import "runtime/debug"

func init() {
	debug.SetGCPercent(400)
}
