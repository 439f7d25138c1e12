// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A forger can write the database, and has neither a key nor a token. These tests change each column of each type of
// row. Afterwards a caller must get the answer that they got before, or an error, and the check of the storage must
// report the row. They read tables and columns from the database, so that a new column is tested without a line here.

// unprotected lists what a forger can change without notice, and why that is accepted.
var unprotected = map[string]string{
	"record.":                   "records of versions before schema 6 have no hashes",
	"change_record.seq":         "the number of a record says where it is in its log",
	"read_record.seq":           "the number of a record says where it is in its log",
	"deployment.only":           "a constraint allows one value only",
	"deployment.schema_version": "a newer schema may say that it works with this program",
	"deployment.works_with":     "it decides which older programs use the database",
	"object_id.":                "CheckIntegrity compares it with the objects: TestForgerChangesTheIDs",
	"environment_key.created_at of deployment":     "config.json names the deployment key, so its time decides nothing",
	"environment_key.deployment_mac of deployment": "config.json names the deployment key: it has no MAC",
	"last_resolved.": "only reports show it; who can write it can also delete it",
	"comparison.":    "they count wrong guesses of a day; who can write them can also delete them",
}

// forgery is a database that holds at least one row of each type, as a file.
type forgery struct {
	folder   string
	tokens   map[string]string // by name
	original []byte            // of the database
	reads    []byte            // of the file with the records of reads
}

// The files that a forger can write.
const databaseName, readsName = "pouncet.db", "pouncet-reads.db"

const forgeryKey = "the idempotency key of the forger's world"

func newForgery(t *testing.T) *forgery {
	t.Helper()
	f := &forgery{folder: filepath.Join(t.TempDir(), "data"), tokens: map[string]string{}}
	c := open.Config{Path: f.folder}
	initialise(t, c)
	first, err := os.ReadFile(filepath.Join(f.folder, "first-token"))
	if err != nil {
		t.Fatal(err)
	}
	f.tokens["first-token"] = strings.TrimSpace(string(first))
	b := opened(t, c)
	f.fill(t, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	expireIn(t, f.folder)
	f.forge(t, `INSERT INTO record (at, principal, role, verb, phase, code, detail)
		VALUES (1, 'of an earlier version', 'admin', 'resolve', '', 'ok', x'7b7d')`)
	f.original = f.read(t)
	if f.reads, err = os.ReadFile(filepath.Join(f.folder, readsName)); err != nil {
		t.Fatal(err)
	}
	return f
}

// expireAll deletes the records of the audit log, whose hashes stay, and makes new ones.
func expireAll(t *testing.T, parts *open.Parts) {
	t.Helper()
	in2days := func() time.Time { return time.Now().Add(48 * time.Hour) }
	for _, log := range []store.RecordLog{parts.Store, parts.Reads} {
		if _, err := audit.Expire(t.Context(), log, in2days, 24*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	admin := backend.WithPrincipal(t.Context(), backend.Principal{Name: "test", Role: backend.RoleAdmin})
	for _, dryRun := range []bool{false, true} {
		if _, err := parts.Audited(nil).Apply(admin, backend.ChangeSet{DryRun: dryRun, Changes: []backend.Change{{
			Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "after"}}}); err != nil {
			t.Fatal(err)
		}
	}
}

// expireIn does the same in a folder.
func expireIn(t *testing.T, folder string) {
	t.Helper()
	parts, err := open.Embedded(t.Context(), open.Config{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	expireAll(t, parts)
}

// fill makes at least one row of each type.
func (f *forgery) fill(t *testing.T, b backend.Service) {
	t.Helper()
	viewer, hash := access.NewToken()
	f.tokens["viewer"] = viewer
	role, quota, restricted, schema := backend.RoleViewer, 50, backend.Restricted, `{"type":"object"}`
	link, typeKey, source := backend.Link{Secret: "s"}, "login", "config.yaml"
	in := func(c backend.Change) backend.Change {
		c.Project = backend.DefaultProject
		return c
	}
	value := func(env, name, text string) backend.Change {
		return in(backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Environment: env, Name: name,
			Value: backend.PlaintextString(text)})
	}
	typed, hidden := value("dev", "typed", `{"user":"u"}`), value("prod", "hidden", "restricted value")
	typed.Type, hidden.Visibility = &typeKey, &restricted
	f.apply(t, b, "",
		backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxSecrets: &quota}},
		in(backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Name: "dev"}),
		in(backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Name: "prod"}),
		in(backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Name: "gone"}),
		in(backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Name: "login", Schema: json.RawMessage(schema)}),
		value("dev", "s", "first"), value("dev", "s", "second"), value("prod", "s", "s of prod"), typed, hidden,
		value("dev", "deleted", "of dev"), value("gone", "kept", "of gone"),
		in(backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Environment: "dev", Name: "v",
			JSON: json.RawMessage(`{"a":1}`)}),
		in(backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Environment: "dev", Name: "l", Link: &link}),
		in(backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Name: source,
			Usages: []backend.Usage{{Kind: backend.KindSecret, Name: "s", Environment: "dev", File: source, Line: 1}}}),
		backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: "viewer", Role: &role, TokenHash: hash})
	description := "set with an idempotency key"
	f.apply(t, b, forgeryKey,
		in(backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Environment: "dev", Name: "s",
			Description: &description}))
	f.apply(t, b, "",
		in(backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, Environment: "dev", Name: "deleted"}),
		in(backend.Change{Op: backend.OpDelete, Kind: backend.KindEnvironment, Name: "gone", Force: true}))
	staged := []backend.Change{value("dev", "s", "staged"), value("prod", "new", "of a draft"),
		in(backend.Change{Op: backend.OpUpdate, Kind: backend.KindEnvironment, Name: "dev", Description: &description})}
	if _, err := b.Apply(context.Background(), backend.ChangeSet{Changes: staged, Draft: "d"}); err != nil {
		t.Fatal(err)
	}
	planner := backend.WithPrincipal(context.Background(), backend.Principal{ID: "planner", Role: backend.RolePlanner})
	if _, err := b.Apply(planner, backend.ChangeSet{
		Changes: []backend.Change{value("dev", "s", "a wrong guess")}, DryRun: true,
	}); err != nil {
		t.Fatal(err)
	}
	none := backend.RoleNone
	f.apply(t, b, "",
		backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: "bound", Role: &none,
			TokenHash: access.HashToken("bound")},
		backend.Change{Op: backend.OpCreate, Kind: backend.KindRole, Name: "own", Rights: []backend.Right{backend.RightSee}},
		backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "group", Members: []string{"token:bound"}},
		backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: "binding",
			Grant: &backend.Grant{Role: "own", To: "group:group", Where: backend.Where{Project: backend.DefaultProject}}},
		backend.Change{Op: backend.OpCreate, Kind: backend.KindTrust, Name: "trust", Trust: &backend.Trust{
			Issuer: "https://issuer.example.com", Audience: "pouncet", Claims: map[string]string{"sub": "a"},
			Principal: backend.Workload}})
}

