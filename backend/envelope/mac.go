// SPDX-License-Identifier: MPL-2.0

package envelope

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// MAC signs a row of the database, given as its fields in an order that the
// caller keeps to: HMAC-SHA256 under a key derived from the environment key for
// nothing else. Each field counts with its length, so that no byte can move
// from one field to the next; begin with a field that says what kind of row it is.
func (k *Key) MAC(fields ...[]byte) []byte {
	h := hmac.New(sha256.New, k.rowKey())
	// One Write of everything is several times faster than many small ones.
	row := binary.BigEndian.AppendUint64(make([]byte, 0, 1024), uint64(len(fields)))
	for _, field := range fields {
		row = appendField(row, field)
	}
	_, _ = h.Write(row) // a hash never returns an error
	return h.Sum(nil)
}

// VerifyMAC reports, in constant time, whether mac is what MAC gives for fields.
func (k *Key) VerifyMAC(mac []byte, fields ...[]byte) bool {
	return hmac.Equal(mac, k.MAC(fields...))
}
