// SPDX-License-Identifier: MPL-2.0

package envelope

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// MAC signs a row of the database with HMAC-SHA256, under a key that is derived from the environment key for this
// purpose only. The caller gives the fields of the row, always in the same order. Start with a field that names the
// type of row. The MAC covers the length of each field, so that no byte can move from one field to the next.
func (k *Key) MAC(fields ...[]byte) []byte {
	h := hmac.New(sha256.New, k.rowKey())
	// One Write of the whole row is several times faster than many small ones.
	row := binary.BigEndian.AppendUint64(make([]byte, 0, 1024), uint64(len(fields)))
	for _, field := range fields {
		row = appendField(row, field)
	}
	_, _ = h.Write(row) // a hash never returns an error
	return h.Sum(nil)
}

// VerifyMAC reports in constant time whether mac is the MAC of fields.
func (k *Key) VerifyMAC(mac []byte, fields ...[]byte) bool {
	return hmac.Equal(mac, k.MAC(fields...))
}
