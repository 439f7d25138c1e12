// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"crypto/cipher"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// SessionCipher returns the cipher for the sessions of the dashboard. All servers of a deployment have the same one.
func (p *Parts) SessionCipher(ctx context.Context) (cipher.AEAD, error) {
	return p.signed.SessionCipher(ctx)
}

// TokenCipher returns the cipher for the tokens of sessions. All servers of a deployment have the same one.
func (p *Parts) TokenCipher(ctx context.Context) (cipher.AEAD, error) {
	return p.signed.TokenCipher(ctx)
}

// LocalUser returns the local user of an embedded backend, as the person who looks at its pages.
func LocalUser() backend.Principal {
	return backend.Principal{Name: "local:" + localUser(), Role: backend.RoleAdmin, Kind: backend.Person}
}