func (f *forgery) apply(t *testing.T, s backend.Service, key string, changes ...backend.Change) {
	t.Helper()
	if _, err := s.Apply(context.Background(), backend.ChangeSet{Changes: changes, IdempotencyKey: key}); err != nil {
		t.Fatal(err)
	}
}

func (f *forgery) path() string { return filepath.Join(f.folder, databaseName) }

func (f *forgery) read(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(f.path())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// restore replaces the database by a copy of an earlier one.
func (f *forgery) restore(t *testing.T, content []byte) {
	t.Helper()
	f.replace(t, databaseName, content)
}

func (f *forgery) replace(t *testing.T, file string, content []byte) {
	t.Helper()
	path := filepath.Join(f.folder, file)
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// forge runs statements on the database. It reports whether they changed a row: a constraint may refuse them.
func (f *forgery) forge(t *testing.T, text string, args ...any) bool {
	t.Helper()
	return f.forgeIn(t, databaseName, text, args...)
}

func (f *forgery) forgeIn(t *testing.T, file, text string, args ...any) bool {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(f.folder, file))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.ExecContext(context.Background(), text, args...)
	if err != nil {
		if strings.Contains(err.Error(), "constraint") || strings.Contains(err.Error(), "datatype mismatch") {
			return false
		}
		t.Fatalf("%s: %v", text, err)
	}
	n, err := result.RowsAffected()
	return err == nil && n > 0
}

// answers asks for everything that the database decides. An answer is a text; one that begins with "error" refuses.
func (f *forgery) answers(t *testing.T) (map[string]string, []signed.Finding, error) {
	t.Helper()
	return f.answersOf(t, func(ctx context.Context) (*open.Parts, error) {
		return open.Embedded(ctx, open.Config{Path: f.folder})
	})
}

// answersOf does the same for the backend that start opens.
func (f *forgery) answersOf(
	t *testing.T, start func(context.Context) (*open.Parts, error),
) (map[string]string, []signed.Finding, error) {
	t.Helper()
	ctx := backend.WithPrincipal(context.Background(), backend.Principal{Name: "test", Role: backend.RoleAdmin})
	parts, err := start(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer parts.Close()
	out := map[string]string{}
	note := func(what string, answer any, err error) {
		if err != nil {
			out[what] = "error " + string(backend.AsError(err).Code)
			return
		}
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		out[what] = string(text)
	}
	for _, env := range []string{"dev", "prod"} {
		for _, name := range []string{"s", "s@1", "typed", "hidden", "v", "l", "deleted"} {
			name, version, _ := strings.Cut(name, "@")
			kind := backend.KindSecret
			if name == "v" || name == "l" {
				kind = backend.KindScopedValue
			}
			for _, reveal := range []bool{false, true} {
				ref := backend.Ref{Kind: kind, Project: backend.DefaultProject, Environment: env, Name: name, Version: version,
					Reveal: reveal}
				r, err := parts.Engine.Resolve(ctx, []backend.Ref{ref})
				answer := ""
				if err == nil && r[0].Err != nil {
					err = r[0].Err
				} else if err == nil {
					answer = fmt.Sprint(string(r[0].Value.Expose()), r[0].JSON, r[0].Version)
				}
				note(fmt.Sprint("resolve ", env, name, version, reveal), answer, err)
			}
		}
	}
	for _, kind := range []backend.Kind{
		backend.KindProject, backend.KindEnvironment, backend.KindSecretType, backend.KindSecret, backend.KindScopedValue,
		backend.KindUsage, backend.KindToken, backend.KindDraft, backend.KindDraftChange,
		backend.KindRole, backend.KindGroup, backend.KindBinding, backend.KindTrust,
	} {
		for _, deleted := range []bool{false, true} {
			q := backend.Query{Kind: kind, Deleted: deleted}
			if belongsToProject(kind) {
				q.Project = backend.DefaultProject
			}
			page, err := parts.Engine.Query(ctx, q)
			note(fmt.Sprint("list ", kind, deleted), page.Objects, err)
		}
	}
	deploy := backend.Change{Op: backend.OpDeploy, Kind: backend.KindDraft, Project: backend.DefaultProject, Name: "d"}
	planned, err := parts.Engine.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{deploy}, DryRun: true})
	if err == nil && planned[0].Err != nil {
		err = planned[0].Err
	}
	note("deploy", timeless(planned), err)
	for name, token := range f.tokens {
		p, err := access.Authenticate(ctx, parts.Store, token, time.Now())
		note("token "+name, p, err)
	}
	found, err := parts.Verify(ctx)
	if err != nil {
		return out, found, err
	}
	_, ofLogs, err := parts.VerifyLogs(ctx, nil)
	return out, append(found, ofLogs...), err
}

