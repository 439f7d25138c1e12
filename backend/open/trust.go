// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"encoding/json"
	"errors"
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
	// OtherKMSKeys holds the KMS keys that environments name. Creating such an environment adds its key.
	OtherKMSKeys []string `json:"other_kms_keys,omitempty"`
	// Deployment says which database belongs to this file. It is nil until the rows of the database are signed.
	Deployment *deployment `json:"deployment,omitempty"`
}

// deployment pins the database outside of it: someone who can write to the database only cannot put another one in its
// place.
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
	folder      string
	createFiles bool // add creates key files
	mu          sync.Mutex
	keys        []string
}

func newTrustedKeys(folder string, s settings) *trustedKeys {
	keys := append([]string{s.KMSKey}, s.OtherKMSKeys...)
	if s.Deployment != nil {
		keys = append(keys, s.Deployment.KMSKey)
	}
	return &trustedKeys{folder: folder, keys: keys}
}

// check refuses a KMS key that config.json does not name. It reads the file again before it refuses, because another
// process may have added the key.
func (t *trustedKeys) check(uri string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(t.keys, uri) {
		return nil
	}
	s, err := readSettings(t.folder)
	if err != nil {
		return err
	}
	if uri != s.KMSKey && !slices.Contains(s.OtherKMSKeys, uri) {
		return backend.Errorf(backend.CodeKeyUnusable, "the database uses KMS key %s, which is not listed in %s",
			uri, filepath.Join(t.folder, configFile)).
			WithHint("if the key is yours, add it to other_kms_keys in that file; if not, someone has changed the database")
	}
	t.keys = append(t.keys, uri)
	return nil
}

// add adds the KMS key that wraps a new environment key to config.json. A key that is not there is used for the first
// time: if it is a key file, add creates it. Later, a missing key file is an error, because a new one could not decrypt
// anything.
func (t *trustedKeys) add(uri string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, err := readSettings(t.folder)
	if err != nil || uri == s.KMSKey || slices.Contains(s.OtherKMSKeys, uri) {
		return err
	}
	if t.createFiles {
		if err := createKeyFile(t.folder, uri); err != nil {
			return err
		}
	}
	s.OtherKMSKeys = append(s.OtherKMSKeys, uri)
	if err := writeSettings(t.folder, s); err != nil {
		return err
	}
	t.keys = append(t.keys, uri)
	return nil
}

// checkUse returns the error that the use of a KMS key would return, as far as a dry run can know it.
func (t *trustedKeys) checkUse(uri string) error {
	s, err := readSettings(t.folder)
	if err != nil {
		return err
	}
	firstUse := uri != s.KMSKey && !slices.Contains(s.OtherKMSKeys, uri)
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
	text, err := os.ReadFile(path)
	if err != nil {
		e := backend.Errorf(backend.CodeUnavailable, "reading the backend's settings: %w", err)
		if errors.Is(err, fs.ErrNotExist) {
			e = e.WithHint("restore the file from a backup")
		}
		return s, e
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, backend.Errorf(backend.CodeCorrupt, "%s cannot be parsed: %w", path, err).
			WithHint(`restore it from a backup; it must have the form {"kms_key": "…"}`)
	}
	return s, nil
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
