// SPDX-License-Identifier: MPL-2.0

package kms

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// A key file is three lines of text:
//
//	# Pouncet key file: …
//	# …
//	pouncet-file-key-v1 9f86d081884c7d65 2J1m…=
//
// The last line holds the name of the format, the id of the key in hexadecimal, and the key in base64. The id is
// derived from the key. So it is also a checksum that detects a damaged file.
const (
	fileComment = `# Pouncet key file. It can decrypt everything that was encrypted with it.
# Keep a copy in a safe place, apart from the data. Without this file the data is lost.
`
	fileSizeMax = 4096
	fileIDSize  = 8

	// forbiddenMode holds the permissions that a key file must not have. Its group may read it, because that is how a
	// container reads a mounted file.
	forbiddenMode = 0o037
)

// A wrapped data key is
//
//	version (1 byte) | key id (8) | nonce (12) | data key (32) | tag (16)
//
// It is sealed by AES-256-GCM with the version, the key id and the encryption context as additional data. With random
// nonces, one key may seal 2^32 data keys (SP 800-38D, section 8.3). There is one data key per environment.
const (
	wrapVersion = 1
	wrapHeader  = 1 + fileIDSize
)

type fileKey struct{ uri, path string }

var _ Key = (*fileKey)(nil)

func (k *fileKey) URI() string { return k.uri }

func (k *fileKey) GenerateDataKey(
	ctx context.Context, encryptionContext map[string]string,
) (plaintext, wrapped []byte, err error) {
	plaintext = make([]byte, DataKeySize)
	_, _ = rand.Read(plaintext) // never returns an error: it crashes the program instead
	if wrapped, err = k.Encrypt(ctx, plaintext, encryptionContext); err != nil {
		return nil, nil, err
	}
	return plaintext, wrapped, nil
}

func (k *fileKey) Encrypt(ctx context.Context, plaintext []byte, encryptionContext map[string]string) ([]byte, error) {
	id, aead, err := k.read(ctx)
	if err != nil {
		return nil, err
	}
	header := append([]byte{wrapVersion}, id[:]...)
	additionalData := append(bytes.Clone(header), encodeContext(encryptionContext)...)
	return aead.Seal(header, nil, plaintext, additionalData), nil
}

func (k *fileKey) Decrypt(ctx context.Context, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
	id, aead, err := k.read(ctx)
	if err != nil {
		return nil, err
	}
	if len(wrapped) < wrapHeader || wrapped[0] != wrapVersion {
		return nil, unusable(nil, "key file %s did not wrap this key: the wrapped key has another format", k.path).
			WithHint(restoreWrapped)
	}
	header := wrapped[:wrapHeader:wrapHeader]
	if wrappedBy := header[1:]; !bytes.Equal(wrappedBy, id[:]) {
		return nil, unusable(nil, "key file %s has id %x, but the key was wrapped by the key file with id %x",
			k.path, id, wrappedBy).WithHint("restore the key file with id %x", wrappedBy)
	}
	plaintext, err := aead.Open(nil, nil, wrapped[wrapHeader:], append(header, encodeContext(encryptionContext)...))
	if err != nil || len(plaintext) != DataKeySize {
		return nil, unusable(nil, "key file %s cannot unwrap the key: the wrapped key was changed or belongs to another "+
			"environment or deployment", k.path).WithHint(restoreWrapped)
	}
	return plaintext, nil
}

// read reads the file for each call, so that it notices a removed key file and keeps no key in memory.
func (k *fileKey) read(ctx context.Context) (id [fileIDSize]byte, aead cipher.AEAD, err error) {
	if err := ctx.Err(); err != nil {
		return id, nil, unavailable(k.uri, err)
	}
	text, err := k.readFile()
	if err != nil {
		return id, nil, err
	}
	key, err := parseKeyFile(text)
	if err != nil {
		return id, nil, unusable(nil, "key file %s is not valid: %v", k.path, err).
			WithHint("restore it from your backup; if it never encrypted anything, remove it and run pouncet init again")
	}
	aead, err = newAEAD(key)
	if err != nil {
		return id, nil, backend.Errorf(backend.CodeInternal, "making a cipher for key file %s: %w", k.path, err)
	}
	return fileKeyID(key), aead, nil
}

func (k *fileKey) notRegular() error {
	return unusable(nil, "key file %s is not a regular file", k.path).WithHint("correct the path in %s", k.uri)
}

