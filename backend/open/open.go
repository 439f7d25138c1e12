// SPDX-License-Identifier: MPL-2.0

// Package open picks and builds a Service from configuration: a client of a
// remote server where an endpoint is given, the embedded backend in a folder
// otherwise.
//
// An embedded backend is a folder, ".pouncet" unless named:
//
//	.pouncet/
//	  pouncet.db     SQLite: rows and sealed values
//	  config.json    the KMS key that environment keys are wrapped with
//	  kms.key        that key, 0600, where it is the embedded default
//	  first-token    the first admin token for `pouncet server`, 0600
//	  .gitignore     "*": nothing in here belongs into version control
//
// Whoever can read both pouncet.db and kms.key can read every value. Where
// that will not do, name a key of a real KMS at initialisation.
package open

import (
	"context"
	"os"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// Config says which backend to use. Open does not read the environment:
// FromEnvironment fills the fields that are empty from the POUNCET_ variables.
type Config struct {
	// Remote, when Endpoint is set.
	Endpoint  string // base URL, "https://pouncet.example.com"
	Token     string
	UserAgent string
	// Of requests: see httpapi.ClientOptions.
	CACertFile string
	Retries    int
	Timeout    time.Duration

	// Embedded otherwise.
	Path   string // the data folder; "" finds .pouncet upwards from the working folder
	KMSKey string // URI of the KMS key for new environment keys; "" is the one chosen at initialisation

	// CreateIfAbsent initialises the embedded backend where there is none.
	CreateIfAbsent bool
}

// FromEnvironment returns c with its empty fields filled from
// POUNCET_ENDPOINT, POUNCET_TOKEN, POUNCET_CACERT, POUNCET_HOME and POUNCET_KMS_KEY. What c
// says wins as a whole: a path given in c leaves POUNCET_ENDPOINT aside, and
// an endpoint given in c leaves POUNCET_HOME aside.
func FromEnvironment(c Config) Config {
	fill := func(field *string, variable string) {
		if *field == "" {
			*field = os.Getenv(variable)
		}
	}
	if c.Path == "" {
		fill(&c.Endpoint, "POUNCET_ENDPOINT")
	}
	if c.Endpoint != "" {
		fill(&c.Token, "POUNCET_TOKEN")
		fill(&c.CACertFile, "POUNCET_CACERT")
		return c
	}
	fill(&c.Path, "POUNCET_HOME")
	fill(&c.KMSKey, "POUNCET_KMS_KEY")
	return c
}

// Backend is an open backend.
type Backend struct {
	backend.Service
	Where   string // the endpoint or the folder, for messages
	Created bool   // CreateIfAbsent made it just now

	close func() error
}

// Close releases what Open took.
func (b *Backend) Close() error { return b.close() }

// Open opens the backend that c describes. It does not call the server or the
// KMS. The embedded one is audited, and its calls are made for the local user
// as admin: whoever can open the files is not held back by a role.
func Open(ctx context.Context, c Config) (*Backend, error) {
	if c.Endpoint != "" {
		client, err := httpapi.NewClient(httpapi.ClientOptions{
			Endpoint: c.Endpoint, Token: c.Token, UserAgent: c.UserAgent, CACertFile: c.CACertFile, RetryMax: c.Retries, Timeout: c.Timeout,
		})
		if err != nil {
			return nil, err
		}
		return &Backend{Service: client, Where: c.Endpoint, close: func() error { return nil }}, nil
	}
	created := false
	if c.CreateIfAbsent {
		made, err := Init(ctx, c)
		if err != nil {
			return nil, err
		}
		c.Path, created = made.Path, !made.Existing
	}
	parts, err := Embedded(ctx, c)
	if err != nil {
		return nil, err
	}
	service := asLocalUser{audit.Log(parts.Engine, parts.Store, nil)}
	return &Backend{Service: service, Where: parts.Where, Created: created, close: parts.Close}, nil
}

// asLocalUser makes every call for the user whose process this is, where the
// caller has not said for whom.
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
	return backend.WithPrincipal(ctx, backend.Principal{Name: "local:" + localUser(), Role: backend.RoleAdmin})
}

// localUser is the user's name for the audit log. os/user would read files and
// start slowly; the variables are as good for a log that the same user could edit.
func localUser() string {
	for _, v := range []string{"USER", "LOGNAME", "USERNAME"} {
		if name := os.Getenv(v); name != "" {
			return name
		}
	}
	return "unknown"
}
