// SPDX-License-Identifier: MPL-2.0

// Package bench measures Pouncet from outside, against its own baseline or its
// peers, in one run on one machine: what it reports are ratios and counts,
// which carry from machine to machine, beside the times, which do not.
//
// What compares with the programs of others is in the module peers, below.
//
// Run it by `make bench`, which builds the binaries first.
package bench
