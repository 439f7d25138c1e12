// SPDX-License-Identifier: MPL-2.0

package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// MAC signs a row of the database with HMAC-SHA256, under a key that is derived from the environment key for this
// purpose only. The caller gives the fields of the row, always in the same order. Start with a field that names the
// type of row. The MAC covers the length of each field, so that no byte can move from one field to the next.
func (k *Key) MAC(fields ...[]byte) []byte {
	return k.rows.MAC(nil, rowOf(fields))
}

// VerifyMAC reports in constant time whether mac is the MAC of fields.
func (k *Key) VerifyMAC(mac []byte, fields ...[]byte) bool { return k.rows.Verify(mac, rowOf(fields)) }

// rowOf returns the bytes of a row. One Write of them is several times faster than many small ones.
func rowOf(fields [][]byte) []byte {
	row := binary.BigEndian.AppendUint64(make([]byte, 0, 1024), uint64(len(fields)))
	for _, field := range fields {
		row = appendField(row, field)
	}
	return row
}

// Signer makes MACs under a key that is derived from an environment key or the deployment key for one purpose. It is
// safe for concurrent use.
type Signer struct{ hashes sync.Pool }

// Signer derives a key with a label of package stored.
func (k *Key) Signer(label string) (*Signer, error) {
	return newSigner(k.environmentKey(), label)
}

// Block derives a key with a label of package stored, and returns AES-256 under it.
func (k *Key) Block(label string) (cipher.Block, error) {
	key, err := hkdf.Expand(sha256.New, k.environmentKey(), label, keySize)
	if err != nil {
		return nil, cryptoError("deriving a key", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, cryptoError("making a cipher", err)
	}
	return block, nil
}

// SigningKey derives an Ed25519 key with a label of package stored.
func (k *Key) SigningKey(label string) (ed25519.PrivateKey, error) {
	seed, err := hkdf.Expand(sha256.New, k.environmentKey(), label, ed25519.SeedSize)
	if err != nil {
		return nil, cryptoError("deriving a key", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func newSigner(environmentKey []byte, label string) (*Signer, error) {
	key, err := hkdf.Expand(sha256.New, environmentKey, label, keySize)
	if err != nil {
		return nil, cryptoError("deriving a signing key", err)
	}
	// A hash that is used again does not process the key again, which takes as long as signing a short row.
	return &Signer{hashes: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}, nil
}

// MAC appends the HMAC-SHA256 of row to out.
func (s *Signer) MAC(out, row []byte) []byte {
	h := s.hashes.Get().(hash.Hash)
	defer s.hashes.Put(h)
	h.Reset()
	_, _ = h.Write(row) // a hash never returns an error
	return h.Sum(out)
}

// Verify reports in constant time whether mac is the MAC of row.
func (s *Signer) Verify(mac, row []byte) bool {
	var sum [sha256.Size]byte
	return hmac.Equal(mac, s.MAC(sum[:0], row))
}
