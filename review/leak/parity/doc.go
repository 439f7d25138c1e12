// SPDX-License-Identifier: MPL-2.0

// Package parity compares review/leak with the library of Gitleaks. It is a
// separate module, so that the library is not a dependency of the program.
package parity
