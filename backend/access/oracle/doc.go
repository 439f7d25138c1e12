// SPDX-License-Identifier: MPL-2.0

// Package oracle compares the decisions of package access with the decisions of Cedar, another implementation of the
// same policies. It has only tests.
package oracle
