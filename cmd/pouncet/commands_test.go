// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// writeBytes is the command bytes FILE TEXT: it writes the text, with the escapes of Go.
func writeBytes(ts *testscript.TestScript, _ bool, args []string) {
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// mode is the command mode OCTAL FILE: it checks the permissions of a file.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// size is the command size N FILE: it checks how many bytes a file or stdout has.
func size(ts *testscript.TestScript, _ bool, args []string) {
	if got := strconv.Itoa(len(ts.ReadFile(args[1]))); got != args[0] {
		ts.Fatalf("%s has %s bytes, want %s", args[1], got, args[0])
	}
}

// setenv is the command setenv NAME FILE [FIELD]: it sets a variable to the
// content of a file or stdout, or to its first JSON field of this name.
func setenv(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSpace(ts.ReadFile(args[1]))
	if len(args) > 2 {
		_, rest, ok := strings.Cut(text, `"`+args[2]+`": "`)
		if !ok {
			ts.Fatalf("no field %s", args[2])
		}
		text, _, _ = strings.Cut(rest, `"`)
	}
	ts.Setenv(args[0], text)
}

// replaceText is the command replace-text FILE OLD NEW: it replaces a text that the file has once. \n is a newline.
func replaceText(ts *testscript.TestScript, _ bool, args []string) {
	old, next := strings.ReplaceAll(args[1], `\n`, "\n"), strings.ReplaceAll(args[2], `\n`, "\n")
	text := ts.ReadFile(args[0])
	if n := strings.Count(text, old); n != 1 {
		ts.Fatalf("%s has the text %d times", args[0], n)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, old, next, 1)), 0o644))
}

// populate is the command populate N ENVIRONMENT: it creates secrets s0000, s0001 and so on, in one call.
func populate(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	b, err := open.Open(context.Background(), open.Config{Path: ts.MkAbs(open.Folder)})
	ts.Check(err)
	defer b.Close()
	changes := make([]backend.Change, n)
	for i := range changes {
		changes[i] = backend.Change{
			Op: backend.OpCreate, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: args[1],
			Name: fmt.Sprintf("s%04d", i), Generate: &backend.Generate{},
		}
	}
	_, err = b.Apply(context.Background(), backend.ChangeSet{Changes: changes})
	ts.Check(err)
}

// replace is the command replace NAME ENVIRONMENT: it makes a secret take the name from another of the same owner.
func replace(ts *testscript.TestScript, _ bool, args []string) {
	b, err := open.Open(context.Background(), open.Config{Path: ts.MkAbs(open.Folder)})
	ts.Check(err)
	defer b.Close()
	owner := "terraform:shop"
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: args[1],
		Name: args[0], Generate: &backend.Generate{}, ManagedBy: &owner, SameOwner: true,
	}
	for range 2 {
		_, err = b.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{c}})
		ts.Check(err)
	}
}

// fixture is the command fixture: it copies the backend that an earlier version made to .pouncet.
func fixture(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(copyFixture(ts.MkAbs("fixture")))
	ts.Check(os.Rename(ts.MkAbs("fixture/backend"), ts.MkAbs(open.Folder)))
	ts.Check(os.RemoveAll(ts.MkAbs("fixture")))
}

// runSQL is the command sql FILE: it changes the database outside Pouncet with the statements in a file.
func runSQL(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(filepath.Join(open.Folder, "pouncet.db")))
	ts.Check(err)
	db.SetMaxOpenConns(1) // a pragma is for its connection only
	_, err = db.ExecContext(context.Background(), ts.ReadFile(args[0]))
	ts.Check(errors.Join(err, db.Close()))
}

// auditLog opens the database and the file with the records of reads as one database.
func auditLog(ts *testscript.TestScript) *sql.DB {
	db, err := sql.Open("sqlite", ts.MkAbs(filepath.Join(open.Folder, "pouncet.db")))
	ts.Check(err)
	db.SetMaxOpenConns(1) // an attached database is for its connection only
	_, err = db.ExecContext(context.Background(), "ATTACH ? AS reads",
		ts.MkAbs(filepath.Join(open.Folder, "pouncet-reads.db")))
	ts.Check(err)
	return db
}

// records is the command records: it prints the audit log, without the changes that were made.
func records(ts *testscript.TestScript, _ bool, _ []string) {
	db := auditLog(ts)
	defer db.Close()
	const columns = "SELECT principal, verb, phase, code, detail, at, seq FROM "
	rows, err := db.QueryContext(context.Background(), "SELECT principal, verb, phase, code, detail FROM ("+
		columns+"record WHERE phase = '' UNION ALL "+columns+"change_record WHERE verb <> 'apply' UNION ALL "+
		columns+"read_record) ORDER BY at, seq")
	ts.Check(err)
	defer rows.Close()
	for rows.Next() {
		var principal, verb, phase, code, detail string
		ts.Check(rows.Scan(&principal, &verb, &phase, &code, &detail))
		fmt.Fprintln(ts.Stdout(), principal, verb, phase, code, detail)
	}
	ts.Check(rows.Err())
}

// makeOld is the command old FILE DAYS: it makes a file older.
func makeOld(ts *testscript.TestScript, _ bool, args []string) {
	days, err := strconv.Atoi(args[1])
	ts.Check(err)
	at := time.Now().AddDate(0, 0, -days)
	ts.Check(os.Chtimes(ts.MkAbs(args[0]), at, at))
}

// get is the command get PATH: it prints the status and body of an answer of the server on $ADDRESS.
func get(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.Get("http://" + ts.Getenv("ADDRESS") + args[0])
	ts.Check(err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s", r.StatusCode, body)
}

// terminate is the command terminate: it sends SIGTERM to all background commands.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGTERM))
	}
}

// await is the command await VERB: it waits until the audit log has a record of this verb. The timeout of go test ends
// the wait for a record that nobody makes.
func await(ts *testscript.TestScript, _ bool, args []string) {
	db := auditLog(ts)
	defer db.Close()
	for n := 0; n == 0; time.Sleep(10 * time.Millisecond) {
		ts.Check(db.QueryRowContext(context.Background(), "SELECT (SELECT count(*) FROM change_record WHERE verb = ?1) + "+
			"(SELECT count(*) FROM read_record WHERE verb = ?1)", args[0]).Scan(&n))
	}
}

// awaitFile is the command awaitfile PATTERN: it waits until a file exists. The timeout of go test ends the wait for a
// file that nobody writes.
func awaitFile(ts *testscript.TestScript, _ bool, args []string) {
	for found := []string(nil); len(found) == 0; time.Sleep(10 * time.Millisecond) {
		var err error
		found, err = filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
	}
}

// awaitText is the command awaittext FILE TEXT: it waits until a file has a text.
func awaitText(ts *testscript.TestScript, _ bool, args []string) {
	for found := false; !found; time.Sleep(10 * time.Millisecond) {
		content, err := os.ReadFile(ts.MkAbs(args[0]))
		found = err == nil && strings.Contains(string(content), args[1])
	}
}
