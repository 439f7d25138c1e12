// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// verifyLogs verifies the audit log of a folder, and returns the findings as lines.
func verifyLogs(t *testing.T, folder string, known []merkle.Head) (signed.LogSummary, string) {
	t.Helper()
	parts, err := open.Embedded(t.Context(), open.Config{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	summary, found, err := parts.VerifyLogs(t.Context(), known)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range found {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", f.Name, f.Project, f.Detail, f.Problem))
	}
	return summary, strings.Join(lines, "\n")
}

// work makes records in the log of the project, and in the logs of the deployment.
func (f *forgery) work(t *testing.T, calls int) {
	t.Helper()
	parts, err := open.Embedded(t.Context(), open.Config{Path: f.folder})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	admin := backend.WithPrincipal(t.Context(), backend.Principal{Name: "test", Role: backend.RoleAdmin})
	for n := range calls {
		text := fmt.Sprint(n)
		change := []backend.Change{{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject,
			Name: "dev", Description: &text}}
		for _, dryRun := range []bool{true, false} {
			if _, err := parts.Audited(nil).Apply(admin, backend.ChangeSet{Changes: change, DryRun: dryRun}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ofProject selects the log of the project in a statement on a table of records.
const ofProject = `log <> ''`

// forgeries of the audit log. Table and log stand for the table and log of changes, or of reads.
var logForgeries = map[string]struct{ statements, found string }{
	"a record in the middle is removed": {`DELETE FROM TABLE WHERE ` + ofProject + ` AND number = 8`,
		"default record 8: the record was removed"},
	"the last record is removed": {`DELETE FROM TABLE WHERE ` + ofProject + ` AND number =
		(SELECT next_number - 1 FROM LOG WHERE ` + ofProject + `)`, "the record was removed"},
	"the last record is removed, and the next number is lowered": {`DELETE FROM TABLE WHERE ` + ofProject + ` AND number =
		(SELECT next_number - 1 FROM LOG WHERE ` + ofProject + `);
		UPDATE LOG SET next_number = next_number - 1 WHERE ` + ofProject, "its head was changed"},
	"two records change places": {`UPDATE TABLE SET number = -8 WHERE ` + ofProject + ` AND number = 8;
		UPDATE TABLE SET number = 8 WHERE ` + ofProject + ` AND number = 9;
		UPDATE TABLE SET number = 9 WHERE ` + ofProject + ` AND number = -8`,
		"default record 8: the record was changed"},
	"two hashes change places": {`CREATE TEMP TABLE h AS SELECT number, hash FROM TABLE WHERE ` + ofProject + `;
		UPDATE TABLE SET hash = (SELECT hash FROM h WHERE h.number = 17 - TABLE.number)
		WHERE ` + ofProject + ` AND number IN (8, 9)`, "records were changed, removed or put elsewhere"},
	"a record is copied to the end": {`INSERT INTO TABLE
		(log, number, at, principal, role, verb, phase, code, detail, hash)
		SELECT log, number + 1000, at, principal, role, verb, phase, code, detail, hash FROM TABLE
		WHERE ` + ofProject + ` AND number = 8`, "record 1008: the record was added"},
	"a record gets into a log without a head": {`INSERT INTO TABLE
		(log, number, at, principal, role, verb, phase, code, detail, hash)
		SELECT 'forged', number, at, principal, role, verb, phase, code, detail, hash FROM TABLE
		WHERE ` + ofProject + ` AND number = 8`, "forged : its head was removed"},
	"the head is removed": {`UPDATE LOG SET head = x'' WHERE ` + ofProject, "its head was changed"},
	"the log is removed":  {`DELETE FROM LOG WHERE ` + ofProject, "its head was removed"},
	"all is removed": {`DELETE FROM TABLE WHERE ` + ofProject + `; DELETE FROM TILE WHERE ` + ofProject + `;
		DELETE FROM LOG WHERE ` + ofProject, "default : all its records were removed"},
	"all is removed, and the log looks new": {`DELETE FROM TABLE WHERE ` + ofProject + `;
		DELETE FROM TILE WHERE ` + ofProject + `;
		UPDATE LOG SET next_number = 1, first = 1, head = x'' WHERE ` + ofProject, "default : its head was removed"},
	"all is removed, and the log looks older than hashes": {`DELETE FROM TABLE WHERE ` + ofProject + `;
		DELETE FROM TILE WHERE ` + ofProject + `;
		UPDATE LOG SET first = next_number, head = x'' WHERE ` + ofProject, "default : its head was removed"},
	"a tile is shortened":  {`UPDATE TILE SET hashes = substr(hashes, 33) WHERE ` + ofProject, "was"},
	"a tile is removed":    {`DELETE FROM TILE WHERE ` + ofProject, "the record was removed"},
	"the log begins later": {`UPDATE LOG SET first = first + 1 WHERE ` + ofProject, "its head was changed"},
}

func TestForgerOfTheAuditLog(t *testing.T) {
	f := newForgery(t)
	f.work(t, 12)
	original, reads := f.read(t), f.readFile(t, readsName)
	for name, c := range logForgeries {
		for file, prefix := range map[string]string{databaseName: "change", readsName: "read"} {
			t.Run(name+" in "+file, func(t *testing.T) {
				f.replace(t, databaseName, original)
				f.replace(t, readsName, reads)
				if _, found := verifyLogs(t, f.folder, nil); found != "" {
					t.Fatalf("before any change: %s", found)
				}
				if !f.forgeIn(t, file, strings.NewReplacer("TABLE", prefix+"_record", "TEMP TABLE", "TEMP TABLE", "LOG",
					prefix+"_log", "TILE", prefix+"_tile").Replace(c.statements)) {
					t.Fatal("the forger changed nothing")
				}
				if _, found := verifyLogs(t, f.folder, nil); !strings.Contains(found, c.found) {
					t.Errorf("the check finds %q, want %q", found, c.found)
				}
			})
		}
	}
}

// The log of the deployment says who got which token.
func TestTheLogOfTheDeploymentCannotBeRemoved(t *testing.T) {
	f := newForgery(t)
	if !f.forge(t, `DELETE FROM change_record WHERE log = ''; DELETE FROM change_log WHERE log = '';
		DELETE FROM change_tile WHERE log = ''`) {
		t.Fatal("the forger changed nothing")
	}
	want := "changes  : all its records were removed outside Pouncet"
	if _, found := verifyLogs(t, f.folder, nil); found != want {
		t.Errorf("the check finds %q, want %q", found, want)
	}
}

// A log is not removed together with the state that says that it has begun.
func TestALogAndItsStateCannotBeRemoved(t *testing.T) {
	f := newForgery(t)
	f.work(t, 3)
	original, reads := f.read(t), f.readFile(t, readsName)
	for file, prefix := range map[string]string{databaseName: "change", readsName: "read"} {
		t.Run(prefix, func(t *testing.T) {
			f.replace(t, databaseName, original)
			f.replace(t, readsName, reads)
			if got := verifyAudit(t, f.folder); got != "" {
				t.Fatalf("before any change: %s", got)
			}
			removed := strings.NewReplacer("TABLE", prefix+"_record", "LOG", prefix+"_log", "TILE", prefix+"_tile").Replace(
				`DELETE FROM TABLE WHERE ` + ofProject + `; DELETE FROM TILE WHERE ` + ofProject + `;
				DELETE FROM LOG WHERE ` + ofProject)
			if !f.forgeIn(t, file, removed) ||
				!f.forge(t, `DELETE FROM sealed_state WHERE name LIKE 'log/`+prefix+`s/_%'`) {
				t.Fatal("the forger changed nothing")
			}
			want := "the projects: it does not say which logs have begun: " +
				"a state was changed, removed or put back outside Pouncet"
			if got := verifyAudit(t, f.folder); got != want {
				t.Errorf("the check finds %q, want %q", got, want)
			}
		})
	}
}

// A check of the audit log says what happened to the states that say which logs have begun.
func TestChangedStatesOfLogsAreToldApart(t *testing.T) {
	f := newForgery(t)
	f.work(t, 3)
	original := f.read(t)
	const differs = "the projects: it does not say which logs have begun: " +
		"a state was changed, removed or put back outside Pouncet"
	for statement, want := range map[string]string{
		`UPDATE sealed_state SET sealed = zeroblob(length(sealed)) WHERE name = 'projects'`: "the projects: its state was " +
			"changed outside Pouncet",
		`DELETE FROM sealed_state WHERE name = 'projects'`: "the projects: its state was removed outside Pouncet",
		`UPDATE sealed_state SET sealed = zeroblob(length(sealed)) WHERE name = 'log/changes/'`: "the audit log of " +
			"changes of the deployment: its state was changed outside Pouncet\n" + differs,
		`UPDATE sealed_state SET sealed = zeroblob(length(sealed)) WHERE name = 'access'`: differs,
	} {
		f.replace(t, databaseName, original)
		if !f.forge(t, statement) {
			t.Fatalf("the forger changed nothing: %s", statement)
		}
		if got := verifyAudit(t, f.folder); got != want {
			t.Errorf("after %s the check finds %q, want %q", statement, got, want)
		}
	}
}

// verifyAudit verifies the audit log without the other rows, and returns the findings.
func verifyAudit(t *testing.T, folder string) string {
	t.Helper()
	parts, err := open.Embedded(t.Context(), open.Config{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	_, found, err := parts.VerifyAudit(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range found {
		lines = append(lines, f.Name+": "+f.Problem)
	}
	return strings.Join(lines, "\n")
}

func (f *forgery) readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(f.folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A forger knows how the hash of a record is made, and gives a changed record the right one.
func TestARecordThatWasChangedWithItsHashIsFound(t *testing.T) {
	f := newForgery(t)
	f.work(t, 12)
	parts, err := open.Embedded(t.Context(), open.Config{Path: f.folder})
	if err != nil {
		t.Fatal(err)
	}
	var r store.Numbered
	err = parts.Reads.ViewRecords(t.Context(), func(tx store.RecordTx) error {
		logs, err := tx.Logs(t.Context())
		if err != nil {
			return err
		}
		records, err := tx.RecordsFrom(t.Context(), logs[len(logs)-1].Log, 8, 1)
		r = records[0]
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := parts.Close(); err != nil {
		t.Fatal(err)
	}
	r.Principal = "somebody else"
	hash := merkle.LeafHash(store.ReadLog, r)
	if !f.forgeIn(t, readsName, `UPDATE read_record SET principal = ?, hash = ? WHERE log = ? AND number = 8`, r.Principal,
		hash[:], r.Log) {
		t.Fatal("the forger changed nothing")
	}
	want := "reads default : records were changed, removed or put elsewhere outside Pouncet"
	if _, found := verifyLogs(t, f.folder, nil); found != want {
		t.Errorf("the check finds %q, want %q", found, want)
	}
}

// Nothing in one database can show that all of it is an older copy. The heads of a later time do.
func TestTheDatabaseOfYesterdayIsFound(t *testing.T) {
	f := newForgery(t)
	f.work(t, 3)
	yesterday, readsOfYesterday := f.read(t), f.readFile(t, readsName)
	before, _ := verifyLogs(t, f.folder, nil)
	f.work(t, 3)
	today, readsOfToday := f.read(t), f.readFile(t, readsName)
	after, found := verifyLogs(t, f.folder, before.Heads)
	if found != "" || len(after.Heads) != 3 {
		t.Fatalf("with the heads of yesterday: %q, %v", found, after)
	}
	f.work(t, 1)
	if _, found := verifyLogs(t, f.folder, after.Heads); found != "" {
		t.Errorf("with the heads of today: %q", found)
	}
	for name, c := range map[string]struct {
		database, reads []byte
		found           string
	}{
		"both files":   {yesterday, readsOfYesterday, "changes default : it is shorter than at the checkpoint"},
		"the database": {yesterday, readsOfToday, "changes default : it is shorter than at the checkpoint"},
		"the reads":    {today, readsOfYesterday, "reads default : it is shorter than at the checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			f.replace(t, databaseName, c.database)
			f.replace(t, readsName, c.reads)
			if _, found := verifyLogs(t, f.folder, nil); found != "" {
				t.Errorf("without the heads of today: %q", found)
			}
			if _, found := verifyLogs(t, f.folder, after.Heads); !strings.Contains(found, c.found) {
				t.Errorf("the check finds %q, want %q", found, c.found)
			}
			f.work(t, 3) // other records of the same number
			if _, found := verifyLogs(t, f.folder, after.Heads); !strings.Contains(found, "other ones") {
				t.Errorf("after other records, the check finds %q", found)
			}
		})
	}
}

// A log without a valid head gets no records, and one that was removed does not begin again, until an owner has
// accepted that.
func TestAcceptBeginsALogAgain(t *testing.T) {
	for name, statements := range map[string]string{
		"changed": `UPDATE LOG SET head = x'00', next_number = 1`,
		"removed": `DELETE FROM LOG; DELETE FROM TABLE; DELETE FROM TILE`,
		"emptied": `UPDATE LOG SET head = x'', next_number = 1; DELETE FROM TABLE; DELETE FROM TILE`,
	} {
		for file, prefix := range map[string]string{databaseName: "change", readsName: "read"} {
			t.Run(name+" in "+file, func(t *testing.T) {
				acceptALog(t, file, prefix, strings.NewReplacer("TABLE", prefix+"_record", "LOG", prefix+"_log", "TILE",
					prefix+"_tile").Replace(statements))
			})
		}
	}
}

func acceptALog(t *testing.T, file, prefix, statements string) {
	f := newForgery(t)
	f.work(t, 3)
	before, _ := verifyLogs(t, f.folder, nil)
	if !f.forgeIn(t, file, statements) {
		t.Fatal("the forger changed nothing")
	}
	parts, err := open.Embedded(t.Context(), open.Config{Path: f.folder})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	admin := backend.WithPrincipal(t.Context(), backend.Principal{Name: "test", Role: backend.RoleAdmin})
	text := "changed"
	set := backend.ChangeSet{DryRun: prefix == "read", Changes: []backend.Change{{Op: backend.OpSet,
		Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "dev", Description: &text}}}
	apply := func() error {
		_, err := parts.Audited(nil).Apply(admin, set)
		return err
	}
	for range 3 { // no call begins the log again
		if err := apply(); err == nil || !strings.Contains(err.Error(), "outside Pouncet") {
			t.Errorf("a call that needs a record: %v", err)
		}
	}
	_, found, err := parts.VerifyLogs(t.Context(), nil)
	if err != nil || len(found) == 0 {
		t.Fatalf("the check finds %v, %v", found, err)
	}
	if _, err := parts.Accept(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if err := apply(); err != nil {
		t.Errorf("after the acceptance: %v", err)
	}
	if _, found, err := parts.VerifyLogs(t.Context(), nil); err != nil || len(found) > 0 {
		t.Errorf("after the acceptance the check finds %v, %v", found, err)
	}
	_, found, err = parts.VerifyLogs(t.Context(), before.Heads)
	if err != nil || len(found) == 0 || !strings.Contains(fmt.Sprint(found), "the checkpoint") {
		t.Errorf("with earlier heads the check finds %v, %v", found, err)
	}
}

// An owner can accept a log that is gone even if the state that says so was changed as well.
func TestAcceptALogWithAChangedState(t *testing.T) {
	f := newForgery(t)
	f.work(t, 3)
	if !f.forge(t, `DELETE FROM change_log; DELETE FROM change_record; DELETE FROM change_tile;
		UPDATE sealed_state SET sealed = x'00' WHERE name = 'log/changes/'`) {
		t.Fatal("the forger changed nothing")
	}
	parts, err := open.Embedded(t.Context(), open.Config{Path: f.folder})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	findings := func() []signed.Finding {
		rows, err := parts.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, logs, err := parts.VerifyLogs(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return append(rows, logs...)
	}
	found := findings()
	if text := fmt.Sprint(found); !strings.Contains(text, "its state was changed") ||
		!strings.Contains(text, "all its records were removed") {
		t.Errorf("the check finds %s", text)
	}
	if _, err := parts.Accept(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if found := findings(); len(found) > 0 {
		t.Errorf("after the acceptance the check finds %v", found)
	}
	f.work(t, 1)
	if found := findings(); len(found) > 0 {
		t.Errorf("after another change the check finds %v", found)
	}
}
