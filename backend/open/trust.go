// SPDX-License-Identifier: MPL-2.0

package open

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// settings is config.json: which KMS keys this backend uses.
type settings struct {
	// KMSKey wraps the environment keys of environments that name no key of their own.
	KMSKey string `json:"kms_key"`
	// OtherKMSKeys are those that environments were given. A key is added when
	// somebody who may creates such an environment.
	OtherKMSKeys []string `json:"other_kms_keys,omitempty"`
}

// trust knows which KMS keys may be asked to unwrap what the database holds.
// The database itself cannot say: whoever can write to it could put a scope
// key there that is wrapped under a KMS key of theirs, and would read
// every value written from then on.
type trust struct {
	folder string
	mu     sync.Mutex
	keys   []string
}

func newTrust(folder string, s settings) *trust {
	return &trust{folder: folder, keys: append([]string{s.KMSKey}, s.OtherKMSKeys...)}
}

// check refuses a KMS key that config.json does not know. It looks there anew
// before it refuses: another process may have added the key.
func (t *trust) check(uri string) error {
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
		return backend.Errorf(backend.CodeKeyUnusable, "the database names KMS key %s, which %s does not know", uri, filepath.Join(t.folder, configFile)).
			WithHint("add it to other_kms_keys there if it is yours; if it is not, somebody has changed the database")
	}
	t.keys = append(t.keys, uri)
	return nil
}

// add makes config.json know a KMS key that an environment is created with.
func (t *trust) add(uri string) error {
	if t.check(uri) == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s, err := readSettings(t.folder)
	if err != nil {
		return err
	}
	s.OtherKMSKeys = append(s.OtherKMSKeys, uri)
	if err := writeSettings(t.folder, s); err != nil {
		return err
	}
	t.keys = append(t.keys, uri)
	return nil
}

func readSettings(folder string) (settings, error) {
	var s settings
	path := filepath.Join(folder, configFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return s, backend.Errorf(backend.CodeUnavailable, "reading the backend's settings: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, backend.Errorf(backend.CodeCorrupt, "%s does not read: %w", path, err).
			WithHint(`it holds {"kms_key": "…"}; restore it from a backup`)
	}
	return s, nil
}

// writeSettings replaces config.json whole or not at all.
func writeSettings(folder string, s settings) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return backend.Errorf(backend.CodeInternal, "encoding the backend's settings: %w", err)
	}
	path := filepath.Join(folder, configFile)
	draft := path + ".new"
	err = os.WriteFile(draft, append(text, '\n'), 0o600)
	if err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		return backend.Errorf(backend.CodeUnavailable, "writing the backend's settings: %w", err)
	}
	return nil
}
