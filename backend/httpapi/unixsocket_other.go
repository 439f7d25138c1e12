// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package httpapi

import (
	"context"
	"math"
)

// onlyOwner does nothing: the rights of the folder apply.
func onlyOwner(uintptr) {}

// openFiles returns how many files and connections this process may have open. There is no limit on Windows.
func openFiles() uint64 { return math.MaxUint64 }

// lockFolder does nothing.
func lockFolder(context.Context, string) (unlock func(), err error) { return func() {}, nil }
