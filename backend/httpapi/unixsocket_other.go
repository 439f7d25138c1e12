// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package httpapi

import "context"

// onlyOwner does nothing: the rights of the folder apply.
func onlyOwner(uintptr) {}

// lockFolder does nothing.
func lockFolder(context.Context, string) (unlock func(), err error) { return func() {}, nil }
