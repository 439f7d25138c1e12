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
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// The names in an embedded backend's folder.
const (
	Folder        = ".pouncet"
	databaseFile  = "pouncet.db"
	readsFile     = "pouncet-reads.db"
	configFile    = "config.json"
	keyFile       = "kms.key"
	tokenFile     = "first-token"
	gitignoreFile = ".gitignore"
)

// Parts holds the parts of an embedded backend, for a caller that combines them in another way than Open: a server puts
// an access guard around the engine.
type Parts struct {
	Engine   backend.Service // makes calls without a principal for the local user
	Store    store.Store
	Reads    Reads // the audit records of reads, dry runs and refusals
	Keys     *envelope.Keyring
	Location string   // the folder, or the database of a server, for messages
	Upgrade  *Upgrade // the upgrade that Embedded made; nil for none
	// MayChangeSchema means that the role of a server could change the tables of its database.
	MayChangeSchema bool

	engine    *engine.Engine
	signed    *signed.Store
	trusted   *trustedKeys
	retention time.Duration     // of the records of the audit log; 0 keeps all
	folder    string            // "" if there is none
	replica   *replicaReads     // nil if there is none
	names     map[string]string // of databases, with their hosts, and without
	records   *audit.Reader
	pushed    signed.Trees // of the last checkpoint that was sent elsewhere
}

// Reads holds the audit records of reads, dry runs and refusals.
type Reads interface {
	store.RecordLog
	store.ResolvedNotes

	// Check returns an error if records cannot be added, and low if the disk is nearly full.
	Check(ctx context.Context) (low, err error)
	Close() error
}

// serverReserve is the space for records of reads that a server keeps for a full disk, in bytes.
const serverReserve = 16 << 20

// ReserveReads keeps more space for records of reads on a full disk than a short command does. A server calls it.
// A database of several servers is on another machine.
func (p *Parts) ReserveReads(ctx context.Context) {
	if file, ok := p.Reads.(*sqlite.ReadLog); ok {
		file.Reserve(ctx, serverReserve)
	}
}

// AllowKMSKeys sets the KMS keys that the callers of a server may name, beside those in config.json. Call it before the
// first request.
func (p *Parts) AllowKMSKeys(patterns kms.Patterns) { p.trusted.named = patterns }

// sweepPause is the time between two sweeps that both remove something.
const sweepPause = time.Second

