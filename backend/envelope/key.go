// SPDX-License-Identifier: MPL-2.0

package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Sizes in bytes.
const (
	keySize        = 32
	saltSize       = 32
	commitmentSize = 32
	headerSize     = 1 + saltSize + commitmentSize
	nonceSize      = 12
	tagSize        = 16

	// Overhead is by how much a sealed value is longer than the value.
	Overhead = headerSize + nonceSize + tagSize
)

// formatVersion is the first byte of a sealed value. The labels below go with
// it: another format has labels of its own, so that a sealed value cannot be
// passed off as one of another format by changing that byte.
const (
	formatVersion = 1

	formatLabel   = "pouncet sealed value v1"
	valueKeyLabel = formatLabel + " key and commitment"
	rowKeyLabel   = "pouncet row mac v1"
)

// Binding is what a sealed value belongs to. All are ids rather than names,
// so that a rename leaves the value alone; Environment may be
// backend.AnyEnvironment. The deployment and the environment key belong to it too:
// the Key adds them, so that no caller can forget to.
type Binding struct {
	Project     string
	Environment string
	Scope       string
	Object      string
	Version     int64
	Type        string // "" for none
	SchemaHash  string // of the schema that the value was checked against
}

// Key is an environment key, unwrapped. It is safe for concurrent use. Neither
// printing nor marshalling it shows more than its id.
type Key struct {
	deployment  string
	id          string
	project     string
	environment string

	// Behind funcs for the reason that backend.Value has: fmt follows slices
	// in unexported fields, and prints no more of a func than its address.
	environmentKey func() []byte
	rowKey         func() []byte
}

func newKey(deployment string, w WrappedKey, plaintext []byte) (*Key, error) {
	rowKey, err := hkdf.Expand(sha256.New, plaintext, rowKeyLabel, keySize)
	if err != nil {
		return nil, defect("deriving a row key", err)
	}
	return &Key{
		deployment: deployment, id: w.ID, project: w.Project, environment: w.Environment,
		environmentKey: func() []byte { return plaintext },
		rowKey:         func() []byte { return rowKey },
	}, nil
}

// ID is the environment key's id, as in its WrappedKey.
func (k *Key) ID() string { return k.id }

// String names the key by its id.
func (k *Key) String() string { return "environment key " + k.id }

// GoString is String: no verb shows more.
func (k *Key) GoString() string { return k.String() }

// Seal encrypts a value as what b says. The result is Overhead bytes longer. It
// fails for a place that is not the key's own, which is a caller's defect:
// sealing there would make a value that the rightful key never opens.
func (k *Key) Seal(b Binding, plaintext []byte) ([]byte, error) {
	if b.Project != k.project || b.Environment != k.environment {
		return nil, backend.Errorf(backend.CodeInternal, "%s is not a key of environment %s in project %s", k, b.Environment, b.Project)
	}
	sealed := make([]byte, headerSize, Overhead+len(plaintext))
	sealed[0] = formatVersion
	salt := sealed[1 : 1+saltSize]
	_, _ = rand.Read(salt) // never fails: it aborts the program instead
	aead, commitment, err := k.derive(salt)
	if err != nil {
		return nil, err
	}
	copy(sealed[1+saltSize:], commitment)
	return aead.Seal(sealed, nil, plaintext, k.additionalData(b)), nil
}

// Open decrypts what Seal returned for an equal Binding. Anything else gives
// ErrCorrupt, and does not tell in what it differs.
func (k *Key) Open(b Binding, sealed []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != formatVersion {
		return nil, k.corrupt(b)
	}
	aead, commitment, err := k.derive(sealed[1 : 1+saltSize])
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(commitment, sealed[1+saltSize:headerSize]) != 1 {
		return nil, k.corrupt(b)
	}
	plaintext, err := aead.Open(nil, nil, sealed[headerSize:], k.additionalData(b))
	if err != nil {
		return nil, k.corrupt(b)
	}
	return plaintext, nil
}

// derive makes the key of one value, and the commitment to the environment key.
func (k *Key) derive(salt []byte) (cipher.AEAD, []byte, error) {
	pseudorandom, err := hkdf.Extract(sha256.New, k.environmentKey(), salt)
	if err != nil {
		return nil, nil, defect("deriving a value's key", err)
	}
	// Two blocks of one expansion are as independent as two expansions, and
	// cost less.
	derived, err := hkdf.Expand(sha256.New, pseudorandom, valueKeyLabel, keySize+commitmentSize)
	if err != nil {
		return nil, nil, defect("deriving a value's key", err)
	}
	block, err := aes.NewCipher(derived[:keySize])
	if err != nil {
		return nil, nil, defect("making a cipher", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, nil, defect("making a cipher", err)
	}
	return aead, derived[keySize:], nil
}

// additionalData writes the format and every field behind its length: no two
// bindings give the same bytes.
func (k *Key) additionalData(b Binding) []byte {
	out := make([]byte, 0, 512) // room for ten fields of the usual lengths
	for _, field := range [...]string{
		formatLabel, k.deployment, b.Project, b.Environment, b.Scope, b.Object,
	} {
		out = appendField(out, field)
	}
	out = binary.BigEndian.AppendUint64(out, uint64(b.Version))
	for _, field := range [...]string{b.Type, b.SchemaHash, k.id} {
		out = appendField(out, field)
	}
	return out
}

func appendField[T string | []byte](out []byte, field T) []byte {
	out = binary.BigEndian.AppendUint64(out, uint64(len(field)))
	return append(out, field...)
}

func (k *Key) corrupt(b Binding) *backend.Error {
	return backend.Errorf(backend.CodeCorrupt, "version %d of %s does not open under %s", b.Version, backend.Quote(b.Object), k).
		WithHint("restore it from a backup, or set it anew")
}

// defect is what cryptography of the standard library reports for arguments of
// a wrong size, and for nothing else.
func defect(doing string, err error) *backend.Error {
	return backend.Errorf(backend.CodeInternal, "%s: %w", doing, err)
}
