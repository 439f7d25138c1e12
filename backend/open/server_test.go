// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/onpostgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// serverConfig returns the settings of servers that share a new database.
func serverConfig(t *testing.T) open.ServerConfig {
	t.Helper()
	return serverConfigOf(postgrestest.Database(t), "file://"+filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key")))
}

func serverConfigOf(address, kmsKey string) open.ServerConfig {
	return open.ServerConfig{KMSKey: kmsKey, Database: onpostgres.Database(address, "")}
}

// server starts a server without its network.
func server(t *testing.T, c open.ServerConfig) (*open.Parts, *open.FirstToken) {
	t.Helper()
	parts, first, err := open.Server(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	return parts, first
}

// refusedServer starts a server that must not start.
func refusedServer(t *testing.T, c open.ServerConfig, want error, says ...string) {
	t.Helper()
	parts, _, err := open.Server(t.Context(), c)
	if err == nil {
		_ = parts.Close()
	}
	if !errors.Is(err, want) {
		t.Errorf("the server starts with %v, want the code of %v", err, backend.AsError(want).Code)
		return
	}
	for _, part := range says {
		if text := err.Error() + " " + backend.AsError(err).Hint; !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
}

func isAdmin(t *testing.T, parts *open.Parts, token string) bool {
	t.Helper()
	p, err := access.Authenticate(t.Context(), parts.Store, token, time.Now())
	return err == nil && p.Role == backend.RoleAdmin
}

// The errors that callers of a server get say nothing of the host of its database.
func TestErrorsOfAServerNameNoHost(t *testing.T) {
	c := serverConfig(t)
	parts, _ := server(t, c)
	hidden := httpapi.NewPlaces(func(error) {})
	names := parts.DatabaseNames()
	for name, short := range names {
		hidden.Rename(name, short)
	}
	if len(names) != 1 {
		t.Fatalf("the names of the databases are %v", names)
	}
	if err := parts.Store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := parts.Engine.Query(t.Context(), backend.Query{Kind: backend.KindProject})
	for name, short := range names {
		want := strings.ReplaceAll(backend.AsError(err).Message, name, short)
		got := backend.AsError(hidden.Hide(err)).Message
		if !strings.Contains(err.Error(), name) || got != want || strings.ContainsAny(short, ":/") || short == "" {
			t.Errorf("callers get %q of %v", got, err)
		}
	}
}

func TestTheFirstServerCreatesTheDatabase(t *testing.T) {
	c := serverConfig(t)
	first, token := server(t, c)
	if token == nil || !token.New || !isAdmin(t, first, token.Token) {
		t.Fatalf("the first token is %+v", token)
	}
	if err := set(t, first.Engine, "a value"); err != nil {
		t.Fatal(err)
	}
	second, none := server(t, c)
	if none != nil {
		t.Error("the second server makes a token too")
	}
	if got, err := get(t, second.Engine); got != "a value" || err != nil {
		t.Errorf("the second server reads %q, %v", got, err)
	}
	if found, err := second.Verify(t.Context()); len(found) > 0 || err != nil {
		t.Errorf("the check finds %v, %v", found, err)
	}
}

func TestOfManyServersOneCreatesTheDatabase(t *testing.T) {
	c := serverConfig(t)
	if err := kms.CreateFile(c.KMSKey); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var tokens []string
	ids := map[string]bool{}
	var starters sync.WaitGroup
	for range 8 {
		starters.Go(func() {
			parts, first, err := open.Server(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			defer parts.Close()
			mu.Lock()
			defer mu.Unlock()
			ids[parts.Store.Deployment()] = true
			if first != nil {
				tokens = append(tokens, first.Token)
			}
		})
	}
	starters.Wait()
	if len(tokens) != 1 || len(ids) != 1 {
		t.Errorf("%d first tokens and the deployments %v, want one", len(tokens), ids)
	}
}

// A server that fails while it creates the database leaves it empty.
func TestACreationThatFailsLeavesTheDatabaseEmpty(t *testing.T) {
	c := serverConfig(t)
	c.FirstTokenFile = filepath.Join(t.TempDir(), "first-token")
	if err := os.WriteFile(c.FirstTokenFile, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	refusedServer(t, c, backend.ErrExists, c.FirstTokenFile, "--first-token-file")
	if text, err := os.ReadFile(c.FirstTokenFile); string(text) != "mine" || err != nil {
		t.Errorf("the file has %q, %v", text, err)
	}
	existing := c
	existing.Existing = true
	refusedServer(t, existing, backend.ErrNotFound, "holds no data of Pouncet")
	if err := os.Remove(c.FirstTokenFile); err != nil {
		t.Fatal(err)
	}
	parts, first := server(t, c)
	text, err := os.ReadFile(c.FirstTokenFile)
	if err != nil || first == nil || first.Token != "" || !isAdmin(t, parts, strings.TrimSpace(string(text))) {
		t.Errorf("the file has %q, %v; the server returns %+v", text, err, first)
	}
	if info, err := os.Stat(c.FirstTokenFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	// The file stays, and a restart with the same flags changes nothing.
	if _, again := server(t, c); again != nil {
		t.Errorf("a restart returns %+v", again)
	}
}

// Without a valid admin token nobody could make one over the network. A new file gets one.
func TestAFirstTokenReplacesTheLastAdminToken(t *testing.T) {
	c := serverConfig(t)
	parts, _ := server(t, c)
	later := open.At(c, time.Now().Add(25*time.Hour))
	if _, again := server(t, later); again != nil {
		t.Errorf("a server without the flag makes %+v", again)
	}
	c.FirstTokenFile = filepath.Join(t.TempDir(), "first-token")
	if _, again := server(t, c); again != nil {
		t.Errorf("while the first token is valid, a server makes %+v", again)
	}
	later.FirstTokenFile = c.FirstTokenFile
	_, again := server(t, later)
	text, err := os.ReadFile(c.FirstTokenFile)
	if err != nil || again == nil || again.New || !isAdmin(t, parts, strings.TrimSpace(string(text))) {
		t.Errorf("the file has %q, %v; the server returns %+v", text, err, again)
	}
}

func TestAServerRefusesAnotherDeploymentAndAnotherKey(t *testing.T) {
	c := serverConfig(t)
	noKey, relative, pinned := c, c, c
	noKey.KMSKey, relative.KMSKey, pinned.Deployment = "", "file:kms.key", "01900000-0000-7000-8000-000000000000"
	refusedServer(t, noKey, backend.ErrInvalid, "no KMS key is set", "--kms-key")
	refusedServer(t, relative, backend.ErrInvalid, "absolute", "file:///PATH")
	refusedServer(t, pinned, backend.ErrNotFound, pinned.Deployment, "without --deployment")

	parts, _ := server(t, c)
	refusedServer(t, pinned, backend.ErrCorrupt, "another deployment", parts.Store.Deployment())
	pinned.Deployment = parts.Store.Deployment()
	_, _ = server(t, pinned)
	otherKey := c
	otherKey.KMSKey = "file://" + filepath.ToSlash(filepath.Join(t.TempDir(), "other.key"))
	refusedServer(t, otherKey, backend.ErrKeyUnusable, c.KMSKey, otherKey.KMSKey)
}

// What one server changes, the other uses with its next call: values, types, rights and tokens.
func TestServersAgreeAtOnce(t *testing.T) {
	c := serverConfig(t)
	a, first := server(t, c)
	b, _ := server(t, c)
	logins := []*access.Logins{access.NewLogins(a.Store, nil), access.NewLogins(b.Store, nil)}
	admitted := func(i int, token string) error {
		call, _, verified := logins[i].Remembered(t.Context(), token)
		if verified == nil {
			_, err := logins[i].Authenticate(t.Context(), token)
			return err
		}
		_, err := []*open.Parts{a, b}[i].Engine.Query(call, backend.Query{Kind: backend.KindProject})
		return err
	}
	for i := range 10 {
		writer, reader := a, b
		if i%2 == 1 {
			writer, reader = b, a
		}
		value := strings.Repeat("v", i+1)
		if err := set(t, writer.Engine, value); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time, the rows are in memory
			if got, err := get(t, reader.Engine); got != value || err != nil {
				t.Fatalf("the other server reads %q, %v; want %q", got, err, value)
			}
		}
	}
	for range 3 { // the token is remembered
		for i := range logins {
			if err := admitted(i, first.Token); err != nil {
				t.Fatalf("server %d: %v", i, err)
			}
		}
	}
	_, hash := access.NewToken()
	role := backend.RoleAdmin
	_, err := a.Engine.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpCreate, Kind: backend.KindToken, Name: "another", Role: &role, TokenHash: hash},
		{Op: backend.OpDelete, Kind: backend.KindToken, Name: "first-token"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range logins {
		if err := admitted(i, first.Token); !errors.Is(err, backend.ErrUnauthenticated) {
			t.Errorf("server %d still accepts the revoked token: %v", i, err)
		}
	}
	if found, err := b.Verify(t.Context()); len(found) > 0 || err != nil {
		t.Errorf("the check finds %v, %v", found, err)
	}
}

// Two servers change the same project at the same time. Nothing is lost, and the sums of the rows fit.
func TestServersChangeTheSameProject(t *testing.T) {
	c := serverConfig(t)
	a, _ := server(t, c)
	b, _ := server(t, c)
	if err := set(t, a.Engine, "first"); err != nil { // creates the environment
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for range 10 {
				if err := set(t, []*open.Parts{a, b}[i%2].Engine, time.Now().String()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	page, err := a.Engine.Query(t.Context(), backend.Query{Kind: backend.KindSecret, Project: backend.DefaultProject})
	if err != nil || len(page.Objects) != 1 || page.Objects[0].Version != 81 {
		t.Errorf("%+v, %v; want version 81", page.Objects, err)
	}
	if found, err := b.Verify(t.Context()); len(found) > 0 || err != nil {
		t.Errorf("the check finds %v, %v", found, err)
	}
}

// The flags of a server say which KMS keys the database may use.
func TestTheDatabaseOfServersNamesNoKMSKey(t *testing.T) {
	c := serverConfig(t)
	parts, _ := server(t, c)
	other := "aws-kms:///alias/other"
	if err := set(t, parts.Engine, "a value"); err != nil { // creates the environment
		t.Fatal(err)
	}
	change := func(parts *open.Parts) error { return changeKey(t, parts.Engine, "dev", other, true) }
	if err := change(parts); !errors.Is(err, backend.ErrDenied) {
		t.Errorf("got %v, want ErrDenied", err)
	}
	allow := c
	patterns, err := kms.ParsePatterns([]string{"aws-kms:///alias/o*"})
	if err != nil {
		t.Fatal(err)
	}
	allow.Allowed = patterns
	allowing, _ := server(t, allow)
	if err := change(allowing); errors.Is(err, backend.ErrDenied) {
		t.Errorf("a key that a pattern allows is refused: %v", err)
	}
}

// Every column of every row of the database is changed, as TestForger does with SQLite.
func TestForgerOfPostgreSQL(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: opens the database 80 times: run without -short")
	}
	address := postgrestest.Database(t)
	c := serverConfigOf(address, "file://"+filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key")))
	parts, first := server(t, c)
	f := &forgery{tokens: map[string]string{"first-token": first.Token}}
	f.fill(t, parts.Engine)
	ctx := backend.WithPrincipal(t.Context(), backend.Principal{Name: "test", Role: backend.RoleAdmin})
	if _, err := parts.Audited(nil).Resolve(ctx, []backend.Ref{
		{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: "s"},
	}); err != nil {
		t.Fatal(err)
	}
	expireAll(t, parts)
	if err := parts.Close(); err != nil {
		t.Fatal(err)
	}
	start := func(ctx context.Context) (*open.Parts, error) {
		parts, _, err := open.Server(ctx, c)
		return parts, err
	}
	before, found, err := f.answersOf(t, start)
	if err != nil || len(found) > 0 {
		t.Fatalf("before any change: %v, %v", found, err)
	}
	connection, err := pgx.Connect(t.Context(), address+"&options=-csearch_path%3Dpouncet")
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(context.Background()) //nolint:errcheck // the test has ended
	tried := 0
	for _, c := range forgedColumns(t, connection) {
		restore := c.forge(t, connection)
		if restore == nil {
			continue
		}
		tried++
		after, found, err := f.answersOf(t, start)
		restore()
		if err == nil { // otherwise the database is refused as a whole
			f.compare(t, before, after, found, forgedRow{table: c.table, kind: c.kind}, c.column, c.to)
		}
	}
	t.Logf("%d forgeries", tried)
	if tried < 60 {
		t.Errorf("only %d forgeries changed the database", tried)
	}
}

// The table of the ids is in no sum. It leads callers to an object, and the check of the storage compares it with the
// objects.
func TestForgerChangesTheIDs(t *testing.T) {
	for _, statements := range []string{
		"UPDATE pouncet.object_id SET id = id || 'x' WHERE project <> ''",
		"UPDATE pouncet.object_id SET project = 'x' WHERE project <> ''",
		"DELETE FROM pouncet.object_id", "INSERT INTO pouncet.object_id VALUES ('x', 'y')",
	} {
		address := postgrestest.Database(t)
		parts, _ := server(t, serverConfigOf(address, "file://"+filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key"))))
		if err := set(t, parts.Engine, "a value"); err != nil {
			t.Fatal(err)
		}
		if err := parts.CheckIntegrity(t.Context()); err != nil {
			t.Fatal(err)
		}
		postgrestest.Exec(t, address, statements)
		if err := parts.CheckIntegrity(t.Context()); !errors.Is(err, backend.ErrCorrupt) {
			t.Errorf("%s: the check says %v", statements, err)
		}
	}
}

// forgedColumn is a column of one row that a forger changes.
type forgedColumn struct{ table, column, kind, of, to string }

// forgedColumns returns each column of each table once, in a row of a kind that has not been used yet if there is one.
func forgedColumns(t *testing.T, c *pgx.Conn) (out []forgedColumn) {
	t.Helper()
	forgeries := map[string]string{"text": "%s || 'x'", "int8": "%s + 1", "int4": "%s + 1", "bytea": `%s || '\x55'`}
	for i, column := range columnsOf(t, c, `SELECT c.relname, a.attname, t.typname FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
		WHERE c.relnamespace = 'pouncet'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 ORDER BY 1, 2`) {
		table, name, to := column[0], column[1], forgeries[column[2]]
		if to == "" {
			continue // a constraint allows one value only
		}
		kind := map[string]string{"object": "kind", "environment_key": "project", "token": "role", "version": "form"}[table]
		if kind == "" {
			kind = "''"
		}
		rows := columnsOf(t, c, "SELECT "+kind+", '', '' FROM "+table+" GROUP BY 1 ORDER BY 1")
		if len(rows) == 0 {
			t.Errorf("table %s has no row", table)
			continue
		}
		row := rows[i%len(rows)]
		if table == "environment_key" && row[0] == "deployment" {
			row = rows[0]
		}
		out = append(out, forgedColumn{table, name, row[0], kind + " = '" + row[0] + "'", fmt.Sprintf(to, name)})
	}
	return out
}

// columnsOf returns the rows of a query for three texts.
func columnsOf(t *testing.T, c *pgx.Conn, text string) [][3]string {
	t.Helper()
	rows, err := c.Query(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r [3]string, err error) {
		err = row.Scan(&r[0], &r[1], &r[2])
		return r, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// forge changes the column, without the constraints that tie rows together. It returns what undoes the change, or nil
// if the database refused it.
func (f forgedColumn) forge(t *testing.T, c *pgx.Conn) (restore func()) {
	t.Helper()
	must := func(statements string) {
		if _, err := c.Exec(t.Context(), statements); err != nil {
			t.Fatalf("%s: %v", statements, err)
		}
	}
	must("DROP TABLE IF EXISTS pg_temp.saved; CREATE TEMP TABLE saved AS SELECT * FROM " + f.table +
		"; SET session_replication_role = replica")
	tag, err := c.Exec(t.Context(), "UPDATE "+f.table+" SET "+f.column+" = "+f.to+
		" WHERE ctid = (SELECT max(ctid) FROM "+f.table+" WHERE "+f.of+")")
	if err != nil {
		return nil
	}
	if tag.RowsAffected() != 1 {
		t.Fatalf("%+v changes %d rows", f, tag.RowsAffected())
	}
	return func() {
		must("DELETE FROM " + f.table + "; INSERT INTO " + f.table + " SELECT * FROM pg_temp.saved")
	}
}

// An older dump that is restored under a running server is refused by it, and used after a restart.
func TestAnOlderDumpUnderARunningServerIsRefused(t *testing.T) {
	address := postgrestest.Database(t)
	c := serverConfigOf(address, "file://"+filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key")))
	parts, _ := server(t, c)
	if err := set(t, parts.Engine, "old"); err != nil {
		t.Fatal(err)
	}
	postgrestest.Exec(t, address, `CREATE SCHEMA dump; CREATE TABLE dump.object AS TABLE pouncet.object;
		CREATE TABLE dump.version AS TABLE pouncet.version; CREATE TABLE dump.sealed_state AS TABLE pouncet.sealed_state`)
	t.Cleanup(func() { postgrestest.Exec(t, address, "DROP SCHEMA dump CASCADE") })
	if err := set(t, parts.Engine, "new"); err != nil {
		t.Fatal(err)
	}
	postgrestest.Exec(t, address, `DELETE FROM pouncet.version; DELETE FROM pouncet.object;
		DELETE FROM pouncet.sealed_state;
		INSERT INTO pouncet.object TABLE dump.object; INSERT INTO pouncet.version TABLE dump.version;
		INSERT INTO pouncet.sealed_state TABLE dump.sealed_state`)
	for range 2 {
		value, err := get(t, parts.Engine)
		if !errors.Is(err, backend.ErrCorrupt) || !strings.Contains(err.Error(), "older copy") ||
			!strings.Contains(backend.AsError(err).Hint, "start the process again") {
			t.Errorf("the server reads %q, %v", value, err)
		}
		if err := set(t, parts.Engine, "newer"); !errors.Is(err, backend.ErrCorrupt) {
			t.Errorf("the server writes: %v", err)
		}
	}
	restarted, _ := server(t, c)
	if value, err := get(t, restarted.Engine); value != "old" || err != nil {
		t.Errorf("after a restart, it reads %q, %v", value, err)
	}
}
