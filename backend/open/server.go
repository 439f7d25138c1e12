// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"errors"
	"io/fs"
	"os"
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
)

// ServerDatabase opens the database that several servers share. This package imports no driver, so that the provider
// does not link one.
type ServerDatabase struct {
	// Open opens the database. ErrNotFound means that it is empty.
	Open func(context.Context) (SharedStore, error)
	// Create creates the database in one transaction, in which fill writes the first content. ErrExists means that another
	// server was faster.
	Create func(ctx context.Context, fill func(context.Context, store.Store) error) error
}

// SharedStore is an open database and its records of reads.
type SharedStore struct {
	store.Store
	Reads Reads
	Name  string // for messages, without credentials
	// MayChangeSchema means that the role of the server could change the tables.
	MayChangeSchema bool
	// Replica serves reads; nil for none.
	Replica Replica
}

// Close closes the database and its replica.
func (s SharedStore) Close() error {
	err := s.Store.Close()
	if s.Replica != nil {
		err = errors.Join(err, s.Replica.Close())
	}
	return err
}

// names returns the name of each database, which has its host, and what callers of the server may know of it.
func (s SharedStore) names() map[string]string {
	out := map[string]string{s.Name: withoutHost(s.Name)}
	if s.Replica != nil {
		out[s.Replica.Name()] = withoutHost(s.Replica.Name())
	}
	return out
}

// withoutHost returns the name of a database without its host, its port and its socket.
func withoutHost(name string) string {
	if before, _, onSocket := strings.Cut(name, " on socket "); onSocket {
		return before
	}
	return name[strings.LastIndex(name, "/")+1:]
}

// ServerConfig says how a server uses a database that it shares with others. All of them need the same values.
type ServerConfig struct {
	Database ServerDatabase
	// KMSKey is the URI of the KMS key that wraps the deployment key, and the keys of environments that name no other. It
	// is required, because a server does not trust a key that the database names.
	KMSKey string
	// Allowed are the other KMS keys that callers may name, and that the database may use.
	Allowed kms.Patterns
	// Deployment is the id that the database must have; "" accepts any.
	Deployment string
	// FirstTokenFile gets the first admin token of a new database. It also gets a new one if the database has no admin
	// token that is valid. It must not exist then.
	FirstTokenFile string
	// CompareLimit is engine.Options.MaxDifferences; 0 is the default.
	CompareLimit int
	// KMSObserver sees the calls of the KMS; nil if nobody does.
	KMSObserver kms.Observer
	// Existing refuses to create the database.
	Existing bool

	now func() time.Time // tests set it; nil means time.Now
}

// FirstToken is an admin token that Server has made.
type FirstToken struct {
	Token string // "" if it is in the file
	File  string
	New   bool // the database is new
}

// Server opens the database of a server. It creates what an empty database needs: the schema, the deployment key, the
// project "default" and the first token. Of several servers that start at the same time, one does.
func Server(ctx context.Context, c ServerConfig) (*Parts, *FirstToken, error) {
	if err := checkServerKey(c.KMSKey); err != nil {
		return nil, nil, err
	}
	trusted := &trustedKeys{keys: []string{c.KMSKey}, named: c.Allowed, fixed: true, observer: c.KMSObserver}
	database, err := c.Database.Open(ctx)
	var first *FirstToken
	if errors.Is(err, backend.ErrNotFound) && !c.Existing {
		if first, err = c.create(ctx, trusted, err); err == nil || errors.Is(err, backend.ErrExists) {
			failed := err
			if database, err = c.Database.Open(ctx); err != nil && failed != nil {
				err = failed // no other server was faster
			}
		}
	}
	if err != nil {
		return nil, nil, err
	}
	parts, err := c.parts(ctx, database, trusted)
	if err == nil && first == nil {
		first, err = c.replaceToken(ctx, parts)
	}
	if err != nil {
		return nil, nil, errors.Join(err, database.Close())
	}
	return parts, first, nil
}

// checkServerKey refuses a KMS key that a server cannot use.
func checkServerKey(uri string) error {
	if uri == "" {
		return backend.Errorf(backend.CodeInvalid, "no KMS key is set for the database").
			WithHint("name the key that wraps its keys: --kms-key or POUNCET_KMS_KEY, on every server")
	}
	if strings.HasPrefix(uri, "file:") && !strings.HasPrefix(uri, "file:///") {
		return backend.Errorf(backend.CodeInvalid, "KMS key %s is not an absolute path", backend.Quote(uri)).
			WithHint("write file:///PATH")
	}
	_, err := kms.Open(context.Background(), uri)
	return err
}

// create creates the database. ErrExists can mean that another server was faster. empty is the error with which the
// database was opened.
func (c ServerConfig) create(ctx context.Context, trusted *trustedKeys, empty error) (*FirstToken, error) {
	if c.Deployment != "" {
		e := *backend.AsError(empty)
		e.Message += ", and --deployment names deployment " + c.Deployment
		e.Hint = "restore the database, or correct the URL; for a new database, start without --deployment"
		return nil, &e
	}
	first := &FirstToken{File: c.FirstTokenFile, New: true}
	written := false
	err := c.Database.Create(ctx, func(ctx context.Context, database store.Store) error {
		if err := createKeyFile("", c.KMSKey); err != nil {
			return err
		}
		keys := keyring(database.Deployment(), trusted)
		w, err := signed.Initialise(ctx, database, keys, c.KMSKey)
		if err != nil {
			return err
		}
		first.Token, err = createContents(ctx, engine.New(signed.New(database, keys, w), keys, engine.Options{
			KMSKey: c.KMSKey, Authorizer: access.NewDirectory(), Record: audit.NewChanges(nil),
		}))
		if err != nil || c.FirstTokenFile == "" {
			return err
		}
		// Before the commit, so that no database exists whose token nobody has.
		err = writeToken(c.FirstTokenFile, first.Token)
		written = err == nil
		return err
	})
	switch {
	case err != nil && written && !errors.Is(err, backend.ErrUnavailable): // it was rolled back
		return nil, errors.Join(err, os.Remove(c.FirstTokenFile))
	case err != nil:
		return nil, err
	}
	if c.FirstTokenFile != "" {
		first.Token = ""
	}
	return first, nil
}