// belongsToProject reports whether a query for objects of a kind needs a project.
func belongsToProject(k backend.Kind) bool {
	switch k {
	case backend.KindProject, backend.KindToken, backend.KindRole, backend.KindGroup, backend.KindBinding,
		backend.KindTrust:
		return false
	}
	return true
}

// timeless returns the outcomes of a dry run without the time at which it ran.
func timeless(outcomes []backend.Outcome) []backend.Outcome {
	for _, o := range outcomes {
		for i := range o.Parts {
			to := &o.Parts[i].Object
			to.CreatedAt, to.UpdatedAt, to.ValueAt = time.Time{}, time.Time{}, time.Time{}
		}
	}
	return outcomes
}

// forgedRow is a row of a table that a forger changes.
type forgedRow struct {
	file, table, kind string
	rowid             int64
}

// kindsOf says for a table with which SQL expression the kinds of its rows differ. A kind of state is each one that
// belongs to no project.
var kindsOf = map[string]string{"object": "kind", "environment_key": "iif(project = 'deployment', 'deployment', '')",
	"token": "role", "sealed_state": "iif(name LIKE 'project/%', '', name)", "version": "form"}

// rows returns one row of each table of a file, and of each kind.
func (f *forgery) rows(t *testing.T, file string) (rows []forgedRow, columns map[string][]string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(f.folder, file))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	columns = map[string][]string{}
	for _, c := range query2(t, db, `SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table'`) {
		columns[c[0]] = append(columns[c[0]], c[1])
	}
	if file == databaseName {
		for table := range kindsOf {
			if columns[table] == nil {
				t.Errorf("%s has no table %s", file, table)
			}
		}
	}
	for _, table := range slices.Sorted(maps.Keys(columns)) {
		kind := kindsOf[table]
		if kind == "" {
			kind = "''"
		}
		found := query2(t, db, "SELECT "+kind+", max(rowid) FROM "+table+" GROUP BY 1")
		if len(found) == 0 && table != "reserve" { // it is empty outside a transaction
			t.Errorf("%s has no row of %s", file, table)
		}
		for _, r := range found {
			var id int64
			if _, err := fmt.Sscan(r[1], &id); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, forgedRow{file, table, r[0], id})
		}
	}
	return rows, columns
}