func (k *fileKey) readFile() ([]byte, error) {
	// Opening a pipe would wait for a writer.
	info, err := os.Stat(k.path)
	if err != nil {
		return nil, k.fileError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, k.notRegular()
	}
	f, err := os.Open(k.path)
	if err != nil {
		return nil, k.fileError(err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, k.fileError(err)
	}
	if !info.Mode().IsRegular() { // it was replaced since
		return nil, k.notRegular()
	}
	// Windows has no mode bits. Go invents the mode there.
	if perm := info.Mode().Perm(); runtime.GOOS != "windows" && perm&forbiddenMode != 0 {
		return nil, unusable(nil, "other users can access key file %s: its mode is %04o", k.path, perm).
			WithHint("restrict it: chmod 600 %s", k.path)
	}
	text, err := io.ReadAll(io.LimitReader(f, fileSizeMax+1))
	if err != nil {
		return nil, k.fileError(err)
	}
	return text, nil
}

// fileError returns the error of a key file that cannot be read. A missing or forbidden file is a refusal; another
// error, for example of a network share, may pass.
func (k *fileKey) fileError(cause error) *backend.Error {
	switch {
	case errors.Is(cause, fs.ErrNotExist), isAny(cause, notAFolder):
		return unusable(cause, "key file %s does not exist", k.path).
			WithHint("restore it from your backup; without it the values cannot be decrypted")
	case errors.Is(cause, fs.ErrPermission):
		return unusable(cause, "this user may not read key file %s", k.path).
			WithHint("make the user that runs Pouncet its owner")
	}
	return unavailable(k.uri, cause)
}

// parseKeyFile returns the key in the text of a key file. Its errors do not quote the text.
func parseKeyFile(text []byte) ([]byte, error) {
	if len(text) > fileSizeMax {
		return nil, fmt.Errorf("it is larger than %d bytes", fileSizeMax)
	}
	var key []byte
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if key != nil {
			return nil, errors.New("it holds more than one key")
		}
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != stored.KeyFile {
			return nil, fmt.Errorf("it has a line that does not have the form %q", stored.KeyFile+" ID KEY")
		}
		b, err := base64.StdEncoding.Strict().DecodeString(fields[2])
		if err != nil || len(b) != DataKeySize {
			return nil, fmt.Errorf("its key is not valid base64 of %d bytes", DataKeySize)
		}
		if id := fileKeyID(b); hex.EncodeToString(id[:]) != fields[1] {
			return nil, errors.New("its key does not match its id")
		}
		key = b
	}
	if key == nil {
		return nil, errors.New("it holds no key")
	}
	return key, nil
}

// fileKeyID derives the id of a key, so that a restored key has the same id. The id does not reveal the key.
func fileKeyID(key []byte) (id [fileIDSize]byte) {
	copy(id[:], derive(key, stored.KeyFileID, fileIDSize))
	return id
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(derive(key, stored.KeyFileWrap, DataKeySize))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func derive(key []byte, label string, size int) []byte {
	out, err := hkdf.Expand(sha256.New, key, label, size)
	if err != nil {
		panic(err) // only for a size above 255 hashes or a key that is too short, and both are constants here
	}
	return out
}

// CreateFile creates the key file that uri names, with a new key and mode 0600, and syncs it to disk. Only the first
// use of a key calls it. Later a missing key file is an error, because a new one could not decrypt anything.
//
// ErrExists means that the file exists, ErrNotFound that its folder does not exist, and ErrInvalid that uri does not
// name a file.
func CreateFile(uri string) error {
	r, err := parseURI(uri)
	if err != nil {
		return err
	}
	if r.path == "" {
		return backend.Errorf(backend.CodeInvalid, "KMS key %s is not a key file, and Pouncet creates key files only", uri).
			WithHint("create the key in AWS KMS: symmetric, for encryption and decryption").At("kms_key")
	}
	key := make([]byte, DataKeySize)
	_, _ = rand.Read(key) // never returns an error: it crashes the program instead
	id := fileKeyID(key)
	text := fmt.Sprintf("%s%s %x %s\n", fileComment, stored.KeyFile, id, base64.StdEncoding.EncodeToString(key))
	if err := durable.Create(r.path, []byte(text), 0o600); err != nil {
		return createError(r.path, err)
	}
	return nil
}

// FilePath returns the path of the key file that uri names, or "" if uri names another type of key or is not valid.
func FilePath(uri string) string {
	r, err := parseURI(uri)
	if err != nil {
		return ""
	}
	return r.path
}

// CheckFile returns the error that the use of a key file would return. If it is the first use, the file may be missing.
// The result is nil if uri names another type of key.
func CheckFile(ctx context.Context, uri string, firstUse bool) error {
	r, err := parseURI(uri)
	if err != nil || r.path == "" {
		return err
	}
	if _, err := os.Stat(r.path); firstUse && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, _, err = (&fileKey{uri: uri, path: r.path}).read(ctx)
	return err
}

// CheckFolder returns the error that CreateFolder would return because the parent of the key file's folder is
// missing.
func CheckFolder(uri string) error {
	r, err := parseURI(uri)
	if err != nil || r.path == "" {
		return err
	}
	if _, err := os.Stat(filepath.Dir(filepath.Dir(r.path))); errors.Is(err, fs.ErrNotExist) {
		return createError(r.path, err)
	}
	return nil
}

// CreateFolder creates the folder of the key file that uri names, for this user only. The folder above it must exist.
func CreateFolder(uri string) error {
	r, err := parseURI(uri)
	if err != nil {
		return err
	}
	return os.Mkdir(filepath.Dir(r.path), 0o700)
}

// isAny reports whether err is one of the targets.
func isAny(err error, targets []error) bool {
	return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
}

func createError(path string, cause error) *backend.Error {
	var e *backend.Error
	switch {
	case errors.Is(cause, fs.ErrExist):
		e = backend.Errorf(backend.CodeExists, "key file %s already exists", path).
			WithHint("use it, or choose another path")
	case errors.Is(cause, fs.ErrNotExist), isAny(cause, notAFolder):
		e = backend.Errorf(backend.CodeNotFound, "folder %s does not exist", filepath.Dir(path)).
			WithHint("create it so that only you can read it: mkdir -m 700 %s", filepath.Dir(path))
	case errors.Is(cause, fs.ErrPermission), isAny(cause, readOnly):
		e = backend.Errorf(backend.CodeDenied, "this user may not create key file %s", path).
			WithHint("choose a folder that this user may write to")
	case isAny(cause, noSpaceLeft):
		e = backend.Errorf(backend.CodeStorageFull, "key file %s cannot be written: the disk is full", path).
			WithHint("free some space and try again")
	default:
		e = backend.Errorf(backend.CodeUnavailable, "key file %s cannot be written", path)
	}
	e.Err = cause
	return e
}
