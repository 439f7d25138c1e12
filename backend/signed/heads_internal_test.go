// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"context"
	"errors"
	"testing"
)

// If the KMS cannot be reached any more, its failure is still recorded.
func TestHeadsNeedTheKMSOnlyOnce(t *testing.T) {
	calls, unreachable := 0, errors.New("the KMS cannot be reached")
	h := &heads{unlock: func(context.Context) (*signers, error) {
		calls++
		return nil, unreachable
	}}
	if err := h.readKey(t.Context()); !errors.Is(err, unreachable) || calls != 1 {
		t.Errorf("without a key: %v after %d calls", err, calls)
	}
	h.key.Store(&headKey{})
	if err := h.readKey(t.Context()); err != nil || calls != 1 {
		t.Errorf("with a key: %v after %d calls", err, calls)
	}
}
