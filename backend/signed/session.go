// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"context"
	"crypto/cipher"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// SessionCipher returns AES-256-GCM with random nonces under a key that is derived from the deployment key. Each server
// of a deployment has the same key, so each opens the sessions that another one has sealed.
func (s *Store) SessionCipher(ctx context.Context) (cipher.AEAD, error) {
	keys, err := s.unlock(ctx)
	if err != nil {
		return nil, err
	}
	block, err := keys.key.Block(stored.SessionCookie)
	if err != nil {
		return nil, err
	}
	sealed, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInternal, "making the cipher of sessions: %w", err)
	}
	return sealed, nil
}
