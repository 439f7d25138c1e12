// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

// ExpectedSchema is what the program expects of a new database.
var ExpectedSchema = current()[current().version()-1].result

// Version is the version of the schema of this program.
var Version = current().version()

// SchemaFile is the file with it.
var SchemaFile = "migrations/" + current()[current().version()-1].name + ".txt"

// SchemaOf returns what this file should have.
func SchemaOf(ctx context.Context, address string) (string, error) {
	s, err := connect(ctx, address, current())
	if err != nil {
		return "", err
	}
	defer s.Close() //nolint:errcheck // it always returns nil
	var lines []string
	err = s.view(ctx, func(*tx, *pgx.Batch) {}, func(t store.Tx) error {
		present, err := t.(*tx).schemaObjects(ctx)
		for line := range present {
			lines = append(lines, line+"\n")
		}
		return err
	})
	slices.Sort(lines)
	return strings.Join(lines, ""), err
}

// OnCommit sets what is called at each commit with the number of calls of Update that share the transaction.
func OnCommit(s *Store, f func(calls int)) { s.onCommit = f }

// Waiting returns how many calls of Update wait for another one.
func Waiting(s *Store) int { return s.queue.Waiting() }

// Program is a version of the program. The zero value is this one.
type Program struct {
	less int // how many versions it is older
	more []step
}

// OfVersion returns the program that knows this version of the schema.
func OfVersion(n int) Program { return Program{less: len(current()) - n} }

// WithMigration returns the version after p. The text of a migration begins with the number works_with.
func (p Program) WithMigration(t testing.TB, name, text string) Program {
	t.Helper()
	next := Program{less: p.less, more: append(slices.Clone(p.more), newStep(name, text, ""))}
	address := postgrestest.Database(t)
	if err := next.Create(t.Context(), address, func(context.Context, store.Store) error { return nil }); err != nil {
		t.Fatal(err)
	}
	result, err := SchemaOf(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	next.more[len(next.more)-1].result = result
	return next
}

func (p Program) schema() schema { return slices.Concat(current()[:len(current())-p.less], p.more) }

func (p Program) Open(ctx context.Context, address string) (*Store, error) {
	return openWith(ctx, address, p.schema())
}

func (p Program) Create(
	ctx context.Context, address string, fill func(context.Context, store.Store) error,
) error {
	return createWith(ctx, address, p.schema(), fill)
}

func (p Program) Migrate(ctx context.Context, address, role string) (Migration, error) {
	return migrate(ctx, address, role, p.schema())
}

func (p Program) Check(ctx context.Context, address, role string) (Migration, error) {
	return checkMigration(ctx, address, role, p.schema())
}

// Append adds a statement to the last migration.
func (p Program) Append(statement string) { p.more[len(p.more)-1].text += ";" + statement }

// SetStatementTimeout replaces the time limit of a statement that does not end with its call.
func SetStatementTimeout(s *Store, d time.Duration) { s.timeout.Store(int64(d)) }

// RaiseTimeline does what a connection to a new primary does.
func RaiseTimeline(s *Store) { s.timeline.Add(1) }

// Requests counts the round trips of changes, and their statements.
type Requests struct{ RoundTrips, Statements int }

// CountRequests counts what the store sends for changes from now on.
func CountRequests(t *testing.T, s *Store) *Requests {
	t.Helper()
	r := &Requests{}
	config := s.changes.Config()
	config.ConnConfig.Tracer = (*tracer)(r)
	s.changes.Close()
	var err error
	if s.changes, err = pgxpool.NewWithConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	return r
}

type tracer Requests

func (r *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	r.RoundTrips, r.Statements = r.RoundTrips+1, r.Statements+1
	return ctx
}

func (*tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (r *tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	r.RoundTrips, r.Statements = r.RoundTrips+1, r.Statements+d.Batch.Len()
	return ctx
}

func (*tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (*tracer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// OnStateRead sets what runs before each statement that reads states for several views.
func OnStateRead(s *Store, f func()) { s.states.onRead = f }

// WaitingForStates reports whether a view waits for the next such statement, and with how many names of states.
func WaitingForStates(s *Store) int {
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	if s.states.next == nil {
		return 0
	}
	return len(s.states.next.names)
}

// RepeatedPlans returns how many plans PostgreSQL has made for statements of the open connections because of their
// arguments.
func RepeatedPlans(t *testing.T, s *Store) map[string]int64 {
	t.Helper()
	plans := map[string]int64{}
	for _, pool := range []*pgxpool.Pool{s.changes, s.views} {
		for _, c := range pool.AcquireAllIdle(t.Context()) {
			rows, err := c.Query(t.Context(), "SELECT statement, custom_plans FROM pg_prepared_statements")
			if err == nil {
				err = scanAll(rows, func(rows pgx.Rows) error {
					var text string
					var n int64
					err := rows.Scan(&text, &n)
					plans[text] = max(plans[text], n)
					return err
				})
			}
			if err != nil {
				t.Error(err)
			}
			c.Release()
		}
	}
	return plans
}

// AppendWithoutAnswer appends a record to a log that the server has for itself, as if the connection broke before the
// answer. meanwhile may be nil.
func AppendWithoutAnswer(s *Store, r store.Record, lost error, meanwhile func()) error {
	l, ctx := s.reads, context.Background()
	before := l.own[r.Log].row
	if done, _ := l.appendAlone(ctx, []store.Record{r}); !done {
		return errors.New("another server uses the log")
	}
	if meanwhile != nil {
		meanwhile()
	}
	unknown := &unknownAppend{before: before, after: l.own[r.Log].row, err: lost}
	_, err := l.commitTo(ctx, &queue.Batch{Records: []store.Record{r}}, true, unknown)
	return err
}

// OnWrite sets what runs before each batch of records of reads.
func OnWrite(s *Store, f func(records int)) { s.reads.onWrite = f }

// WaitingRecords returns how many calls wait for the next batch.
func WaitingRecords(s *Store) int { return s.reads.queue.Waiting() }

// SettingsOf returns settings of the sessions of changes and of those of reads.
func SettingsOf(t *testing.T, s *Store, names ...string) (changes, reads []string) {
	t.Helper()
	of := func(pool *pgxpool.Pool) (out []string) {
		for _, name := range names {
			var value string
			if err := pool.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value); err != nil {
				t.Fatal(err)
			}
			out = append(out, value)
		}
		return out
	}
	return of(s.changes), of(s.views)
}
