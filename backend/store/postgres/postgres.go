// SPDX-License-Identifier: MPL-2.0

// Package postgres implements [store.Store] with PostgreSQL 15 or later. It is the database of several servers.
//
// # How it uses PostgreSQL
//
// Everything is in the PostgreSQL schema "pouncet" of one database. A View is one snapshot. Changes of all servers run
// one after the other: each transaction first takes an advisory lock of the database, see transaction.go. Calls of
// Update at the same time share a transaction, see package queue. Records of reads are in separate tables and do not
// wait for changes, see readlog.go.
//
// The first statement of a transaction is sent together with BEGIN, and the last one together with COMMIT. So most
// transactions wait for the network as often as they have statements of their own.
//
// # Errors
//
// The SQLSTATE decides which [backend.Error] is returned, never a text: see errors.go. An error names the database by
// its host, port and name. It has no text of pgx, because some of these texts quote the URL, which has the password.
//
// # Limits
//
// A transaction that has ended for PostgreSQL but whose connection broke before the answer is reported as failed, with
// an error that says so. PgBouncer works in its session mode only: see pooler.go.
package postgres

import (
	"context"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

const (
	// lockTimeout is how long a change waits for the change of another server.
	lockTimeout = 30 * time.Second
	// idleTimeout is how long a change of a server that does nothing keeps the others from changing anything.
	idleTimeout = 60 * time.Second
	// connectTimeout replaces the default of pgx, which has none.
	connectTimeout = 10 * time.Second
	// pingTimeout is how long a connection that was idle may take to answer before it is used.
	pingTimeout = 5 * time.Second
	// statementTimeout limits a statement of a change, which does not end with its call: other calls share the
	// transaction. It is shorter than the deadline of a call.
	statementTimeout = 20 * time.Second
)

// Store is an open database.
type Store struct {
	store.Proving

	name       string // for messages: it has no credentials
	target     string // target_session_attrs: which of several hosts the URL means
	deployment string
	schema     schema // that this program knows
	queue      queue.Queue
	commits    backend.CommitCount
	views      *pgxpool.Pool
	changes    *pgxpool.Pool // of changes and records, so that they do not wait for views
	states     stateReads
	reads      *ReadLog
	close      func()
	closed     atomic.Bool
	timeout    atomic.Int64    // statementTimeout; tests set it
	timeline   atomic.Int64    // the highest that a connection has told
	transfer   bool            // the database may be one that is moved
	replica    bool            // the database is named as a replica of another one
	onCommit   func(calls int) // tests set it, to learn how many calls of Update share a commit
}

var _ store.Store = (*Store)(nil)

// CommitCount counts the commits and the calls of Update that shared them.
func (s *Store) CommitCount() *backend.CommitCount { return &s.commits }

// Open opens the database that a URL names, as postgres://USER:PASSWORD@HOST:PORT/NAME. ErrNotFound means that it holds
// no data of Pouncet. ErrInvalid means that the URL is invalid, or that the database or its schema has a version that
// this program cannot use. ErrDenied means that the role lacks a right.
func Open(ctx context.Context, address string) (*Store, error) {
	return openWith(ctx, address, current())
}

func openWith(ctx context.Context, address string, known schema) (*Store, error) {
	s, err := connect(ctx, address, known)
	if err != nil {
		return nil, err
	}
	if s.deployment, err = s.checkSchema(ctx); err != nil {
		_ = s.Close() // nothing was written
		return nil, err
	}
	return s, nil
}

// connect connects to a database, which need not hold data of Pouncet.
func connect(ctx context.Context, address string, known schema) (*Store, error) {
	s, err := newStore(ctx, address, known)
	if err != nil {
		return nil, err
	}
	err = s.checkSessions(ctx, s.changes.Config().ConnConfig)
	if err == nil {
		err = s.checkServer(ctx)
	}
	if err != nil {
		_ = s.Close() // nothing was written
		if isPooler(err) {
			err = s.poolerError(backend.CodeInvalid)
		}
		return nil, err
	}
	return s, nil
}

// newStore returns a Store that has not connected yet.
func newStore(ctx context.Context, address string, known schema) (*Store, error) {
	config, err := parse(address)
	if err != nil {
		return nil, err
	}
	s := &Store{name: databaseName(config.ConnConfig), target: parameter(address, "target_session_attrs"), schema: known}
	s.timeout.Store(int64(statementTimeout))
	s.queue.Begin, s.queue.Ended = s.beginChanges, s.translate
	s.states.store, s.reads = s, newReadLog(s)
	s.followTimeline(config)
	changes := config.Copy()
	if config.MaxConns = maxConns(address); config.MaxConns == 0 {
		config.MaxConns = int32(min(max(4*runtime.GOMAXPROCS(0), 8), 32))
	}
	changes.MaxConns, changes.MinConns = 3, 0 // a change, a batch of records, and a check
	setSession(config, sessionSettings())
	setSession(changes, sessionSettings()+changeSettings)
	if s.views, err = pgxpool.NewWithConfig(ctx, config); err == nil {
		s.changes, err = pgxpool.NewWithConfig(ctx, changes)
	}
	if err != nil {
		return nil, urlError()
	}
	s.close = sync.OnceFunc(func() {
		s.closed.Store(true)
		s.views.Close()
		s.changes.Close()
	})
	return s, nil
}

// urlSchemes are those that libpq has.
var urlSchemes = []string{"postgres://", "postgresql://"}

// parse reads a URL. Unlike the errors of pgx and net/url, its errors do not quote the URL.
func parse(address string) (*pgxpool.Config, error) {
	if !strings.HasPrefix(address, urlSchemes[0]) && !strings.HasPrefix(address, urlSchemes[1]) {
		return nil, urlError()
	}
	if u, err := url.Parse(address); err != nil || misplaced(u) {
		return nil, urlError()
	}
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, urlError()
	}
	if config.ConnConfig.Database == "" { // PostgreSQL would take the name of the user
		return nil, backend.Errorf(backend.CodeInvalid, "the URL of the database does not name a database").
			WithHint("write its name at the end of the URL: postgres://USER@HOST:PORT/NAME")
	}
	config.PingTimeout = pingTimeout
	c := config.ConnConfig
	if c.ValidateConnect == nil && len(hostsOf(c)) > 1 && !strings.Contains(address, "target_session_attrs=") {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "pouncet"
	}
	return config, nil
}

