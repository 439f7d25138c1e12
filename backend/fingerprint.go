// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
)

// Fingerprint returns the HMAC-SHA256 (FIPS 198-1) of a value under a key. A JSON
// value is hashed in its canonical form, so that equal documents have equal
// fingerprints.
//
// With the key and a fingerprint, values can be guessed and checked. So the key
// is made for one session, and neither is stored.
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

// HasFingerprint reports whether a fingerprint was made of this value, as text or
// as JSON.
func HasFingerprint(key, value, fingerprint []byte) bool {
	return hmac.Equal(Fingerprint(key, value, false), fingerprint) ||
		hmac.Equal(Fingerprint(key, value, true), fingerprint)
}

// CanonicalJSON returns a JSON text with sorted members and without white space.
// Numbers keep their digits. It returns false if the text is not JSON.
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
