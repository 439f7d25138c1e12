// SPDX-License-Identifier: MPL-2.0

// Package peers measures Pouncet beside programs that do the same work:
// helmfile/vals in process, and SOPS as a whole process. It is a module of its
// own, so that what they depend on stays out of Pouncet's go.mod.
//
// # What is compared
//
// With vals, one YAML document of 1,000 distinct references among 4,000 other
// lines, with the values at hand on both sides: a map here, vals' cheapest
// provider ("echo", which gives back what the reference says) there. "file" is
// what `vals eval` does, from the file to the bytes of the result. "decoded" is
// the middle part of that alone: the document is there as Go values before, and
// remains that. Ours is always from bytes to bytes, and checks that the result
// is the same tree but for the values, which vals never does.
//
// With SOPS, whole processes from start to end: `pouncet render` of 1,000
// references, with a server on loopback that holds the values, and `sops -d` of
// the same file with 1,000 values encrypted to an age key. Both are built with
// the same linker flags, and the processes take turns, so that whatever else
// the machine does disturbs both. The second number is what 20 ms of latency
// before each answer of the server adds to the whole.
//
// `make bench` runs both. What carries from machine to machine are the ratios;
// a promise that is broken fails the benchmark.
package peers
