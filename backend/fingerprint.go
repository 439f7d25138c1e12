// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
)

// Fingerprint is HMAC-SHA256 (FIPS 198-1) of a value under a key: of the value's
// canonical form where it is JSON, so that it says what sameness means.
//
// Whoever has both key and fingerprint can try values; so the key is made for
// one session, and neither is ever stored.
func Fingerprint(key, value []byte, isJSON bool) []byte {
	mac := hmac.New(sha256.New, key)
	if text, ok := CanonicalJSON(value); isJSON && ok {
		mac.Write([]byte("json\x00"))
		mac.Write(text)
	} else {
		mac.Write([]byte("text\x00"))
		mac.Write(value)
	}
	return mac.Sum(nil)
}

// HasFingerprint reports whether a value is the one of which a fingerprint was
// made, as text or as JSON.
func HasFingerprint(key, value, fingerprint []byte) bool {
	return hmac.Equal(Fingerprint(key, value, false), fingerprint) || hmac.Equal(Fingerprint(key, value, true), fingerprint)
}

// CanonicalJSON is a JSON text with sorted members, without white space, and
// with numbers as they are written; false if it is not JSON.
func CanonicalJSON(text []byte) ([]byte, bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var document any
	if decoder.Decode(&document) != nil {
		return nil, false
	}
	out, err := json.Marshal(document)
	return out, err == nil
}
