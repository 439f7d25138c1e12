// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

const (
	// maxKeyPairs limits the key pairs of a call: an RSA key of 4,096 bits can take seconds.
	maxKeyPairs = 8
	// keyPairBits stands for the entropy of a private key, which nobody can guess.
	keyPairBits = 128
)

// keyPairKinds are the kinds of key pairs.
var keyPairKinds = []string{"rsa-2048", "rsa-3072", "rsa-4096", "ecdsa-p256", "ecdsa-p384", "ed25519"}

// newKeyPair makes a key pair and returns the members private_key and public_key as JSON.
func newKeyPair(kind string) (json.RawMessage, error) {
	key, err := newPrivateKey(kind)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInternal, "generating a key pair (%s): %w", kind, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInternal, "encoding a private key (%s): %w", kind, err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, backend.Errorf(backend.CodeInternal, "encoding a public key (%s): %w", kind, err)
	}
	return json.Marshal(map[string]string{
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"public_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
	})
}

func newPrivateKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "rsa-2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "rsa-3072":
		return rsa.GenerateKey(rand.Reader, 3072)
	case "rsa-4096":
		return rsa.GenerateKey(rand.Reader, 4096)
	case "ecdsa-p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ecdsa-p384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}
