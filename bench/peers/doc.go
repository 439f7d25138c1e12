// SPDX-License-Identifier: MPL-2.0

// Package peers compares Pouncet with programs that do the same work: helmfile/vals in the same process, and SOPS as a
// separate process. It is a separate module, so that their dependencies stay out of Pouncet's go.mod.
//
// # What it compares
//
// vals: Both render one YAML document of 1,000 different references and 4,000 other lines, with the values in memory.
// Pouncet uses a map, and vals its cheapest provider ("echo", which returns the text of the reference). "file"
// measures what `vals eval` does, from the file to the bytes of the result. "decoded" measures only the middle part
// of that, from Go values to Go values. Pouncet always renders bytes to bytes, and checks that the result is the same
// tree except for the values. vals does not check that.
//
// SOPS: Both run as processes. `pouncet render` renders 1,000 references with a server on loopback, and `sops -d`
// decrypts the same file with 1,000 values encrypted to an age key. Both are built with the same linker flags, and
// the processes run in turn. The time of the server is not part of the ratio, but of the ratio by the clock, which is
// for information. Another benchmark measures how much time 20 ms of latency per response of the server adds.
//
// The ratios are of the time of the processors, so that they can be measured while other programs run. They are valid
// on other machines too. `make bench` runs all. A benchmark fails if it misses its target.
package peers
