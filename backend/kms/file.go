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
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// A key file is three lines of text:
//
//	# Pouncet key file: …
//	# …
//	pouncet-file-key-v1 9f86d081884c7d65 2J1m…=
//
// a name for the format, the key's id in hexadecimal, and the key in base64.
// The id is derived from the key and so is also a checksum: a file that was cut
// short or mistyped is told apart from another key's.
const (
	fileComment = `# Pouncet key file: whoever has it can open what was sealed under it.
# Keep a copy in a safe place, apart from the data; without it the data is lost.
`
	fileSizeMax = 4096
	fileIDSize  = 8

	// othersMayNot are the permissions that a key file must not give. Reading
	// by its group is left to choose: it is how a container gets at a mounted file.
	othersMayNot = 0o037
)

// A wrapped data key is
//
//	version (1 byte) | key id (8) | nonce (12) | data key (32) | tag (16)
//
// sealed by AES-256-GCM with the version, the key id and the encryption context
// as additional data. Random nonces are good for 2^32 wrappings under one key
// (SP 800-38D, section 8.3); there is one per environment.
const (
	wrapVersion = 1
	wrapHeader  = 1 + fileIDSize
)

type fileKey struct{ uri, path string }

var _ Key = (*fileKey)(nil)

func (k *fileKey) URI() string { return k.uri }

func (k *fileKey) GenerateDataKey(ctx context.Context, encryptionContext map[string]string) (plaintext, wrapped []byte, err error) {
	id, aead, err := k.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	plaintext = make([]byte, DataKeySize)
	_, _ = rand.Read(plaintext) // never fails: it aborts the program instead
	header := append([]byte{wrapVersion}, id[:]...)
	return plaintext, aead.Seal(header, nil, plaintext, append(bytes.Clone(header), canonical(encryptionContext)...)), nil
}

func (k *fileKey) Decrypt(ctx context.Context, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
	id, aead, err := k.read(ctx)
	if err != nil {
		return nil, err
	}
	if len(wrapped) < wrapHeader || wrapped[0] != wrapVersion {
		return nil, unusable(nil, "the wrapped key was not made by key file %s", k.path).WithHint(restoreWrapped)
	}
	header := wrapped[:wrapHeader:wrapHeader]
	if by := header[1:]; !bytes.Equal(by, id[:]) {
		return nil, unusable(nil, "the wrapped key was wrapped under another key (id %x) than key file %s holds (id %x)", by, k.path, id).
			WithHint("put the key file with id %x back in its place", by)
	}
	plaintext, err := aead.Open(nil, nil, wrapped[wrapHeader:], append(header, canonical(encryptionContext)...))
	if err != nil || len(plaintext) != DataKeySize {
		return nil, unusable(nil, "the wrapped key does not open under key file %s: it was altered, or belongs to another place", k.path).WithHint(restoreWrapped)
	}
	return plaintext, nil
}

// read reads the file anew each time, so that a key file that was taken away
// is noticed, and no key stays behind here.
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
		return id, nil, unusable(nil, "key file %s does not read: %v", k.path, err).
			WithHint("restore it from your backup; if nothing was ever sealed under it, remove it and initialise again")
	}
	aead, err = newAEAD(key)
	if err != nil {
		return id, nil, backend.Errorf(backend.CodeInternal, "making a cipher for key file %s: %w", k.path, err)
	}
	return fileKeyID(key), aead, nil
}

