// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"errors"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Callers who may not bind everywhere leave places for those who may.
func TestPartOfTheLimitsIsReserved(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		fails bool
	}{
		{"a project has 200 bindings", checkReservedBindings("p", backend.MaxProjectBindings-1, 300), false},
		{"and no more", checkReservedBindings("p", backend.MaxProjectBindings, 300), true},
		{"so have those for all projects", checkReservedBindings("", backend.MaxProjectBindings, 300), true},
		{"500 bindings are reserved", checkReservedBindings("p", 0, 1499), false},
		{"and not given", checkReservedBindings("p", 0, 1500), true},
		{"a token makes 200 tokens", checkTokens(false, backend.MaxMadeTokens-1, 300), false},
		{"and no more", checkTokens(false, backend.MaxMadeTokens, 300), true},
		{"1000 tokens are reserved", checkTokens(false, 0, 8999), false},
		{"and not given", checkTokens(false, 0, 9000), true},
		{"but to those who bind everywhere", checkTokens(true, 0, 9999), false},
		{"the backend has 10000 tokens", checkTokens(true, 0, 10000), true},
	} {
		if (c.err != nil) != c.fails || c.fails && !errors.Is(c.err, backend.ErrQuota) {
			t.Errorf("%s: %v", c.name, c.err)
		}
	}
}
