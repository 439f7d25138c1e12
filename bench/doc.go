// SPDX-License-Identifier: MPL-2.0

// Package bench measures Pouncet from the outside. It compares it with its own baseline or with other programs, in one
// run on one machine. It reports ratios and counts, which are valid on other machines too, and times, which are not.
//
// The module peers compares Pouncet with other programs.
//
// Run it with `make bench`, which builds the binaries first.
package bench
