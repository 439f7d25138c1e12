// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
)

// settings is the content of config.json.
type settings struct {
	// KMSKey wraps the environment keys of environments that do not name their own KMS key.
	KMSKey string `json:"kms_key"`
	// OtherKMSKeys holds the KMS keys that environments name. The first environment that uses a key adds it.
	OtherKMSKeys []string `json:"other_kms_keys,omitempty"`
	// Deployment says which database belongs to this file. It is nil until the rows of the database are signed.
	Deployment *deployment `json:"deployment,omitempty"`
	// AuditRetention is how long records of the audit log are kept, such as "8760h"; "" means that they are not deleted.
	AuditRetention string `json:"audit_retention,omitempty"`
}

// deployment identifies the database in config.json. Somebody who can write only to the database cannot put another one
// in its place.
type deployment struct {
	ID  string `json:"id"`
	Key string `json:"key"` // the id of the deployment key
	// KMSKey is the only KMS key that may unwrap the deployment key. Nothing adds to it.
	KMSKey string `json:"kms_key"`
}

// trustedKeys holds the KMS keys that may unwrap environment keys of the database. It does not trust the KMS keys
// that the database names: someone who can write to the database could insert an environment key that is wrapped by
// their own KMS key, and then read every value written after that.
type trustedKeys struct {
	folder string
	// local means that the user of this machine names the keys. This user may name any key, and a key file is created.
	local bool
	mu    sync.Mutex
	keys  []string
	named kms.Patterns // the keys that callers of a server may name, beside those in config.json
	// fixed means that the flags of the server name all keys, because there is no config.json.
	fixed bool
	// observer gets the calls of all keys, unless it is nil.
	observer kms.Observer
}

func newTrustedKeys(folder string, s settings) *trustedKeys {
	keys := append([]string{s.KMSKey}, s.OtherKMSKeys...)
	if s.Deployment != nil {
		keys = append(keys, s.Deployment.KMSKey)
	}
	return &trustedKeys{folder: folder, keys: keys}
}

// open opens a KMS key. The calls of the key, and not open, check whether the key is trusted.
func (t *trustedKeys) open(ctx context.Context, uri string) (kms.Key, error) {
	key, err := kms.Open(ctx, resolveURI(t.folder, uri))
	if err != nil {
		return nil, err
	}
	return trustedKey{kms.Observed(key, t.observer), t, uri}, nil
}

// trustedKey is a KMS key that unwraps only if it is trusted. The first successful wrapping makes it trusted. So
// config.json never lists a key that the KMS refuses or that does not exist.
type trustedKey struct {
	kms.Key
	trusted *trustedKeys
	uri     string // as it is written in config.json
}

var _ kms.Key = trustedKey{}

func (k trustedKey) GenerateDataKey(
	ctx context.Context, encryptionContext map[string]string,
) (plaintext, wrapped []byte, err error) {
	if err := k.trusted.createFile(k.uri); err != nil {
		return nil, nil, err
	}
	if plaintext, wrapped, err = k.Key.GenerateDataKey(ctx, encryptionContext); err != nil {
		return nil, nil, err
	}
	if err := k.trusted.add(k.uri); err != nil {
		return nil, nil, err
	}
	return plaintext, wrapped, nil
}

func (k trustedKey) Encrypt(
	ctx context.Context, plaintext []byte, encryptionContext map[string]string,
) (wrapped []byte, err error) {
	if err := k.trusted.createFile(k.uri); err != nil {
		return nil, err
	}
	if wrapped, err = k.Key.Encrypt(ctx, plaintext, encryptionContext); err != nil {
		return nil, err
	}
	if err := k.trusted.add(k.uri); err != nil {
		return nil, err
	}
	return wrapped, nil
}

func (k trustedKey) Decrypt(
	ctx context.Context, wrapped []byte, encryptionContext map[string]string,
) ([]byte, error) {
	trusted, err := k.trusted.has(k.uri)
	switch {
	case err != nil:
		return nil, err
	case !trusted && k.trusted.fixed:
		return nil, backend.Errorf(backend.CodeKeyUnusable, "the database uses KMS key %s, which this server does not allow",
			k.uri).
			WithHint("if the key is yours, start the server with --allow-kms-key and a pattern for it; if not, someone has " +
				"changed the database")
	case !trusted:
		return nil, backend.Errorf(backend.CodeKeyUnusable, "the database uses KMS key %s, which is not listed in %s",
			k.uri, filepath.Join(k.trusted.folder, configFile)).
			WithHint("if the key is yours, add it to other_kms_keys in that file; if not, someone has changed the database")
	}
	return k.Key.Decrypt(ctx, wrapped, encryptionContext)
}