// query2 returns the rows of a query for two columns.
func query2(t *testing.T, db *sql.DB, text string) (out [][2]string) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var r [2]string
		if err := rows.Scan(&r[0], &r[1]); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// ofAnotherRow is the value of the same column in another row.
const ofAnotherRow = "(SELECT o.%[1]s FROM %[2]s o WHERE o.rowid <> %[2]s.rowid " +
	"ORDER BY o.%[1]s = %[2]s.%[1]s LIMIT 1)"

// The SQL expressions that a forger puts into a column, by its type.
var forgeries = map[string][]string{
	"text":    {"%[1]s || 'x'", "''", ofAnotherRow},
	"integer": {"%[1]s + 1", "0", ofAnotherRow},
	"blob": {"CAST(replace(CAST(%[1]s AS TEXT), '}', ' }') || 'x' AS BLOB)", "x''",
		ofAnotherRow,
		"CAST(substr(%[1]s, 1, length(%[1]s) - 1) AS BLOB) || x'55'"},
}

func TestForger(t *testing.T) {
	f := newForgery(t)
	before, found, err := f.answers(t)
	if err != nil || len(found) > 0 {
		t.Fatalf("before any change: %v, %v", found, err)
	}
	refused := 0
	for what, answer := range before {
		if strings.HasPrefix(answer, "error corrupt") {
			t.Fatalf("before any change: %s: %s", what, answer)
		}
		if !strings.HasPrefix(answer, "error") {
			refused++
		}
	}
	if refused < 20 {
		t.Fatalf("the forger's world gives %d answers only: %v", refused, before)
	}
	every := os.Getenv("POUNCET_TEST_PARTS") != ""
	f.restore(t, f.original)
	for file, least := range map[string]int{databaseName: 50, readsName: 8} {
		rows, columns := f.rows(t, file)
		tried, seen := 0, map[string]bool{}
		for _, row := range rows {
			for _, column := range columns[row.table] {
				for _, to := range f.expressions(t, row, column) {
					// make test tries each column once, make test-parts everything
					if seen[row.table+"."+column] && !every {
						continue
					}
					seen[row.table+"."+column] = true
					if f.tryForgery(t, before, row, column, to) {
						tried++
					}
				}
			}
		}
		t.Logf("%d forgeries of %d rows of %s", tried, len(rows), file)
		if tried < least {
			t.Errorf("only %d forgeries changed %s", tried, file)
		}
	}
}

// expressions returns what a forger puts into a column of a row.
func (f *forgery) expressions(t *testing.T, row forgedRow, column string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(f.folder, row.file))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var kind string
	if err := db.QueryRowContext(context.Background(),
		fmt.Sprintf("SELECT typeof(%s) FROM %s WHERE rowid = %d", column, row.table, row.rowid)).Scan(&kind); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range forgeries[kind] {
		out = append(out, strings.NewReplacer("%[1]s", column, "%[2]s", row.table).Replace(e))
	}
	return out
}

// tryForgery changes one column, compares the answers, and restores the database. It reports whether the database
// allowed the change.
func (f *forgery) tryForgery(t *testing.T, before map[string]string, row forgedRow, column, to string) bool {
	t.Helper()
	defer f.restore(t, f.original)
	defer f.replace(t, readsName, f.reads)
	statement := fmt.Sprintf("UPDATE %[1]s SET %[2]s = %[3]s WHERE rowid = ? AND %[2]s IS NOT %[3]s",
		row.table, column, to)
	if !f.forgeIn(t, row.file, statement, row.rowid) {
		return false
	}
	after, found, err := f.answers(t)
	if err != nil {
		return true // the database is refused as a whole
	}
	f.compare(t, before, after, found, row, column, to)
	return true
}

