// Package bench measures Pouncet from outside, against its own baseline or its
// peers, in one run on one machine: what it reports are ratios and counts,
// which carry from machine to machine, beside the times, which do not.
//
// Run it by `make bench`, which builds the binaries first.
package bench
