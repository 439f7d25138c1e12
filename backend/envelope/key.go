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
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Sizes in bytes.
const (
	keySize        = 32
	saltSize       = 32
	commitmentSize = 32
	headerSize     = 1 + saltSize + commitmentSize
	nonceSize      = 12
	tagSize        = 16

	// Overhead is the number of bytes by which a sealed value is longer than the value.
	Overhead = headerSize + nonceSize + tagSize
)

// The formats of a sealed value; its first byte says which it has. Each has its own labels, so that a changed first
// byte cannot turn a sealed value of one format into a valid one of another. Seal writes format 2. Values of earlier
// versions have format 1, which does not bind the Metadata.
const (
	format1 = 1
	format2 = 2
)

// Binding says what a sealed value belongs to. Its fields are ids, not names, so that a rename does not affect the
// value. Environment may be backend.AnyEnvironment. The Key adds the deployment and its own id, so that no caller can
// forget them.
type Binding struct {
	Project     string
	Environment string
	Scope       string
	Object      string
	Version     int64
	Type        string // "" if the secret has no type
	SchemaHash  string // the hash of the schema that the value was checked against

	Metadata
}

// Metadata is the part of a Binding that only format 2 binds.
type Metadata struct {
	Form       string // the form of the value: text, JSON or bytes
	CreatedAt  int64  // in microseconds since 1970
	CreatedBy  string
	Attributes string
}

// Key is an unwrapped environment key. It seals and opens values and signs rows. It is safe for concurrent use.
// Printing or marshalling it shows only its id.
type Key struct {
	deployment  string
	id          string
	project     string
	environment string

	// A func, because fmt prints the bytes of a slice in an unexported field, but only the address of a func.
	environmentKey func() []byte
	rows           *Signer
}

func newKey(deployment string, w WrappedKey, plaintext []byte) (*Key, error) {
	rows, err := newSigner(plaintext, stored.RowKey)
	if err != nil {
		return nil, err
	}
	return &Key{
		deployment: deployment, id: w.ID, project: w.Project, environment: w.Environment,
		environmentKey: func() []byte { return plaintext },
		rows:           rows,
	}, nil
}

// ID returns the id of the environment key, as in its WrappedKey.
func (k *Key) ID() string { return k.id }

// String returns a text that shows the id and no key bytes.
func (k *Key) String() string { return "environment key " + k.id }

// GoString returns the same as String, so that %#v shows no key bytes either.
func (k *Key) GoString() string { return k.String() }

// Seal encrypts a value and binds it to b. The result is Overhead bytes longer. ErrInternal means that b names another
// project or environment than the key's: the right key could never open such a value.
func (k *Key) Seal(b Binding, plaintext []byte) ([]byte, error) {
	if b.Project != k.project || b.Environment != k.environment {
		return nil, backend.Errorf(backend.CodeInternal, "%s does not belong to environment %s of project %s",
			k, b.Environment, b.Project)
	}
	sealed := make([]byte, headerSize, Overhead+len(plaintext))
	sealed[0] = format2
	salt := sealed[1 : 1+saltSize]
	_, _ = rand.Read(salt) // never returns an error: it crashes the program instead
	aead, commitment, err := k.derive(format2, salt)
	if err != nil {
		return nil, err
	}
	copy(sealed[1+saltSize:], commitment)
	return aead.Seal(sealed, nil, plaintext, k.additionalData(format2, b)), nil
}

// Open decrypts what Seal returned for an equal Binding. Anything else gives ErrCorrupt. The error does not say what
// differs.
func (k *Key) Open(b Binding, sealed []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != format1 && sealed[0] != format2 {
		return nil, k.corrupt(b)
	}
	format := sealed[0]
	aead, commitment, err := k.derive(format, sealed[1:1+saltSize])
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(commitment, sealed[1+saltSize:headerSize]) != 1 {
		return nil, k.corrupt(b)
	}
	plaintext, err := aead.Open(nil, nil, sealed[headerSize:], k.additionalData(format, b))
	if err != nil {
		return nil, k.corrupt(b)
	}
	return plaintext, nil
}

// derive returns the cipher of one value and the commitment to the environment key.
func (k *Key) derive(format byte, salt []byte) (cipher.AEAD, []byte, error) {
	label := stored.ValueKey2
	if format == format1 {
		label = stored.ValueKey
	}
	pseudorandom, err := hkdf.Extract(sha256.New, k.environmentKey(), salt)
	if err != nil {
		return nil, nil, cryptoError("deriving a value's key", err)
	}
	// Two blocks of one expansion are as independent as two expansions, and cost less.
	derived, err := hkdf.Expand(sha256.New, pseudorandom, label, keySize+commitmentSize)
	if err != nil {
		return nil, nil, cryptoError("deriving a value's key", err)
	}
	block, err := aes.NewCipher(derived[:keySize])
	if err != nil {
		return nil, nil, cryptoError("making a cipher", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, nil, cryptoError("making a cipher", err)
	}
	return aead, derived[keySize:], nil
}

// additionalData writes the format and every field with its length before it, so that no two bindings give the same
// bytes.
func (k *Key) additionalData(format byte, b Binding) []byte {
	label := stored.SealedValue2
	if format == format1 {
		label = stored.SealedValue
	}
	out := make([]byte, 0, 640) // enough for fields of common lengths
	for _, field := range [...]string{label, k.deployment, b.Project, b.Environment, b.Scope, b.Object} {
		out = appendField(out, field)
	}
	out = binary.BigEndian.AppendUint64(out, uint64(b.Version))
	for _, field := range [...]string{b.Type, b.SchemaHash, k.id} {
		out = appendField(out, field)
	}
	if format == format1 {
		return out
	}
	out = appendField(out, b.Form)
	out = binary.BigEndian.AppendUint64(out, uint64(b.CreatedAt))
	for _, field := range [...]string{b.CreatedBy, b.Attributes} {
		out = appendField(out, field)
	}
	return out
}

func appendField[T string | []byte](out []byte, field T) []byte {
	out = binary.BigEndian.AppendUint64(out, uint64(len(field)))
	return append(out, field...)
}

func (k *Key) corrupt(b Binding) *backend.Error {
	return backend.Errorf(backend.CodeCorrupt, "version %d of object %s cannot be decrypted with %s",
		b.Version, backend.Quote(b.Object), k).
		WithHint("restore the database from a backup, or set a new value")
}

// cryptoError wraps an error of the standard library's cryptography. Those errors only report arguments of a wrong
// size, so they are defects of this package.
func cryptoError(doing string, err error) *backend.Error {
	return backend.Errorf(backend.CodeInternal, "%s: %w", doing, err)
}
