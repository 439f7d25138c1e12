// SPDX-License-Identifier: MPL-2.0

// Package open opens a backend.Service as a configuration describes it: a client of a remote server if an endpoint is
// given, and otherwise the embedded backend in a folder.
//
// An embedded backend is a folder, by default ".pouncet":
//
//	.pouncet/
//	  pouncet.db        SQLite database with metadata and sealed values
//	  pouncet-reads.db  the records of reads in the audit log
//	  config.json       the URIs of the KMS keys that wrap environment keys
//	  kms.key           the default KMS key, a key file with mode 0600
//	  first-token       the first admin token for `pouncet server`, with mode 0600
//	  .gitignore        "*", because nothing in this folder belongs into version control
//
// Anyone who can read both pouncet.db and kms.key can read every value. If that is not acceptable, choose a key of a
// real KMS at initialisation.
package open

import (
	"context"
	"os"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/identity"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
)

// Config says which backend to open. Open does not read environment variables; FromEnvironment does.
type Config struct {
	// For a remote server: Endpoint is its base URL, such as "https://pouncet.example.com", or unix:///PATH for a Unix
	// socket.
	Endpoint  string
	Token     string
	Identity  identity.Source // without a token: how the client logs in
	UserAgent string
	// For the requests to a remote server: see httpapi.ClientOptions.
	CACertFile                    string
	ClientCertFile, ClientKeyFile string
	Retries                       int
	Timeout                       time.Duration
	Waiting                       Waiting
	// Traceparent is the span that the requests belong to, as the variable TRACEPARENT has it.
	Traceparent string

	// For the embedded backend, which Open opens if Endpoint is "".
	// Path is the data folder. "" means the nearest .pouncet folder, from the working folder upwards. If another user owns
	// or can change this folder, Open returns ErrDenied. A folder that Path names is trusted.
	Path   string
	KMSKey string // URI of the KMS key for new environment keys; "" means the one chosen at initialisation

	// KMSObserver sees the calls of the KMS; nil if nobody does.
	KMSObserver kms.Observer

	// CompareLimit is engine.Options.MaxDifferences; 0 is the default.
	CompareLimit int

	// CreateIfAbsent makes Open initialise the embedded backend if it does not exist.
	CreateIfAbsent bool

	// MayRead makes Embedded open a folder that this user may read and not write, as Open does. Then every change fails
	// with ErrDenied, and so does every read of a value, because it cannot be recorded.
	MayRead bool
	// OnlyRead makes Open open a folder for reading, even if this user may write it, with the effects of MayRead. A
	// database of an earlier version is not upgraded: it cannot be opened. It has no effect on a server.
	OnlyRead bool

	searched bool // Path is the result of a search, so that its owner is checked
}

// FromEnvironment is From with the environment of this process.
func FromEnvironment(c Config) Config { return From(c, os.Getenv) }

// From returns c with its empty fields filled from one source of settings.
// lookup returns the setting with the name POUNCET_ENDPOINT, POUNCET_TOKEN, one
// of identity.From, POUNCET_CACERT, POUNCET_CLIENT_CERT, POUNCET_CLIENT_KEY, POUNCET_HOME,
// POUNCET_KMS_KEY or TRACEPARENT, or "". A backend that c
// names already stays: with a path, From does not look up POUNCET_ENDPOINT,
// and with an endpoint, it does not look up POUNCET_HOME. So a caller with
// several sources calls From once for each, in the order of their precedence.
func From(c Config, lookup func(name string) string) Config {
	fill := func(field *string, name string) {
		if *field == "" {
			*field = lookup(name)
		}
	}
	if c.Path == "" {
		fill(&c.Endpoint, "POUNCET_ENDPOINT")
	}
	if c.Endpoint != "" {
		fill(&c.Token, "POUNCET_TOKEN")
		if given := identity.From(lookup); c.Token == "" && !c.Identity.IsAvailable() && given != (identity.Source{}) {
			c.Identity = given
		}
		fill(&c.CACertFile, "POUNCET_CACERT")
		// A certificate and its key come from the same source.
		if c.ClientCertFile == "" && c.ClientKeyFile == "" {
			fill(&c.ClientCertFile, "POUNCET_CLIENT_CERT")
			fill(&c.ClientKeyFile, "POUNCET_CLIENT_KEY")
		}
		fill(&c.Traceparent, "TRACEPARENT")
		return c
	}
	fill(&c.Path, "POUNCET_HOME")
	fill(&c.KMSKey, "POUNCET_KMS_KEY")
	return c
}

