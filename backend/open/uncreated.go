// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// Uncreated is an embedded backend that does not exist yet. Until it exists, queries, references and dry runs get the
// answers of a new backend, from a database in memory, and a change is an error. Create creates the backend. If another
// process creates it, the next call uses it. An Uncreated is safe for concurrent use.
//
// The objects of the database in memory get other ids when the backend is created, and its pages name no deployment.
type Uncreated struct {
	config Config // its path is absolute

	mu      sync.Mutex
	created *Backend        // the backend, once it exists
	blank   backend.Service // answers until then
}

var _ backend.Service = (*Uncreated)(nil)

// NewUncreated returns the embedded backend that c describes, or ErrConflict if it cannot be created in that folder, or
// ErrNotFound if its key file cannot be created because folders above it are missing. It writes nothing to disk.
func NewUncreated(c Config) (*Uncreated, error) {
	path, err := Locate(c)
	if err != nil {
		return nil, err
	}
	if err := checkFolder(path); err != nil {
		return nil, err
	}
	if file := kms.FilePath(c.KMSKey); file != "" && !createsAbove(path, file) {
		if err := kms.CheckFolder(c.KMSKey); err != nil {
			return nil, err
		}
	}
	c.searched = c.searched || c.Path == ""
	c.Path = path
	return &Uncreated{config: c}, nil
}

// createsAbove reports whether the creation of the backend's folder also creates the parent of the key file's folder.
func createsAbove(folder, keyFile string) bool {
	rel, err := filepath.Rel(filepath.Dir(filepath.Dir(keyFile)), folder)
	return err == nil && rel != "." && !strings.HasPrefix(rel, "..")
}

// Location returns the folder of the backend.
func (u *Uncreated) Location() string { return u.config.Path }

// Exists reports whether the backend exists by now.
func (u *Uncreated) Exists() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.created != nil || Exists(u.config.Path)
}

// Create creates the backend, unless it exists. Of several concurrent calls, also of several processes, one creates it.
func (u *Uncreated) Create(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.open(ctx)
}

// open opens the backend, and creates it if it does not exist.
func (u *Uncreated) open(ctx context.Context) error {
	if u.created != nil {
		return nil
	}
	c := u.config
	c.CreateIfAbsent = true
	b, err := Open(ctx, c)
	if err == nil {
		u.created = b
	}
	return err
}

// current returns what answers a call, and whether that is the backend.
func (u *Uncreated) current(ctx context.Context) (s backend.Service, exists bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.created == nil && Exists(u.config.Path) {
		if err := u.open(ctx); err != nil {
			return nil, false, err
		}
	}
	if u.created != nil {
		return u.created, true, nil
	}
	if u.blank == nil {
		u.blank, err = newBlank(ctx, u.config)
	}
	return u.blank, false, err
}

// Query implements backend.Service.
func (u *Uncreated) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	s, exists, err := u.current(ctx)
	if err != nil {
		return backend.Page{}, err
	}
	page, err := s.Query(ctx, q)
	if !exists {
		page.Deployment = ""
	}
	return page, err
}

// Resolve implements backend.Service.
func (u *Uncreated) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	s, _, err := u.current(ctx)
	if err != nil {
		return nil, err
	}
	return s.Resolve(ctx, refs)
}

// Apply implements backend.Service.
func (u *Uncreated) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	s, exists, err := u.current(ctx)
	if err != nil {
		return nil, err
	}
	if !exists && !set.DryRun {
		return nil, backend.Errorf(backend.CodeNotFound, "the embedded backend in %s does not exist yet", u.Location()).
			WithHint("create it with pouncet init, or by the first resource of an apply")
	}
	return s.Apply(ctx, set)
}

// newBlank returns a backend in memory that is like a new one in a folder. No secret gets into it, because a dry run
// stores nothing.
func newBlank(ctx context.Context, c Config) (backend.Service, error) {
	database, err := sqlite.InMemory(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	kmsKey := c.KMSKey
	if kmsKey == "" {
		kmsKey = defaultKMSKey
	}
	keys := envelope.New(envelope.Options{
		Deployment: database.Deployment(),
		OpenKey: func(ctx context.Context, uri string) (kms.Key, error) {
			resolved := resolveURI(c.Path, uri)
			if _, err := kms.Open(ctx, resolved); err != nil {
				return nil, err
			}
			if err := kms.CheckFile(ctx, resolved, true); err != nil {
				return nil, err
			}
			return memoryKey{uri}, nil
		},
	})
	w, err := signed.Initialise(ctx, database, keys, kmsKey)
	if err != nil {
		return nil, err
	}
	e := engine.New(signed.New(database, keys, w), keys, engine.Options{
		Authorizer: access.NewDirectory(),
		KMSKey:     kmsKey, CheckKey: func(uri string) error { return checkKeyFile(c.Path, uri, true) },
	})
	if _, err := createContents(ctx, e); err != nil {
		return nil, err
	}
	return asLocalUser{e}, nil
}

// memoryKey stands in for a KMS key whose data keys never leave the memory of this process. So it need not encrypt
// them.
type memoryKey struct{ uri string }

var _ kms.Key = memoryKey{}

func (k memoryKey) URI() string { return k.uri }

func (k memoryKey) GenerateDataKey(context.Context, map[string]string) (plaintext, wrapped []byte, err error) {
	plaintext = make([]byte, kms.DataKeySize)
	_, _ = rand.Read(plaintext) // never returns an error: it crashes the program instead
	return plaintext, slices.Clone(plaintext), nil
}

func (k memoryKey) Encrypt(_ context.Context, plaintext []byte, _ map[string]string) ([]byte, error) {
	return slices.Clone(plaintext), nil
}

func (k memoryKey) Decrypt(_ context.Context, wrapped []byte, _ map[string]string) ([]byte, error) {
	return slices.Clone(wrapped), nil
}