// has reports whether a KMS key is trusted. It reads config.json again before it says no, because another process may
// have added the key.
func (t *trustedKeys) has(uri string) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(t.keys, uri) {
		return true, nil
	}
	if t.fixed {
		return t.named.Match(uri), nil
	}
	s, err := readSettings(t.folder)
	if err != nil || !s.lists(uri) {
		return false, err
	}
	t.keys = append(t.keys, uri)
	return true, nil
}

// lists reports whether an environment may use a KMS key.
func (s settings) lists(uri string) bool {
	return uri == s.KMSKey || slices.Contains(s.OtherKMSKeys, uri)
}

// allow returns an error if the caller of a change may not name this KMS key. It changes nothing, and calls no KMS.
func (t *trustedKeys) allow(uri string) error {
	if t.local {
		return nil
	}
	if err := kms.CheckRemote(uri); err != nil {
		return err
	}
	if trusted, err := t.has(uri); err != nil || trusted || t.named.Match(uri) {
		return err
	}
	return backend.Errorf(backend.CodeDenied, "the server does not allow KMS key %s", backend.Quote(uri)).
		WithHint("name a key that it allows, or start it with --allow-kms-key and a pattern for this key").At("kms_key")
}

// add adds a KMS key to config.json. If there is no config.json, allow has refused every key that is not trusted.
func (t *trustedKeys) add(uri string) error {
	if t.fixed {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s, err := readSettings(t.folder)
	if err != nil || s.lists(uri) {
		return err
	}
	s.OtherKMSKeys = append(s.OtherKMSKeys, uri)
	if err := writeSettings(t.folder, s); err != nil {
		return err
	}
	t.keys = append(t.keys, uri)
	return nil
}

// createFile creates the key file that a URI names, before its first use. Later, a missing key file is an error,
// because a new one could not decrypt anything.
func (t *trustedKeys) createFile(uri string) error {
	if !t.local {
		return nil
	}
	s, err := readSettings(t.folder)
	if err != nil || s.lists(uri) {
		return err
	}
	return createKeyFile(t.folder, uri)
}

// checkUse returns the error that the use of a KMS key would return, as far as a dry run can know it.
func (t *trustedKeys) checkUse(uri string) error {
	s, err := readSettings(t.folder)
	if err != nil {
		return err
	}
	firstUse := !s.lists(uri)
	if firstUse {
		if err := kms.CheckFolder(resolveURI(t.folder, uri)); err != nil {
			return atKMSKey(err)
		}
	}
	return checkKeyFile(t.folder, uri, firstUse)
}

// checkKeyFile returns the error of a key that an environment cannot use.
func checkKeyFile(folder, uri string, firstUse bool) error {
	if err := kms.CheckFile(context.Background(), resolveURI(folder, uri), firstUse); err != nil {
		return atKMSKey(err)
	}
	return nil
}

// atKMSKey returns err at the attribute that names the key.
func atKMSKey(err error) error {
	e := *backend.AsError(err)
	return e.At("kms_key")
}

// createKeyFile creates the key file that a URI names, unless it exists or the URI names another type of key. It also
// creates the folder of the file, for this user only, if the folder above it exists.
func createKeyFile(folder, uri string) error {
	if !strings.HasPrefix(uri, "file:") {
		return nil
	}
	uri = resolveURI(folder, uri)
	err := kms.CreateFile(uri)
	if errors.Is(err, backend.ErrNotFound) && kms.CreateFolder(uri) == nil {
		err = kms.CreateFile(uri)
	}
	if errors.Is(err, backend.ErrExists) {
		return nil
	}
	return err
}

func readSettings(folder string) (settings, error) {
	var s settings
	path := filepath.Join(folder, configFile)
	text, err := readSmallFile(path, maxSettings)
	if err != nil {
		e := backend.Errorf(backend.CodeUnavailable, "reading the backend's settings: %w", err)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			e = e.WithHint("restore the file from a backup")
		case errors.Is(err, fs.ErrPermission):
			e = e.WithHint("make the user that runs Pouncet the owner of the folder and of its files")
		}
		return s, e
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, backend.Errorf(backend.CodeCorrupt, "%s cannot be parsed: %w", path, err).
			WithHint("restore it from a backup; an object of JSON is expected, as pouncet init writes it")
	}
	return s, nil
}

// maxSettings is the largest config.json, in bytes.
const maxSettings = 1 << 20

// readSmallFile reads a regular file with at most so many bytes. Opening a pipe would wait for a writer, and a device
// may never end.
func readSmallFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > most:
		return nil, fmt.Errorf("%s has %d bytes; the limit is %d", path, info.Size(), most)
	}
	return os.ReadFile(path)
}

func writeSettings(folder string, s settings) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return backend.Errorf(backend.CodeInternal, "encoding the backend's settings: %w", err)
	}
	if err := durable.Replace(filepath.Join(folder, configFile), append(text, '\n'), 0o600); err != nil {
		return backend.Errorf(backend.CodeUnavailable, "writing the backend's settings: %w", err)
	}
	return nil
}
