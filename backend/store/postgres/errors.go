// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The SQLSTATEs that have a meaning here: see appendix A of the manual of PostgreSQL.
const (
	uniqueViolation      = "23505"
	foreignKeyViolation  = "23503"
	readOnlyTransaction  = "25006"
	idleInTransaction    = "25P03"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	adminShutdown        = "57P01"
	insufficientRight    = "42501"
	undefinedTable       = "42P01"
	undefinedColumn      = "42703"
	invalidSchemaName    = "3F000"
	undefinedObject      = "42704"
	invalidParameter     = "22023"
	cannotChangeNow      = "55P02"
	notInState           = "55000"
	noDatabase           = "3D000"
	badCharacter         = "22021"
	diskFull             = "53100"
	tooManyConnections   = "53300"
	programLimit         = "54000"
	lockNotAvailable     = "55P03"
	queryCanceled        = "57014"
	protocolViolation    = "08P01"
	noSuchStatement      = "26000"
	statementExists      = "42P05"
)

// sqlState returns the SQLSTATE of an error, or "".
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// runsAgain reports whether PostgreSQL has rolled back a transaction that can succeed when it runs again. An
// administrator may have ended the session.
func runsAgain(err error) bool {
	state := sqlState(err)
	return state == serializationFailure || state == deadlockDetected || state == adminShutdown
}

// translate turns an error of pgx into a *backend.Error. It returns a *backend.Error unchanged.
func (s *Store) translate(err error) error {
	var known *backend.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	}
	out := s.classify(err)
	out.Err = err // it is not shown: see the package comment
	return out
}

// classify chooses the error for one of pgx.
func (s *Store) classify(err error) *backend.Error {
	state := sqlState(err)
	switch {
	case isLeft(err):
		return s.statesMissing()
	case errors.As(err, new(*pgconn.ConnectError)) && s.classifyConnect(state) != nil:
		return s.classifyConnect(state)
	case state != "":
		return s.classifyState(state)
	case s.closed.Load():
		return backend.Errorf(backend.CodeUnavailable, "database %s is closed", s.name)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return backend.Errorf(backend.CodeUnavailable, "database %s did not answer before the end of the call", s.name).
			WithHint("try again; if it stays so, look for a lock or for load: see pg_stat_activity")
	}
	return s.unreachable()
}

func (s *Store) unreachable() *backend.Error {
	return backend.Errorf(backend.CodeUnavailable, "database %s cannot be reached, or the connection to it broke", s.name).
		WithHint("check that it runs and accepts connections from this machine, and the host, port and sslmode of its URL")
}

// classifyConnect returns the error of a SQLSTATE that means something else before a session has begun, or nil.
func (s *Store) classifyConnect(state string) *backend.Error {
	switch state {
	case undefinedObject, invalidParameter, cannotChangeNow:
		return backend.Errorf(backend.CodeInvalid, "database %s does not accept a setting in its URL", s.name).
			WithHint("correct the part after ? in the URL: it may hold settings such as sslmode and connect_timeout, and " +
				"parameters that a session may set")
	case insufficientRight:
		return backend.Errorf(backend.CodeUnavailable, "the PostgreSQL role in the URL may not connect to database %s, or "+
			"may not set a parameter in the URL", s.name).
			WithHint("run GRANT CONNECT ON DATABASE for the role, or remove the parameter")
	case protocolViolation: // of a pooler, which has no other state
		return backend.Errorf(backend.CodeUnavailable, "the connection pooler of database %s refuses the connection", s.name).
			WithHint("leave out parameters in the URL that the pooler does not accept, and check that the pooler has the " +
				"database, the role and free connections; see its log")
	case notInState:
		return backend.Errorf(backend.CodeUnavailable, "database %s does not allow connections", s.name).
			WithHint("allow them: ALTER DATABASE NAME WITH ALLOW_CONNECTIONS true; or correct the URL")
	}
	return nil
}

