// SPDX-License-Identifier: MPL-2.0

package postgrestest

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Template makes databases that start with the same rows. Fill runs once for each database. Later tests use the
// database again and get the rows of Fill back, because creating the tables takes longer than most tests. A test may
// change rows, but no tables.
type Template[T any] struct {
	// Fill creates the tables and rows in an empty database. What it returns is for each test that uses the database.
	// dir is a folder that exists until all tests of the package have run.
	Fill func(t testing.TB, address, dir string) T

	mu   sync.Mutex
	idle []filled[T]
}

type filled[T any] struct {
	name    string
	content T
	conn    *pgx.Conn // stays open, because PostgreSQL starts a process for each connection
}

// keepRows copies all rows to the schema initial, and restoreRows copies them back. The role replica does not check
// foreign keys, so the order of the tables does not matter.
const (
	keepRows = `CREATE SCHEMA initial;
		DO $$ DECLARE name text; BEGIN
			FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'pouncet' LOOP
				EXECUTE format('CREATE TABLE initial.%1$I AS TABLE pouncet.%1$I', name);
			END LOOP;
		END $$`
	restoreRows = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid();
		SET session_replication_role = replica;
		DO $$ DECLARE name text; BEGIN
			FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'initial' LOOP
				EXECUTE format('DELETE FROM pouncet.%I', name);
				EXECUTE format('INSERT INTO pouncet.%1$I SELECT * FROM initial.%1$I', name);
			END LOOP;
		END $$`
)

// Database returns the URL of a filled database on the shared server, for one test, and what Fill returned.
func (p *Template[T]) Database(t testing.TB) (address string, content T) {
	t.Helper()
	s := Shared(t)
	d, ok := p.takeIdle()
	if !ok {
		d = p.create(t, s)
	}
	t.Cleanup(func() {
		if _, err := d.conn.Exec(context.Background(), restoreRows); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.idle = append(p.idle, d)
	})
	return s.URL(d.name), d.content
}

func (p *Template[T]) takeIdle() (d filled[T], ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		d, p.idle = p.idle[n-1], p.idle[:n-1]
		return d, true
	}
	return d, false
}

func (p *Template[T]) create(t testing.TB, s *Server) filled[T] {
	t.Helper()
	dir, err := os.MkdirTemp("", "pouncet-pg-")
	if err != nil {
		t.Fatal(err)
	}
	shared.mu.Lock()
	shared.folders = append(shared.folders, dir)
	shared.mu.Unlock()
	d := filled[T]{name: s.create(t)}
	d.content = p.Fill(t, s.URL(d.name), dir)
	ctx := context.WithoutCancel(t.Context())
	if d.conn, err = pgx.Connect(ctx, s.URL(d.name)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.conn.Exec(ctx, keepRows); err != nil {
		t.Fatal(err)
	}
	return d
}
