// SPDX-License-Identifier: MPL-2.0

package settings

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// Tokens are the tokens that "pouncet login" stores, one file for each endpoint. So two logins at the same time cannot
// lose each other's token.
type Tokens struct{ folder string }

// OpenTokens returns the tokens of this user.
func OpenTokens() (Tokens, error) {
	folder, err := Folder()
	return Tokens{filepath.Join(folder, "tokens")}, err
}

// tokenFile is the content of a file.
type tokenFile struct {
	Endpoint string `json:"endpoint"`
	StoredToken
}

// StoredToken is a token, or a session and when it ends.
type StoredToken struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // of a session; zero for what earlier versions stored
}

// IsSession reports whether it is a session, which no command deletes.
func (t StoredToken) IsSession() bool { return access.IsSession(t.Token) }

// HasEnded reports whether it is a session that has ended.
func (t StoredToken) HasEnded() bool { return !t.ExpiresAt.IsZero() && !time.Now().Before(t.ExpiresAt) }

// path returns the file of an endpoint, and the form of the endpoint that the file has. The name of the file is a hash,
// because an endpoint can be longer than the name of a file.
func (t Tokens) path(endpoint string) (path, normal string, err error) {
	normal, err = httpapi.NormalizeEndpoint(endpoint)
	sum := sha256.Sum256([]byte(normal))
	return filepath.Join(t.folder, hex.EncodeToString(sum[:16])+".json"), normal, err
}

// Get returns the token of an endpoint, which is empty if none is stored.
func (t Tokens) Get(endpoint string) (StoredToken, error) {
	path, normal, err := t.path(endpoint)
	if err != nil {
		return StoredToken{}, err
	}
	f, err := readToken(path)
	if err != nil || f.Endpoint != normal {
		return StoredToken{}, err
	}
	return f.StoredToken, nil
}

// Put stores the token of an endpoint.
func (t Tokens) Put(endpoint string, token StoredToken) error {
	path, normal, err := t.path(endpoint)
	if err != nil {
		return err
	}
	text, err := json.Marshal(tokenFile{normal, token})
	if err == nil {
		err = os.MkdirAll(t.folder, 0o700)
	}
	if err == nil {
		if err := checkFolder(t.folder); err != nil {
			return err
		}
		err = durable.Replace(path, append(text, '\n'), 0o600)
	}
	if err != nil {
		return backend.Errorf(backend.CodeUnavailable, "storing the token: %w", err).
			WithHint("no token was stored; without a place for it, set POUNCET_TOKEN")
	}
	return nil
}

// Delete removes the token of an endpoint, and reports whether there was one.
func (t Tokens) Delete(endpoint string) (bool, error) {
	path, _, err := t.path(endpoint)
	if err != nil {
		return false, err
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, backend.Errorf(backend.CodeUnavailable, "removing the token: %w", err)
	}
	return true, nil
}

// All returns the endpoints with a token, sorted, and the files that no token can be read from.
func (t Tokens) All() (endpoints, broken []string, err error) {
	files, err := filepath.Glob(filepath.Join(t.folder, "*.json"))
	if err != nil {
		return nil, nil, backend.Errorf(backend.CodeUnavailable, "listing the tokens: %w", err)
	}
	for _, path := range files {
		f, err := readToken(path)
		if named, _, _ := t.path(f.Endpoint); err != nil || named != path && f.Endpoint != "" {
			broken = append(broken, path)
		} else if f.Endpoint != "" {
			endpoints = append(endpoints, f.Endpoint)
		}
	}
	slices.Sort(endpoints)
	return endpoints, broken, nil
}

// DeleteFile removes a file that All returned as broken.
func (t Tokens) DeleteFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return backend.Errorf(backend.CodeUnavailable, "removing the token: %w", err)
	}
	return nil
}

// readToken reads the file of a token. A missing file is empty. A file that other users can read is refused: they may
// have the token.
func readToken(path string) (tokenFile, error) {
	var f tokenFile
	text, err := readFile(path)
	if err != nil || text == nil {
		return f, err
	}
	if err := checkFolder(filepath.Dir(path)); err != nil {
		return f, err
	}
	info, err := os.Stat(path)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return f, backend.Errorf(backend.CodeDenied, "other users can read the stored token %s: its mode is %04o", path,
			info.Mode().Perm()).WithHint("if nobody has read it, run chmod 600 %s; otherwise replace the token", path)
	}
	if err := json.Unmarshal(text, &f); err != nil || f.Endpoint == "" || f.Token == "" {
		return tokenFile{}, backend.Errorf(backend.CodeInvalid, "the stored token %s cannot be read", path).
			WithHint("remove the file, and log in again: pouncet login")
	}
	return f, nil
}

// checkFolder refuses a folder of tokens that others can write: they can replace a token by one that they know, and
// read what is then written with it.
func checkFolder(path string) error {
	info, err := os.Stat(path)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return backend.Errorf(backend.CodeDenied, "other users can write to the folder of stored tokens %s: its mode is %04o",
			path, info.Mode().Perm()).WithHint("run chmod 700 %s, and log in again", path)
	}
	return nil
}