// classifyState maps the SQLSTATEs to errors.
func (s *Store) classifyState(state string) *backend.Error {
	switch state {
	case uniqueViolation:
		return backend.Errorf(backend.CodeExists, "the row already exists in database %s", s.name)
	case readOnlyTransaction:
		return s.readOnlyError()
	case insufficientRight:
		return s.rightsError()
	case undefinedTable, undefinedColumn, invalidSchemaName:
		if s.replica {
			return backend.Errorf(backend.CodeUnavailable, "database %s holds no data of Pouncet", s.name).WithHint(hintReplica)
		}
		return s.changedError("a table or a column is missing")
	case noSuchStatement, statementExists: // the replica is not asked at the start; a pooler can change later
		return s.poolerError(backend.CodeUnavailable)
	case noDatabase:
		return backend.Errorf(backend.CodeUnavailable, "database %s does not exist", s.name).
			WithHint("create it: CREATE DATABASE; or correct the URL")
	case badCharacter:
		return backend.Errorf(backend.CodeInvalid, "database %s cannot store a text with a NUL character", s.name)
	case diskFull:
		return backend.Errorf(backend.CodeStorageFull, "the disk of database %s is full; nothing was changed", s.name).
			WithHint("free some space and try again")
	case tooManyConnections:
		return backend.Errorf(backend.CodeUnavailable, "database %s accepts no more connections", s.name).
			WithHint("raise max_connections, or limit those of each server with pool_max_conns in the URL")
	case programLimit:
		return backend.Errorf(backend.CodeTooLarge, "the row is too large for database %s", s.name)
	case lockNotAvailable:
		return backend.Errorf(backend.CodeUnavailable, "database %s is locked by another server (waited %s)", s.name,
			lockTimeout).WithHint("try again, or end the other transaction: see pg_locks")
	case queryCanceled, idleInTransaction:
		return backend.Errorf(backend.CodeUnavailable, "database %s ended a statement that took too long", s.name).
			WithHint("try again; see the log of PostgreSQL")
	case serializationFailure, deadlockDetected:
		return backend.Errorf(backend.CodeUnavailable, "database %s ended a transaction for another one", s.name).
			WithHint("try again")
	}
	switch state[:2] {
	case "28": // invalid authorization
		return backend.Errorf(backend.CodeUnavailable, "database %s refuses the login of this server", s.name).
			WithHint("check the user, the password and the sslmode of the URL, and pg_hba.conf")
	case "08", "57": // connection exception, operator intervention
		return s.unreachable()
	case "53", "58": // insufficient resources, system error
		return backend.Errorf(backend.CodeUnavailable, "database %s lacks a resource (SQLSTATE %s)", s.name, state).
			WithHint("see the log of PostgreSQL")
	case "XX":
		return backend.Errorf(backend.CodeCorrupt, "database %s reports damage (SQLSTATE %s)", s.name, state).
			WithHint("see the log of PostgreSQL; restore the database from a backup")
	}
	// No text of PostgreSQL: it can quote a row.
	return backend.Errorf(backend.CodeInternal, "a statement failed in database %s (SQLSTATE %s)", s.name, state)
}

// readOnlyError also closes the connections: a session stays read-only after the database is not, or it belongs to a
// former primary.
func (s *Store) readOnlyError() *backend.Error {
	s.views.Reset()
	s.changes.Reset()
	return backend.Errorf(backend.CodeUnavailable, "database %s is read-only", s.name).
		WithHint("use the URL of the primary; several hosts and target_session_attrs=read-write in the URL find it")
}

func (s *Store) rightsError() *backend.Error {
	return backend.Errorf(backend.CodeUnavailable, "the role of the URL may not read or write in database %s", s.name).
		WithHint("grant what a server needs: pouncet server migrate --apply --serving-role NAME, as the owner of the " +
			"tables; for a new database, CREATE on the database")
}

func (s *Store) changedError(format string, args ...any) *backend.Error {
	return backend.Errorf(backend.CodeCorrupt, "the schema of database %s was changed outside Pouncet: "+format,
		append([]any{s.name}, args...)...).
		WithHint("restore the database from a backup")
}

// brokenCommit is the error of a commit without an answer.
func (s *Store) brokenCommit(cause error) error {
	e := backend.Errorf(backend.CodeUnavailable,
		"the connection to database %s broke during a commit: the change may have been made", s.name).
		WithHint("look whether it was, or repeat a change set with its idempotency key")
	e.Err = cause
	return e
}
