// SPDX-License-Identifier: MPL-2.0

// Package reliability shows what callers of Pouncet servers can rely on while parts fail. Its tests record what clients
// were told over HTTP, and check that one order of all calls explains every answer.
//
// # The checker
//
// A history is a list of calls: when each began and ended, its request, and its answer. It is linearizable if
// the calls can be put into one order, in which each lies between its begin and its end and each answer is right. A
// call without a definite answer may have taken effect at any time after its begin, or never. The library porcupine
// searches for the order; groupState is what Pouncet promises.
//
// The checker is tested itself: faults are put between server and engine, and it must find every one.
//
// # Limits
//
// It is a separate module, so that porcupine is not a dependency of the program. The tests of a cluster need Linux and
// Debian's packages patroni, etcd-server and haproxy. They skip with a message if a program is missing.
package reliability