// KeepSwept removes what can no longer be restored and the records of the audit log that are too old, at once and then
// after every interval, until ctx ends. It reports errors and continues.
func (p *Parts) KeepSwept(ctx context.Context, interval time.Duration, report func(error)) {
	for {
		more, err := p.engine.Sweep(ctx)
		moreRecords, expireErr := p.expireRecords(ctx)
		more, err = more || moreRecords, errors.Join(err, expireErr)
		if err != nil && ctx.Err() == nil {
			report(err)
		}
		wait := interval
		if more && err == nil {
			wait = min(sweepPause, interval)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// Audited returns a Service that passes the calls which the guard allows to the engine, and records all calls. A nil
// guard allows all of them.
func (p *Parts) Audited(guard func(backend.Service) backend.Service) *audit.Log {
	next := p.Engine
	if p.replica != nil {
		next = p.replica
	}
	return audit.New(next, p.Reads, audit.Options{Guard: guard, Projects: p.engine.ProjectIDs})
}

// Folders returns the folders of this machine that have the database and the key files.
func (p *Parts) Folders() (folders []string) {
	if filepath.IsAbs(p.Location) {
		folders = append(folders, p.Location)
		if real, err := filepath.EvalSymlinks(p.Location); err == nil && real != p.Location {
			folders = append(folders, real)
		}
	}
	p.trusted.mu.Lock()
	defer p.trusted.mu.Unlock()
	for _, uri := range p.trusted.keys {
		if path, ok := strings.CutPrefix(resolveURI(p.trusted.folder, uri), "file://"); ok {
			folders = append(folders, filepath.Dir(path))
		}
	}
	return folders
}

// DatabaseNames returns the names of the databases of a server, which have their hosts, and each name without the host.
func (p *Parts) DatabaseNames() map[string]string { return p.names }

// Rights returns what the principal of a context may do: see engine.Engine.
func (p *Parts) Rights(ctx context.Context) (backend.Permissions, error) { return p.engine.Rights(ctx) }

// Close closes the database and the file with the records of reads.
func (p *Parts) Close() error {
	err := errors.Join(p.Reads.Close(), p.Store.Close())
	if p.replica != nil {
		err = errors.Join(err, p.replica.replica.Close())
	}
	return err
}

// Embedded opens the existing backend in c.Path. If c.Path is "", it searches the working folder and the folders above
// it for a .pouncet folder, and opens the nearest. The error is ErrNotFound if no backend exists. It is ErrDenied if
// the search leads to a folder that another user owns or can change.
//
// The callers of a server use its Parts. So no change may name a key file, and none is created; see AllowKMSKeys.
func Embedded(ctx context.Context, c Config) (*Parts, error) {
	return embedded(ctx, c, false)
}

// embedded is Embedded. If local is set, changes may name any KMS key, and a key file is created at its first use.
func embedded(ctx context.Context, c Config, local bool) (*Parts, error) {
	path := c.Path
	if path == "" {
		found, err := findFolder()
		if err != nil {
			return nil, err
		}
		path, c.searched = found, true
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, absolutePathError(path, err)
	}
	if c.searched {
		if err := checkFound(path); err != nil {
			return nil, err
		}
	}
	if !Exists(path) {
		if err := missingDatabase(path); err != nil {
			return nil, err
		}
		return nil, backend.Errorf(backend.CodeNotFound, "folder %s does not contain a backend", path).
			WithHint("create one with pouncet init, or correct the path")
	}
	s, err := readSettings(path)
	if err != nil {
		return nil, err
	}
	retention, err := s.auditRetention(path)
	if err != nil {
		return nil, err
	}
	trusted := newTrustedKeys(path, s)
	trusted.local, trusted.observer = local, c.KMSObserver
	database, keys, upgrade, err := openDatabase(ctx, path, s, trusted, c.access(local))
	if err != nil {
		return nil, err
	}
	reads, err := openReads(ctx, path, database, c.access(local))
	if err != nil {
		return nil, errors.Join(err, database.Close())
	}
	if upgrade != nil {
		audit.Upgraded(withLocalUser(ctx), database, nil, upgrade.Tokens)
	}
	removeExpiredCopy(path, time.Now())
	if c.KMSKey != "" {
		s.KMSKey = c.KMSKey
		trusted.keys = append(trusted.keys, c.KMSKey) // the user names it
	}
	records := audit.NewReader(database, reads, nil)
	o := engine.Options{KMSKey: s.KMSKey, Authorizer: access.NewDirectory(), MaxDifferences: c.CompareLimit,
		Trust: trusted.allow, Record: audit.NewChanges(nil), Resolved: reads, ValueTag: database.ValueTag,
		Records: records}
	database.OnDelete(forget(reads))
	if local { // only for a local user: a caller of a server must not learn about the files of the server
		o.CheckKey, o.Client = trusted.checkUse, backend.ClientName(c.UserAgent)
	}
	e := engine.New(database, keys, o)
	return &Parts{
		Engine: asLocalUser{e}, Store: database, Reads: reads, Keys: keys, Location: path, Upgrade: upgrade, engine: e,
		signed: database, trusted: trusted, retention: retention, folder: path, records: records,
	}, nil
}

// fileAccess says whether the files of a folder are opened for writing.
type fileAccess int

const (
	mustWrite fileAccess = iota
	mayRead              // for reading, if this user may not write them
	onlyRead
)

func (c Config) access(local bool) fileAccess {
	switch {
	case c.OnlyRead:
		return onlyRead
	case c.MayRead || local:
		return mayRead
	}
	return mustWrite
}

// reads reports whether a file is opened for reading, if writable says whether this user may write it.
func (a fileAccess) reads(writable bool) bool { return a == onlyRead || a == mayRead && !writable }

// defaultKMSKey is the URI of the key file in the backend's folder. It is relative, so that the folder can be moved.
const defaultKMSKey = "file:" + keyFile

// keyring returns a Keyring that uses trusted KMS keys only.
func keyring(deployment string, trusted *trustedKeys) *envelope.Keyring {
	return envelope.New(envelope.Options{Deployment: deployment, OpenKey: trusted.open})
}

// resolveURI makes the URI of a key file absolute.
func resolveURI(folder, uri string) string {
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

// findFolder returns the nearest .pouncet folder, from the working folder upwards, as git finds .git.
func findFolder() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", backend.Errorf(backend.CodeUnavailable, "reading the working folder: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, Folder)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			return "", backend.Errorf(backend.CodeNotFound, "no %s folder exists in %s or above it", Folder, start).
				WithHint("create one with pouncet init, or set POUNCET_HOME or POUNCET_ENDPOINT")
		}
	}
}