// compare reports an answer that a forgery has changed, and a forgery that the check of the storage does not report.
func (f *forgery) compare(
	t *testing.T, before, after map[string]string, found []signed.Finding, row forgedRow, column, to string,
) {
	t.Helper()
	what := fmt.Sprintf("%s.%s of %s = %s", row.table, column, row.kind, to)
	for name, answer := range before {
		now := after[name]
		hides := slices.Contains([]string{"kind", "project", "environment"}, column) ||
			column == "id" && (row.kind == "role" || row.kind == "group") // a list of bindings has their names
		if hides && len(found) > 0 && strings.HasPrefix(name, "list") {
			continue // a row that a listing does not select any more is like one that was removed: the check reports it
		}
		if now != answer && !strings.HasPrefix(now, "error") {
			t.Errorf("%s: %s answers %s, and was %s", what, name, now, answer)
		}
	}
	if len(found) == 0 && !isUnprotected(row, column) {
		t.Errorf("%s: the check of the storage reports nothing", what)
	}
}

func isUnprotected(row forgedRow, column string) bool {
	full := row.table + "." + column
	for _, name := range []string{row.table + ".", full, full + " of " + row.kind} {
		if _, ok := unprotected[name]; ok {
			return true
		}
	}
	return false
}

// Each row is put back as it was before a change, removed, or copied from another database. The check reports that, and
// a token that was put back lets nobody in.
func TestForgerPutsRowsBack(t *testing.T) {
	f := newForgery(t)
	b := opened(t, open.Config{Path: f.folder})
	text, quota := "changed", 60
	in := func(c backend.Change) backend.Change {
		c.Op, c.Project = backend.OpUpdate, backend.DefaultProject
		return c
	}
	f.apply(t, b, "",
		backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxSecrets: &quota}},
		in(backend.Change{Kind: backend.KindEnvironment, Name: "dev", Description: &text}),
		in(backend.Change{Kind: backend.KindSecretType, Name: "login", Description: &text}),
		in(backend.Change{Kind: backend.KindSecret, Environment: "dev", Name: "s", Value: backend.PlaintextString("third")}),
		in(backend.Change{Kind: backend.KindScopedValue, Environment: "dev", Name: "v", JSON: json.RawMessage(`2`)}),
		backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: "viewer"})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	changed := f.read(t)
	old := filepath.Join(t.TempDir(), "old.db")
	if err := os.WriteFile(old, f.original, 0o600); err != nil {
		t.Fatal(err)
	}
	try := func(name, statements string, wantAccess bool) {
		t.Run(name, func(t *testing.T) {
			f.restore(t, changed)
			if !f.forge(t, fmt.Sprintf("ATTACH '%s' AS old; %s", old, statements)) {
				t.Fatal("the forger changed nothing")
			}
			answers, found, err := f.answers(t)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) == 0 {
				t.Error("the check of the storage reports nothing")
			}
			for name := range f.tokens {
				if in := !strings.HasPrefix(answers["token "+name], "error"); in && (!wantAccess || name == "viewer") {
					t.Errorf("token %s lets its bearer in: %s", name, answers["token "+name])
				}
			}
		})
	}
	for _, kind := range []string{"project", "environment", "secret_type", "secret", "scoped_value"} {
		try("an older "+kind, `INSERT OR REPLACE INTO object SELECT * FROM old.object
			WHERE kind = '`+kind+`' AND (id, revision) NOT IN (SELECT id, revision FROM object);`, true)
		try("a missing "+kind, `PRAGMA foreign_keys = 0; DELETE FROM object WHERE rowid IN (SELECT max(rowid) FROM object
			WHERE kind = '`+kind+`')`, true)
	}
	try("a missing version", `DELETE FROM version WHERE version = 1 AND object IN (SELECT object FROM version
		WHERE version = 2)`, true)
	try("a missing environment key", `DELETE FROM environment_key WHERE rowid IN (SELECT max(rowid) FROM environment_key
		WHERE project <> 'deployment')`, true)
	try("a missing usage", `DELETE FROM object WHERE kind = 'usage'`, true)
	try("a revoked token", `INSERT INTO token SELECT * FROM old.token WHERE name = 'viewer'`, false)
	try("a missing token", `DELETE FROM token`, false)
	try("a revoked token with the state of the tokens", `INSERT INTO token SELECT * FROM old.token WHERE name = 'viewer';
		INSERT OR REPLACE INTO sealed_state SELECT * FROM old.sealed_state WHERE name = 'access'`, false)
	try("no state", `DELETE FROM sealed_state`, false)
	try("all states", `INSERT OR REPLACE INTO sealed_state SELECT * FROM old.sealed_state`, false)
	try("a project with its state", `INSERT OR REPLACE INTO object SELECT * FROM old.object;
		DELETE FROM version; INSERT INTO version SELECT * FROM old.version;
		INSERT OR REPLACE INTO sealed_state SELECT * FROM old.sealed_state WHERE length(name) > 20`, true)
}

