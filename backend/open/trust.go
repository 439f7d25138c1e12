// SPDX-License-Identifier: MPL-2.0

package open

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
)

// settings is the content of config.json.
type settings struct {
	// KMSKey wraps the environment keys of environments that do not name their own KMS key.
	KMSKey string `json:"kms_key"`
	// OtherKMSKeys holds the KMS keys that environments name. Creating such an environment adds its key.
	OtherKMSKeys []string `json:"other_kms_keys,omitempty"`
}

// trustedKeys holds the KMS keys that may unwrap environment keys of the database. It does not trust the KMS keys
// that the database names: someone who can write to the database could insert an environment key that is wrapped by
// their own KMS key, and then read every value written after that.
type trustedKeys struct {
	folder string
	mu     sync.Mutex
	keys   []string
}

func newTrustedKeys(folder string, s settings) *trustedKeys {
	return &trustedKeys{folder: folder, keys: append([]string{s.KMSKey}, s.OtherKMSKeys...)}
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

// add adds the KMS key of a new environment to config.json.
func (t *trustedKeys) add(uri string) error {
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