// Initialised describes the backend that Init created, or the existing one.
type Initialised struct {
	Path      string `json:"path"`
	KMSKey    string `json:"kms_key"`
	TokenFile string `json:"token_file"` // holds the first admin token; "" if an existing backend has no such file
	Existing  bool   `json:"existing"`   // the backend already existed and was not changed
}

// Locate returns the folder of the embedded backend that c names, whether or not the backend exists. Without a path, it
// is the nearest existing .pouncet folder upwards, or else .pouncet in the working folder. ErrDenied means that another
// user owns or can change the folder that exists.
func Locate(c Config) (string, error) {
	path := c.Path
	if path == "" {
		path = Folder
		if found, err := findFolder(); err == nil {
			if err := checkFound(found); err != nil {
				return "", err
			}
			path = found
		}
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", absolutePathError(path, err)
	}
	return absolute, nil
}

// Exists reports whether a folder contains an embedded backend. A backend that this user may not read exists too.
func Exists(path string) bool {
	_, err := os.Stat(filepath.Join(path, databaseFile))
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// checkFolder returns an error if a backend cannot be created in a folder, as far as that is known without writing.
func checkFolder(path string) error {
	if left, err := os.ReadDir(path); err == nil && len(left) > 0 {
		return backend.Errorf(backend.CodeConflict, "folder %s is not empty and contains no backend", path).
			WithHint("choose another folder, or restore %s there from a backup", databaseFile)
	}
	for existing := path; ; existing = filepath.Dir(existing) {
		info, err := os.Stat(existing)
		if err == nil && !info.IsDir() {
			return backend.Errorf(backend.CodeConflict, "%s is not a folder", existing).
				WithHint("choose another folder for the backend")
		}
		parent := filepath.Dir(existing)
		if errors.Is(err, fs.ErrPermission) {
			return backend.Errorf(backend.CodeDenied, "a backend cannot be created in %s: %w", parent, fs.ErrPermission).
				WithHint("%s", otherFolder)
		}
		if err == nil && existing == path && parent != path {
			continue // the backend is made in the parent folder, and replaces this empty one
		}
		if err == nil {
			if err := durable.Writable(existing); err != nil {
				return backend.Errorf(backend.CodeDenied, "a backend cannot be created in %s: %w", existing, err).
					WithHint("%s", otherFolder)
			}
			return nil
		}
		if parent == existing {
			return nil
		}
	}
}

const otherFolder = "choose another folder for the backend, or let this user write there"

// Init creates an embedded backend with the project "default" in c.Path. If that is "", the folder is .pouncet in the
// working folder; with CreateIfAbsent, it is the nearest existing .pouncet folder upwards if there is one. Init does
// not change an existing backend. Without CreateIfAbsent, it reports one whose key file cannot be used. It creates the
// backend under another name and renames the folder at the end, so that no reader sees a part of it.
func Init(ctx context.Context, c Config) (Initialised, error) {
	if c.Path == "" && !c.CreateIfAbsent {
		c.Path = Folder
	}
	path, err := Locate(c)
	if err != nil {
		return Initialised{}, err
	}
	result := Initialised{Path: path, KMSKey: c.KMSKey, TokenFile: filepath.Join(path, tokenFile)}
	if result.KMSKey == "" {
		result.KMSKey = defaultKMSKey
	}
	if Exists(path) {
		s, err := readSettings(path)
		if _, absent := os.Stat(result.TokenFile); absent != nil {
			result.TokenFile = ""
		}
		result.KMSKey, result.Existing = s.KMSKey, true
		if err == nil && !c.CreateIfAbsent {
			err = checkKeyFile(path, s.KMSKey, false)
		}
		return result, err
	}
	if err := checkFolder(path); err != nil {
		return Initialised{}, err
	}
	staging, err := os.MkdirTemp(mkdirParent(path), "."+filepath.Base(path)+"-new-*")
	if err != nil {
		return Initialised{}, backend.Errorf(backend.CodeUnavailable, "creating the backend's folder: %w", err).
			WithHint("choose a folder that you can write to")
	}
	defer os.RemoveAll(staging)
	if err := initFolder(ctx, staging, result.KMSKey); err != nil {
		return Initialised{}, err
	}
	_ = os.Remove(path) // removes an empty folder; if another one is there, the rename below reports it
	if err := os.Rename(staging, path); err != nil {
		if Exists(path) {
			result.Existing = true // another process initialised it at the same time
			return result, nil
		}
		return Initialised{}, backend.Errorf(backend.CodeUnavailable, "renaming the backend's folder: %w", err)
	}
	return result, nil
}

func absolutePathError(path string, err error) error {
	return backend.Errorf(backend.CodeInvalid, "making path %s absolute: %w", backend.Quote(path), err)
}

// mkdirParent creates the parent folder of path and returns it. It ignores an error, because the next step reports it.
func mkdirParent(path string) string {
	parent := filepath.Dir(path)
	_ = os.MkdirAll(parent, 0o755)
	return parent
}

// initFolder creates the files of a new backend in dir.
func initFolder(ctx context.Context, dir, kmsKey string) error {
	if err := os.Chmod(dir, 0o700); err != nil {
		return backend.Errorf(backend.CodeUnavailable, "creating the backend's folder: %w", err)
	}
	if err := createKeyFile(dir, kmsKey); err != nil {
		return err
	}
	s := settings{KMSKey: kmsKey}
	if err := writeSettings(dir, s); err != nil {
		return err
	}
	if err := writeFile(dir, gitignoreFile, "*\n"); err != nil {
		return err
	}
	database, err := sqlite.Create(ctx, filepath.Join(dir, databaseFile))
	if err != nil {
		return err
	}
	if err := createReads(ctx, dir, database.Deployment()); err != nil {
		return errors.Join(err, database.Close())
	}
	token, err := createSigned(ctx, database, dir, s)
	if err := errors.Join(err, database.Close()); err != nil {
		return fmt.Errorf("creating the backend: %w", err)
	}
	return writeFile(dir, tokenFile, token+"\n")
}

// createSigned makes the deployment key of a new database, names it in the settings and creates the first contents. It
// returns the first token.
func createSigned(ctx context.Context, database *sqlite.Store, dir string, s settings) (token string, err error) {
	keys := keyring(database.Deployment(), newTrustedKeys(dir, s))
	w, err := signed.Initialise(ctx, database, keys, s.KMSKey)
	if err != nil {
		return "", err
	}
	s.Deployment = pinned(database, w)
	if err := writeSettings(dir, s); err != nil {
		return "", err
	}
	rows := signed.New(database, keys, w)
	return createContents(ctx, engine.New(rows, keys, engine.Options{
		KMSKey: s.KMSKey, Authorizer: access.NewDirectory(), Record: audit.NewChanges(nil),
	}))
}

func writeFile(dir, name, content string) error {
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		return backend.Errorf(backend.CodeUnavailable, "writing %s: %w", name, err)
	}
	return nil
}

// firstTokenLifetime is the time for the creation of other admin tokens. After it, a local user can create one.
const firstTokenLifetime = 24 * time.Hour

// createContents creates what every new backend contains, and returns the first admin token.
func createContents(ctx context.Context, s backend.Service) (token string, err error) {
	token, change := firstToken()
	_, err = s.Apply(withLocalUser(ctx), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpCreate, Kind: backend.KindProject, Name: backend.DefaultProject}, change,
	}})
	return token, err
}

// firstToken returns an admin token, and the change that creates it.
func firstToken() (token string, c backend.Change) {
	token, hash := access.NewToken()
	role, expires := backend.RoleAdmin, time.Now().Add(firstTokenLifetime)
	return token, backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: tokenFile, Role: &role,
		TokenHash: hash, ExpiresAt: &expires}
}
