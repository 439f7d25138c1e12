// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Between a server and PostgreSQL there can be a pooler, such as PgBouncer. In session mode, each connection to the
// pooler keeps one session of PostgreSQL, and everything works. In its other modes, each transaction can get another
// session, which has neither the settings nor the prepared statements of the connection.

// setSession sets what the sessions of a pool need. It is no part of the start of a connection, because PgBouncer
// refuses most settings there.
func setSession(config *pgxpool.Config, settings string) {
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, settings)
		return err
	}
}

// sessionSettings are for all sessions. pg_temp is last, because a temporary table is otherwise used before all others.
// A commit must be on the disk, so synchronous_commit may not be off. A stricter setting of the operator stays.
func sessionSettings() string {
	return `SELECT set_config('search_path', 'pouncet, pg_temp', false)` +
		`, set_config('lock_timeout', '` + milliseconds(lockTimeout) + `', false)` +
		`, set_config('idle_in_transaction_session_timeout', '` + milliseconds(idleTimeout) + `', false)` +
		`, CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END`
}

// changeSettings are also for sessions of changes. They run the same statements again and again, with arrays of
// different lengths, for which PostgreSQL would otherwise make another plan each time.
const changeSettings = `, set_config('plan_cache_mode', 'force_generic_plan', false)`

// checkSessions returns an error if a connection does not keep its session.
func (s *Store) checkSessions(ctx context.Context, config *pgx.ConnConfig) error {
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return s.beginError(ctx, err)
	}
	defer c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	session, err := sessionOf(ctx, c)
	if err != nil || session == c.PgConn().PID() { // PostgreSQL itself: a pooler tells another number
		return s.beginError(ctx, err)
	}
	other, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return s.beginError(ctx, err)
	}
	defer other.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	return s.compareSessions(ctx, c, other, session)
}

// compareSessions lets another connection begin a transaction. If that has the session of the first connection, or if
// the first one has another session during the transaction, the connections have no sessions for themselves.
func (s *Store) compareSessions(ctx context.Context, c, other *pgx.Conn, session uint32) error {
	const tries = 5 // another client of the pooler can get a session in between
	for range tries {
		if _, err := other.Exec(ctx, "BEGIN READ ONLY"); err != nil {
			if sqlState(err) == protocolViolation { // the pooler allows no transaction
				return s.poolerError(backend.CodeInvalid)
			}
			return s.beginError(ctx, err)
		}
		taken, err := sessionOf(ctx, other)
		if err == nil && taken == session {
			return s.poolerError(backend.CodeInvalid)
		}
		if err == nil {
			taken, err = sessionOf(ctx, c)
		}
		if err == nil {
			_, err = other.Exec(ctx, "COMMIT")
		}
		if err != nil {
			return s.beginError(ctx, err)
		}
		if taken != session {
			return s.poolerError(backend.CodeInvalid)
		}
	}
	return nil
}

// sessionOf returns the number of the process of PostgreSQL that answers.
func sessionOf(ctx context.Context, c *pgx.Conn) (session uint32, err error) {
	err = c.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&session)
	return session, err
}

// isPooler reports whether a prepared statement is in another session than the one that has prepared it.
func isPooler(err error) bool {
	state := sqlState(err)
	return state == noSuchStatement || state == statementExists
}

// poolerError has the code invalid when a server starts, and unavailable for a call, which is not at fault.
func (s *Store) poolerError(code backend.Code) *backend.Error {
	return backend.Errorf(code,
		"database %s is behind a connection pooler that gives each transaction another session", s.name).
		WithHint("set pool_mode = session in PgBouncer, or use the URL of PostgreSQL itself")
}
