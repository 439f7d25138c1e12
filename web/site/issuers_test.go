// SPDX-License-Identifier: MPL-2.0

package site

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// A sign-in that does not fit into a cookie, because of a long name of the host, is refused.
func TestASignInThatIsTooLongIsRefused(t *testing.T) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{Options: Options{Cipher: func(context.Context) (cipher.AEAD, error) {
		return cipher.NewGCMWithRandomNonce(block)
	}}}
	request := httptest.NewRequest("POST", "/ui/sign-in", nil)
	long := strings.Repeat("x", 2*maxFlow)
	f := flow{ID: "id", Next: "/ui/" + long, To: "/ui/" + long, Kept: []keptField{{Name: "a"}}}
	answer := httptest.NewRecorder()
	if err := s.keepFlow(answer, request, f); err != nil || len(answer.Result().Cookies()) != 1 {
		t.Errorf("a long page: %v, %v", err, answer.Result().Cookies())
	}
	f.ID = long
	if err := s.keepFlow(httptest.NewRecorder(), request, f); !errors.Is(err, backend.ErrTooLarge) {
		t.Errorf("a long host: %v", err)
	}
}
