// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// The names in an embedded backend's folder.
const (
	Folder        = ".pouncet"
	databaseFile  = "pouncet.db"
	configFile    = "config.json"
	keyFile       = "kms.key"
	tokenFile     = "first-token"
	gitignoreFile = ".gitignore"
)

// Parts is an embedded backend in its parts, for whoever composes them
// differently: a server puts an access guard around the engine.
type Parts struct {
	Engine backend.Service
	Store  store.Store
	Keys   *envelope.Keyring
	Where  string
}

// Health reports whether the database answers and the KMS keys that were used
// last could be used.
func (p *Parts) Health(ctx context.Context) error {
	if err := p.Store.Check(ctx); err != nil {
		return err
	}
	for _, h := range p.Keys.Health() {
		if h.Err != nil {
			return h.Err
		}
	}
	return nil
}

// Close closes the database.
func (p *Parts) Close() error { return p.Store.Close() }

// Embedded opens the backend in c.Path or, when that is "", in the nearest
// .pouncet folder from the working folder upwards. ErrNotFound when there is
// none: it makes nothing.
func Embedded(ctx context.Context, c Config) (*Parts, error) {
	path := c.Path
	if path == "" {
		found, err := find()
		if err != nil {
			return nil, err
		}
		path = found
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "naming %s: %w", path, err)
	}
	if _, err := os.Stat(filepath.Join(path, databaseFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, backend.Errorf(backend.CodeNotFound, "there is no backend in %s", path).
			WithHint("make one with \"pouncet init\", or correct the path")
	}
	s, err := readSettings(path)
	if err != nil {
		return nil, err
	}
	if c.KMSKey != "" {
		s.KMSKey = c.KMSKey
	}
	rows, err := sqlite.Open(ctx, filepath.Join(path, databaseFile))
	if err != nil {
		return nil, err
	}
	known := newTrust(path, s)
	keys := keyring(rows, path, known)
	return &Parts{
		Engine: engine.New(rows, keys, engine.Options{KMSKey: s.KMSKey, Trust: known.add}),
		Store:  rows, Keys: keys, Where: path,
	}, nil
}

// ownKey is the URI of the key file that is beside the database. It is
// relative to the folder, which can therefore be moved.
const ownKey = "file:" + keyFile

// keyring opens the KMS keys that are known, among them those relative to the folder.
func keyring(rows store.Store, folder string, known *trust) *envelope.Keyring {
	return envelope.New(envelope.Options{Deployment: rows.Deployment(), OpenKey: func(ctx context.Context, uri string) (kms.Key, error) {
		if err := known.check(uri); err != nil {
			return nil, err
		}
		return kms.Open(ctx, absolute(folder, uri))
	}})
}

func absolute(folder, uri string) string {
	name, isFile := strings.CutPrefix(uri, "file:")
	if !isFile || strings.HasPrefix(name, "/") {
		return uri
	}
	path := filepath.ToSlash(filepath.Join(folder, name))
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter: RFC 8089, appendix E.2
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// find looks for the folder from the working folder upwards, as git does.
func find() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", backend.Errorf(backend.CodeUnavailable, "finding the working folder: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, Folder)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			return "", backend.Errorf(backend.CodeNotFound, "there is no %s folder in %s or above it", Folder, start).
				WithHint("make one with \"pouncet init\", or set POUNCET_HOME or POUNCET_ENDPOINT")
		}
	}
}

// Initialised is what Init made.
type Initialised struct {
	Path      string `json:"path"`
	KMSKey    string `json:"kms_key"`
	TokenFile string `json:"token_file"` // holds the first admin token, mode 0600
	Existing  bool   `json:"existing"`   // it was there already: nothing was changed
}

// Init makes an embedded backend with the project "default" in c.Path. When
// that is "", it is .pouncet under the working folder or, with CreateIfAbsent,
// the nearest one upwards if there is any. On an existing backend it changes
// nothing. All is made in a folder of another name, which is then renamed: a
// backend is there whole, or not at all.
func Init(ctx context.Context, c Config) (Initialised, error) {
	path := c.Path
	if path == "" {
		path = Folder
		if found, err := find(); err == nil && c.CreateIfAbsent {
			path = found
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return Initialised{}, backend.Errorf(backend.CodeInvalid, "naming %s: %w", path, err)
	}
	made := Initialised{Path: path, KMSKey: c.KMSKey, TokenFile: filepath.Join(path, tokenFile)}
	if made.KMSKey == "" {
		made.KMSKey = ownKey
	}
	if _, err := os.Stat(filepath.Join(path, databaseFile)); err == nil {
		s, err := readSettings(path)
		if _, absent := os.Stat(made.TokenFile); absent != nil {
			made.TokenFile = "" // moved to a better place
		}
		made.KMSKey, made.Existing = s.KMSKey, true
		return made, err
	}
	if left, err := os.ReadDir(path); err == nil && len(left) > 0 {
		return Initialised{}, backend.Errorf(backend.CodeConflict, "%s is not empty and holds no backend", path).
			WithHint("choose another folder, or restore %s there from a backup", databaseFile)
	}
	staging, err := os.MkdirTemp(mkdirParent(path), "."+filepath.Base(path)+"-new-*")
	if err != nil {
		return Initialised{}, backend.Errorf(backend.CodeUnavailable, "making the backend's folder: %w", err).WithHint("choose a folder that you can write to")
	}
	defer os.RemoveAll(staging)
	if err := fill(ctx, staging, made.KMSKey); err != nil {
		return Initialised{}, err
	}
	_ = os.Remove(path) // an empty folder may stand there; rename says if more does
	if err := os.Rename(staging, path); err != nil {
		if _, other := os.Stat(filepath.Join(path, databaseFile)); other == nil {
			made.Existing = true // somebody else was faster
			return made, nil
		}
		return Initialised{}, backend.Errorf(backend.CodeUnavailable, "putting the backend's folder in place: %w", err)
	}
	return made, nil
}

func mkdirParent(path string) string {
	parent := filepath.Dir(path)
	_ = os.MkdirAll(parent, 0o755) // what is wrong with it shows when it is used
	return parent
}

// fill makes the contents of a new backend's folder in dir, which is renamed later.
func fill(ctx context.Context, dir, kmsKey string) error {
	if err := os.Chmod(dir, 0o700); err != nil {
		return backend.Errorf(backend.CodeUnavailable, "making the backend's folder: %w", err)
	}
	if kmsKey == ownKey {
		if err := kms.CreateFile(absolute(dir, kmsKey)); err != nil {
			return err
		}
	}
	s := settings{KMSKey: kmsKey}
	if err := writeSettings(dir, s); err != nil {
		return err
	}
	token, hash := access.NewToken()
	for name, content := range map[string]string{
		tokenFile:     token + "\n",
		gitignoreFile: "*\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return backend.Errorf(backend.CodeUnavailable, "writing %s: %w", name, err)
		}
	}
	rows, err := sqlite.Create(ctx, filepath.Join(dir, databaseFile))
	if err != nil {
		return err
	}
	role := backend.RoleAdmin
	_, err = engine.New(rows, keyring(rows, dir, newTrust(dir, s)), engine.Options{KMSKey: kmsKey}).Apply(withLocalUser(ctx), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpCreate, Kind: backend.KindProject, Name: backend.DefaultProject},
		{Op: backend.OpCreate, Kind: backend.KindToken, Name: tokenFile, Role: &role, TokenHash: hash},
	}})
	if err := errors.Join(err, rows.Close()); err != nil {
		return fmt.Errorf("making the backend: %w", err)
	}
	return nil
}