// identity returns how a client without a token logs in, or nil.
func (c Config) identity() *httpapi.Identity {
	switch {
	case c.Token != "":
		return nil
	case !c.Identity.IsAvailable() && c.Identity.Trust != "" && c.ClientCertFile != "":
		return &httpapi.Identity{Trust: c.Identity.Trust} // with the certificate
	case !c.Identity.IsAvailable():
		return nil
	}
	return &httpapi.Identity{Trust: c.Identity.Trust, Fetch: func(ctx context.Context) (string, error) {
		return c.Identity.Fetch(ctx, c.Endpoint)
	}}
}

// Backend is an open backend.
type Backend struct {
	backend.Service
	Location string // the endpoint or the folder, for messages
	Created  bool   // Open initialised the backend
	// Upgrade describes the upgrade that Open made; nil for none.
	Upgrade *Upgrade

	parts *Parts     // of an embedded backend
	log   *audit.Log // of an embedded backend
	close func() error
}

// Waiting receives each wait that a server asks for. It is an interface and not a func, so that Configs can be
// compared.
type Waiting interface{ Waiting(d time.Duration) }

func (c Config) waiting() func(time.Duration) {
	if c.Waiting == nil {
		return nil
	}
	return c.Waiting.Waiting
}

// Close closes the backend.
func (b *Backend) Close() error { return b.close() }

// Open opens the backend that c describes. It does not call the server or the KMS. Calls of the embedded backend are
// audited. They run as the local user with the admin role, because a role cannot restrict someone who can open the
// files. A folder that this user may only read is opened too: see Config.MayRead.
func Open(ctx context.Context, c Config) (*Backend, error) {
	if c.Endpoint != "" {
		client, err := httpapi.NewClient(httpapi.ClientOptions{
			Endpoint: c.Endpoint, Token: c.Token, Identity: c.identity(), UserAgent: c.UserAgent, CACertFile: c.CACertFile,
			ClientCertFile: c.ClientCertFile, ClientKeyFile: c.ClientKeyFile,
			RetryMax: c.Retries, Timeout: c.Timeout, Waiting: c.waiting(), Traceparent: c.Traceparent,
		})
		if err != nil {
			return nil, err
		}
		return &Backend{Service: client, Location: c.Endpoint, close: func() error { return nil }}, nil
	}
	created := false
	if c.CreateIfAbsent {
		result, err := Init(ctx, c)
		if err != nil {
			return nil, err
		}
		c.searched = c.searched || c.Path == ""
		c.Path, created = result.Path, !result.Existing
	}
	parts, err := embedded(ctx, c, true)
	if err != nil {
		return nil, err
	}
	parts.expireSome(ctx)
	log := parts.Audited(nil)
	return &Backend{
		Service: asLocalUser{log}, Location: parts.Location, Created: created, Upgrade: parts.Upgrade, parts: parts,
		log: log, close: parts.Close,
	}, nil
}

// Rights returns what the principal of a context may do in an embedded backend: see engine.Engine.
func (b *Backend) Rights(ctx context.Context) (backend.Permissions, error) {
	return b.parts.Rights(withLocalUser(ctx))
}

// Log returns the audit log of an embedded backend, for records that no call of its Service makes.
func (b *Backend) Log() *audit.Log { return b.log }

// asLocalUser adds the local user as the principal of calls that have none. The user counts as a workload: what is
// shown to a person is a reveal (see backend.Ref), which a restricted secret refuses.
type asLocalUser struct{ next backend.Service }

var _ backend.Service = asLocalUser{}

func (s asLocalUser) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	return s.next.Query(withLocalUser(ctx), q)
}

func (s asLocalUser) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	return s.next.Resolve(withLocalUser(ctx), refs)
}

func (s asLocalUser) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	return s.next.Apply(withLocalUser(ctx), set)
}

func withLocalUser(ctx context.Context) context.Context {
	if _, ok := backend.PrincipalFrom(ctx); ok {
		return ctx
	}
	return backend.WithPrincipal(ctx, backend.Principal{
		Name: "local:" + localUser(), Role: backend.RoleAdmin, Kind: backend.Workload,
	})
}

// localUser returns the user's name for the audit log. It does not use os/user, which reads files and is slow. The
// variables are good enough for a log that the same user could edit.
func localUser() string {
	for _, v := range []string{"USER", "LOGNAME", "USERNAME"} {
		if name := os.Getenv(v); name != "" {
			return name
		}
	}
	return "unknown"
}
