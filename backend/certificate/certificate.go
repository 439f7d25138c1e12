// SPDX-License-Identifier: MPL-2.0

// Package certificate loads certificates and private keys from PEM files, for both ends of TLS. A [Server] loads them
// again when the files change, so that a renewed certificate needs no restart.
//
// # Limits
//
// A private key is a file. It is not encrypted, and its mode keeps other users out. There are no lists of revoked
// certificates: to shut out a client, delete its token, or replace the authorities.
package certificate

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Load returns the certificate in one file with the private key in another one. Both are PEM. The first certificate is
// the certificate of the key, and the certificates of intermediate authorities may follow.
func Load(certFile, keyFile string) (*tls.Certificate, error) {
	certText, err := read(certFile, "certificate")
	if err != nil {
		return nil, err
	}
	keyText, err := readKey(keyFile)
	if err != nil {
		return nil, err
	}
	return pair(certFile, keyFile, certText, keyText)
}

// Authorities returns the certificates in a PEM file, as the only authorities to trust.
func Authorities(file string) (*x509.CertPool, error) {
	text, err := read(file, "certificate authorities")
	if err != nil {
		return nil, err
	}
	return authorities(file, text)
}

func authorities(file string, text []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, backend.Errorf(backend.CodeInvalid, "%s holds no certificate", file).WithHint("it must be a PEM file")
	}
	return pool, nil
}

// maxFile limits a file, in bytes: a path may lead to a device that never ends.
const maxFile = 1 << 20

// read returns the text of a file; what says what it holds.
func read(file, what string) ([]byte, error) {
	text, _, err := readWithInfo(file, what)
	return text, err
}

func readWithInfo(file, what string) ([]byte, fs.FileInfo, error) {
	// Opening a pipe would wait for a writer, and the file is read again later.
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return nil, nil, backend.Errorf(backend.CodeInvalid, "reading the %s: %s is not a regular file", what, file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, backend.Errorf(backend.CodeInvalid, "reading the %s: %w", what, err)
	}
	defer f.Close()
	info, err := f.Stat()
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	}
	switch {
	case err != nil:
		return nil, nil, backend.Errorf(backend.CodeInvalid, "reading the %s: %w", what, err)
	case len(text) > maxFile:
		return nil, nil, backend.Errorf(backend.CodeInvalid, "reading the %s: %s has more than %d bytes", what, file, maxFile)
	}
	return text, info, nil
}

// readKey returns the text of a file with a private key, which other users may not read.
func readKey(file string) ([]byte, error) {
	text, info, err := readWithInfo(file, "private key")
	if err != nil {
		return nil, err
	}
	if isOpenToOthers(info) {
		return nil, backend.Errorf(backend.CodeInvalid, "other users can use the private key %s (mode %04o)", file,
			info.Mode().Perm()).WithHint("chmod o= %s", file)
	}
	return text, nil
}

// pair returns the certificate and the key that two texts hold.
func pair(certFile, keyFile string, certText, keyText []byte) (*tls.Certificate, error) {
	block := firstBlock(certText, func(kind string) bool { return kind == "CERTIFICATE" })
	if block == nil {
		return nil, backend.Errorf(backend.CodeInvalid, "%s holds no certificate", certFile).
			WithHint("it must be a PEM file")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the certificate %s cannot be parsed: %w", certFile, err)
	}
	block = firstBlock(keyText, func(kind string) bool { return strings.HasSuffix(kind, "PRIVATE KEY") })
	switch {
	case block == nil:
		return nil, backend.Errorf(backend.CodeInvalid, "%s holds no private key", keyFile).WithHint("it must be a PEM file")
	case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return nil, backend.Errorf(backend.CodeInvalid, "the private key %s is encrypted", keyFile).
			WithHint("write it without a passphrase: openssl pkey -in %s -out FILE", keyFile)
	}
	key, err := parseKey(block.Bytes)
	if err != nil { // its text is left out: it may quote the key
		return nil, backend.Errorf(backend.CodeInvalid, "the private key %s cannot be parsed", keyFile).
			WithHint("it must be an ECDSA, Ed25519 or RSA key in a PEM file")
	}
	public, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(key.Public()) {
		return nil, backend.Errorf(backend.CodeInvalid, "the private key %s does not belong to the certificate %s", keyFile,
			certFile).WithHint("name the key with which the certificate was requested")
	}
	both, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the certificate %s cannot be used: %w", certFile, err)
	}
	return &both, nil
}

// eachCertificate calls found for each certificate in a PEM file.
func eachCertificate(text []byte, found func(der []byte)) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			found(block.Bytes)
		}
	}
}

func firstBlock(text []byte, fits func(kind string) bool) *pem.Block {
	for len(text) > 0 {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil
		}
		if fits(block.Type) {
			return block
		}
	}
	return nil
}

var errNoSigner = errors.New("the key cannot sign")

// parseKey parses the three forms of a private key, as crypto/tls does.
func parseKey(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
		return nil, errNoSigner
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	return x509.ParseECPrivateKey(der)
}