// writeToken writes a token to a new file that only this user can read.
func writeToken(path, token string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return backend.Errorf(backend.CodeExists, "file %s, which should get the first token, already exists", path).
			WithHint("name another file with --first-token-file, or remove this one")
	}
	if err == nil {
		_, err = f.WriteString(token + "\n")
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = durable.SyncFile(path)
	}
	if err != nil {
		return backend.Errorf(backend.CodeUnavailable, "writing the first token: %w", err).
			WithHint("name a file in a folder that exists and that this user can write to")
	}
	return nil
}

// parts checks a database and combines the parts of a server.
func (c ServerConfig) parts(ctx context.Context, database SharedStore, trusted *trustedKeys) (*Parts, error) {
	w, err := c.deploymentKey(ctx, database)
	if err != nil {
		return nil, err
	}
	keys := keyring(database.Deployment(), trusted)
	rows := signed.New(database.Store, keys, w)
	database.Reads.UseProver(rows.Prover())
	records := audit.NewReader(rows, database.Reads, nil)
	e := engine.New(rows, keys, engine.Options{KMSKey: c.KMSKey, Authorizer: access.NewDirectory(),
		MaxDifferences: c.CompareLimit, Trust: trusted.allow, Record: audit.NewChanges(nil),
		Resolved: database.Reads, Records: records, ValueTag: rows.ValueTag})
	rows.OnDelete(forget(database.Reads))
	out := &Parts{
		Engine: asLocalUser{e}, Store: rows, Reads: database.Reads, Keys: keys, Location: "database " + database.Name,
		MayChangeSchema: database.MayChangeSchema, engine: e, signed: rows, trusted: trusted,
		records: records, names: database.names(),
	}
	if database.Replica != nil {
		out.replica = newReplicaReads(out.Engine, rows, database.Replica)
		out.replica.look(ctx, time.Now())
	}
	return out, nil
}

// deploymentKey returns the only deployment key of a database, which must be wrapped by the KMS key of the server.
func (c ServerConfig) deploymentKey(ctx context.Context, database SharedStore) (envelope.WrappedKey, error) {
	if id := database.Deployment(); c.Deployment != "" && id != c.Deployment {
		return envelope.WrappedKey{}, backend.Errorf(backend.CodeCorrupt,
			"database %s belongs to another deployment: it has the id %s, and --deployment says %s", database.Name, id,
			c.Deployment).WithHint("correct the URL or --deployment, or restore the database")
	}
	stored, err := signed.DeploymentKeys(ctx, database.Store)
	switch {
	case err != nil:
		return envelope.WrappedKey{}, err
	case len(stored) != 1:
		return envelope.WrappedKey{}, backend.Errorf(backend.CodeCorrupt, "database %s has %s instead of one",
			database.Name, backend.Plural(len(stored), "deployment key")).WithHint("restore it from a backup")
	case stored[0].KMSKey != c.KMSKey:
		return envelope.WrappedKey{}, backend.Errorf(backend.CodeKeyUnusable,
			"KMS key %s wraps the deployment key of database %s, and --kms-key names %s", stored[0].KMSKey, database.Name,
			c.KMSKey).WithHint("name that key if it is yours; if not, this is not your database, or someone has changed it")
	}
	return stored[0], nil
}

// replaceToken makes an admin token if FirstTokenFile is set and no admin token is valid any more: nobody could make
// one over the network.
func (c ServerConfig) replaceToken(ctx context.Context, p *Parts) (*FirstToken, error) {
	if c.FirstTokenFile == "" || c.Existing {
		return nil, nil
	}
	now := time.Now
	if c.now != nil {
		now = c.now
	}
	valid, err := hasAdmin(ctx, p.Store, now())
	if err != nil || valid {
		return nil, err
	}
	token, change := firstToken()
	change.Name += "-" + now().UTC().Format("20060102-150405") // the expired one may still have the name
	if err := writeToken(c.FirstTokenFile, token); err != nil {
		return nil, err
	}
	if _, err := p.Engine.Apply(withLocalUser(ctx), backend.ChangeSet{Changes: []backend.Change{change}}); err != nil {
		return nil, errors.Join(err, os.Remove(c.FirstTokenFile))
	}
	return &FirstToken{File: c.FirstTokenFile}, nil
}

// hasAdmin reports whether an admin token is valid.
func hasAdmin(ctx context.Context, s store.Store, now time.Time) (valid bool, err error) {
	err = s.View(ctx, func(tx store.Tx) error {
		tokens, err := tx.Tokens(ctx)
		for _, k := range tokens {
			expired := !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt)
			valid = valid || k.Role == backend.RoleAdmin && k.Untrusted == nil && !expired
		}
		return err
	})
	return valid, err
}