func (k *fileKey) readFile() ([]byte, error) {
	f, err := os.Open(k.path)
	if err != nil {
		return nil, k.fileError(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, k.fileError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, unusable(nil, "key file %s is not a regular file", k.path).WithHint("correct the path in %s", k.uri)
	}
	// Windows keeps its access rules elsewhere; what Go shows as a mode there is made up.
	if perm := info.Mode().Perm(); runtime.GOOS != "windows" && perm&othersMayNot != 0 {
		return nil, unusable(nil, "key file %s may be used by others (mode %04o)", k.path, perm).WithHint("chmod 600 %s", k.path)
	}
	text, err := io.ReadAll(io.LimitReader(f, fileSizeMax+1))
	if err != nil {
		return nil, k.fileError(err)
	}
	return text, nil
}

// fileError tells a file that is not there, or not to be read, from a disk or a
// network share that does not answer.
func (k *fileKey) fileError(cause error) *backend.Error {
	switch {
	case errors.Is(cause, fs.ErrNotExist), isAny(cause, notAFolder):
		return unusable(cause, "key file %s is gone", k.path).
			WithHint("restore it from your backup; without it the values sealed under it cannot be opened")
	case errors.Is(cause, fs.ErrPermission):
		return unusable(cause, "key file %s may not be read by this user", k.path).
			WithHint("give it to the user that Pouncet runs as")
	}
	return unavailable(k.uri, cause)
}

// parseKeyFile reads a key file. Its errors do not repeat what it read.
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
			return nil, fmt.Errorf("its line is not of the form %q", stored.KeyFile+" ID KEY")
		}
		b, err := base64.StdEncoding.Strict().DecodeString(fields[2])
		if err != nil || len(b) != DataKeySize {
			return nil, fmt.Errorf("its key is not %d bytes in base64", DataKeySize)
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

// fileKeyID is derived rather than chosen, so that the same key has the same
// id wherever it is restored to. It tells nothing of the key.
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
		panic(err) // only for sizes beyond 255 hashes, or keys too short, and both are constants here
	}
	return out
}

// CreateFile makes the key file that uri names, with a new key in it and mode
// 0600, and returns once it is on the disk. Only the initialisation of a
// backend calls it: a key file that is missing later is an error, since a new
// one would open nothing.
//
// ErrExists when there is a file already, ErrNotFound when its folder does not
// exist, ErrInvalid when uri is not that of a file.
func CreateFile(uri string) error {
	r, err := parse(uri)
	if err != nil {
		return err
	}
	if r.path == "" {
		return backend.Errorf(backend.CodeInvalid, "KMS key %s is not a file, and only key files are created here", uri).
			WithHint("create the key in AWS KMS: symmetric, for encryption and decryption").At("kms_key")
	}
	key := make([]byte, DataKeySize)
	_, _ = rand.Read(key) // never fails: it aborts the program instead
	id := fileKeyID(key)
	text := fmt.Sprintf("%s%s %x %s\n", fileComment, stored.KeyFile, id, base64.StdEncoding.EncodeToString(key))

	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return createError(r.path, err)
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = syncFolder(filepath.Dir(r.path))
	}
	if err != nil {
		_ = os.Remove(r.path) // ours, and nothing was sealed under it
		return createError(r.path, err)
	}
	return nil
}

// syncFolder makes the new name durable. Windows does so by itself and has no
// such call.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// isAny reports whether err is one of the targets.
func isAny(err error, targets []error) bool {
	return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
}

func createError(path string, cause error) *backend.Error {
	var e *backend.Error
	switch {
	case errors.Is(cause, fs.ErrExist):
		e = backend.Errorf(backend.CodeExists, "key file %s exists already", path).
			WithHint("use it as it is, or name another file")
	case errors.Is(cause, fs.ErrNotExist), isAny(cause, notAFolder):
		e = backend.Errorf(backend.CodeNotFound, "folder %s does not exist", filepath.Dir(path)).
			WithHint("make it first, readable by nobody else: mkdir -m 700 %s", filepath.Dir(path))
	case errors.Is(cause, fs.ErrPermission), isAny(cause, readOnly):
		e = backend.Errorf(backend.CodeDenied, "key file %s may not be created by this user", path).
			WithHint("choose a folder that this user may write to")
	case isAny(cause, noSpaceLeft):
		e = backend.Errorf(backend.CodeStorageFull, "key file %s does not fit on its disk", path).
			WithHint("make room and try again")
	default:
		e = backend.Errorf(backend.CodeUnavailable, "key file %s cannot be written", path)
	}
	e.Err = cause
	return e
}
