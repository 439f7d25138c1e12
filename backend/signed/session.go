// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"context"
	"crypto/cipher"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// SessionCipher returns the cipher for the sessions of the dashboard.
func (s *Store) SessionCipher(ctx context.Context) (cipher.AEAD, error) {
	return s.cipher(ctx, stored.SessionCookie)
}

// TokenCipher returns the cipher for the tokens of sessions.
func (s *Store) TokenCipher(ctx context.Context) (cipher.AEAD, error) {
	return s.cipher(ctx, stored.SessionToken)
}

// cipher returns AES-256-GCM with random nonces under a key that is derived from the deployment key. Each server of a
// deployment has the same key, so each opens what another one has sealed.
func (s *Store) cipher(ctx context.Context, label string) (cipher.AEAD, error) {
	keys, err := s.unlock(ctx)
	if err != nil {
		return nil, err
	}
	block, err := keys.key.Block(label)
	if err != nil {
		return nil, err
	}
	sealed, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInternal, "making the cipher of sessions: %w", err)
	}
	return sealed, nil
}
