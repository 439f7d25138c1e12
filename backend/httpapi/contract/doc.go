// SPDX-License-Identifier: MPL-2.0

// Package contract compares a running server with its OpenAPI document. It is a separate module, so that the validator
// is not a dependency of the program.
package contract