// misplaced reports whether a part of a URL was probably meant as another: a password with a slash or a question mark
// that is not escaped ends the host, and would become the name of the database.
func misplaced(u *url.URL) bool {
	if u.Fragment != "" || strings.ContainsAny(strings.TrimPrefix(u.EscapedPath(), "/"), "/@") {
		return true
	}
	for key := range u.Query() {
		if strings.Contains(key, "@") {
			return true
		}
	}
	return false
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// maxConns returns the setting pool_max_conns of a URL, or 0.
func maxConns(address string) int32 {
	var n int32
	_, _ = fmt.Sscan(parameter(address, "pool_max_conns"), &n) // ParseConfig has checked it
	return n
}

// parameter returns a parameter of a URL that parse has checked.
func parameter(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Query().Get(name)
}

func urlError() error {
	return backend.Errorf(backend.CodeInvalid, "the URL of the database is not valid").
		WithHint("write postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=verify-full, with special characters of the " +
			"password as %%XX; the files that its settings name must exist")
}

// databaseName names a database in messages, without credentials.
func databaseName(c *pgx.ConnConfig) string {
	if strings.HasPrefix(c.Host, "/") {
		return fmt.Sprintf("%s on socket %s port %d", c.Database, c.Host, c.Port)
	}
	return strings.Join(hostsOf(c), ",") + "/" + c.Database
}

// hostsOf returns the hosts of a URL, with their ports.
func hostsOf(c *pgx.ConnConfig) []string {
	hosts := []string{fmt.Sprintf("%s:%d", c.Host, c.Port)}
	for _, f := range c.Fallbacks { // a host is there twice if TLS is optional
		if h := fmt.Sprintf("%s:%d", f.Host, f.Port); !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// Deployment returns the id that the database got when it was created.
func (s *Store) Deployment() string { return s.deployment }

// Name names the database in messages. It has no credentials.
func (s *Store) Name() string { return s.name }

// Close waits for running transactions and closes the connections. Later calls return ErrUnavailable.
func (s *Store) Close() error {
	s.close()
	return nil
}

// minVersion is the oldest version of PostgreSQL, as server_version_num has it.
const minVersion = 150000

// checkServer checks what a database must have, whatever is in it.
func (s *Store) checkServer(ctx context.Context) error {
	var version int
	var number, encoding string
	var standby bool
	err := s.changes.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'),
		current_setting('server_encoding'), current_setting('transaction_read_only') = 'on'`).
		Scan(&version, &number, &encoding, &standby)
	switch {
	case err != nil:
		return s.beginError(ctx, err)
	case version < minVersion:
		return backend.Errorf(backend.CodeInvalid, "database %s runs on PostgreSQL %s", s.name, number).
			WithHint("use PostgreSQL 15 or later")
	case encoding != "UTF8":
		return backend.Errorf(backend.CodeInvalid, "database %s has the encoding %s", s.name, encoding).
			WithHint("create one with the encoding UTF8: CREATE DATABASE pouncet TEMPLATE template0 ENCODING 'UTF8'")
	case standby:
		return s.readOnlyError()
	}
	return nil
}

// Check returns an error if a call could not read or write the database, or if its schema was changed. Its cost does
// not depend on the size of the database.
func (s *Store) Check(ctx context.Context) error {
	var readOnly bool
	err := s.changes.QueryRow(ctx, "SELECT current_setting('transaction_read_only') = 'on'").Scan(&readOnly)
	switch {
	case err != nil:
		return s.beginError(ctx, err)
	case readOnly:
		return s.readOnlyError()
	}
	deployment, err := s.checkSchema(ctx)
	if err == nil && deployment != s.deployment {
		err = s.replacedError()
	}
	return err
}

// replacedError is the error of a database that another one has replaced since it was opened.
func (s *Store) replacedError() error {
	if s.replica {
		return backend.Errorf(backend.CodeUnavailable, "database %s belongs to another deployment", s.name).
			WithHint(hintReplica)
	}
	return backend.Errorf(backend.CodeUnavailable, "database %s was replaced while it was open", s.name).
		WithHint("restore it, and restart the servers")
}

// CheckIntegrity returns an error if the table of the ids does not fit the table of the objects: it leads callers to an
// object, and no signature covers it.
func (s *Store) CheckIntegrity(ctx context.Context) error {
	var wrong int
	err := s.views.QueryRow(ctx, `SELECT count(*) FROM object o FULL JOIN object_id i ON i.id = o.id
		WHERE o.project IS DISTINCT FROM i.project`).Scan(&wrong)
	switch {
	case err != nil:
		return s.translate(err)
	case wrong > 0:
		return backend.Errorf(backend.CodeCorrupt, "%s in the table object_id of database %s were changed outside Pouncet",
			backend.Plural(wrong, "row"), s.name).WithHint("restore the database from a backup")
	}
	return nil
}

// Reads holds the records of reads, dry runs and refusals.
func (s *Store) Reads() *ReadLog { return s.reads }