// The earlier row of a secret is served until the check of the storage reports it. The next change of the secret is
// refused only if its newer version is still there, and hides nothing.
func TestASecretThatWasPutBackIsReported(t *testing.T) {
	f := newForgery(t)
	old := filepath.Join(t.TempDir(), "old.db")
	if err := os.WriteFile(old, f.original, 0o600); err != nil {
		t.Fatal(err)
	}
	set := func() error {
		b := opened(t, open.Config{Path: f.folder})
		_, err := b.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpSet,
			Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: "s",
			Value: backend.PlaintextString("later")}}})
		return errors.Join(err, b.Close())
	}
	if err := set(); err != nil {
		t.Fatal(err)
	}
	changed := f.read(t)
	putBack := fmt.Sprintf(`ATTACH '%s' AS old; INSERT OR REPLACE INTO object SELECT * FROM old.object
		WHERE (id, revision) NOT IN (SELECT id, revision FROM object);`, old)
	for name, c := range map[string]struct {
		statements string
		refused    bool
	}{
		"the object": {putBack, true},
		"the object, without the newer version": {putBack + `DELETE FROM version
			WHERE (object, version) NOT IN (SELECT object, version FROM old.version)`, false},
	} {
		t.Run(name, func(t *testing.T) {
			f.restore(t, changed)
			if !f.forge(t, c.statements) {
				t.Fatal("the forger changed nothing")
			}
			if err := set(); (err != nil) != c.refused {
				t.Errorf("the next change: %v", err)
			}
			if _, found, err := f.answers(t); err != nil || len(found) == 0 {
				t.Errorf("the check of the storage reports %v, %v", found, err)
			}
		})
	}
}

// Somebody who can write the database puts an own row into it.
func TestForgerAddsRows(t *testing.T) {
	f := newForgery(t)
	token, hash := access.NewToken()
	f.tokens["forged"] = token
	if !f.forge(t, `INSERT INTO token SELECT 'forged', 'forged', '', 'admin', principal, ?, attributes, revision,
		created_at, 0, deployment_mac FROM token WHERE role = 'admin'`, hash) {
		t.Fatal("the forger changed nothing")
	}
	answers, found, err := f.answers(t)
	if err != nil || len(found) != 1 || found[0].Name != "forged" {
		t.Errorf("the check of the storage reports %v, %v", found, err)
	}
	if got := answers["token forged"]; got != "error unauthenticated" {
		t.Errorf("the forged token: %s", got)
	}
	if got := answers["token first-token"]; strings.HasPrefix(got, "error") {
		t.Errorf("the other tokens do not work any more: %s", got)
	}
}

// A database of another deployment under the same KMS key does not open in this folder.
func TestForgerReplacesTheDatabase(t *testing.T) {
	f, other := newForgery(t), newForgery(t)
	key, err := os.ReadFile(filepath.Join(f.folder, "kms.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other.folder, "kms.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	f.restore(t, other.original)
	if _, err := open.Embedded(context.Background(), open.Config{Path: f.folder}); err == nil ||
		!strings.Contains(err.Error(), "is not the database that belongs to this folder") {
		t.Errorf("the database of another deployment: %v", err)
	}
	entries, err := os.ReadDir(f.folder)
	isCopy := func(e fs.DirEntry) bool { return strings.Contains(e.Name(), "schema") }
	if err != nil || slices.ContainsFunc(entries, isCopy) {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}
