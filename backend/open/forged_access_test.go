// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// The health tells what a forger did to the tokens: whether somebody or nobody gets in afterwards.
func TestHealthReportsForgedTokens(t *testing.T) {
	f := newForgery(t)
	b := opened(t, open.Config{Path: f.folder})
	f.apply(t, b, "", backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: "viewer"},
		backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: "bound"})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	deleted := f.read(t)
	old := filepath.Join(t.TempDir(), "old.db")
	if err := os.WriteFile(old, f.original, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		statements string
		problems   int
		ready      error
		found      string // what the check of the storage reports
	}{
		"a revoked token": {`INSERT INTO token SELECT * FROM old.token WHERE name = 'viewer'`, 1, backend.ErrCorrupt,
			"token viewer: it was deleted, and its row was put back"},
		"a removed token": {`DELETE FROM token`, 1, backend.ErrCorrupt, "there is no token"},
		"a removed and a revoked token": {`DELETE FROM token;
			INSERT INTO token SELECT * FROM old.token WHERE name = 'viewer'`, 1, backend.ErrCorrupt,
			`accepting signs the tokens "viewer", role viewer`},
		"no state of the tokens": {`DELETE FROM sealed_state WHERE name = 'access'`, 1, backend.ErrCorrupt,
			`accepting signs the tokens "first-token", role admin`},
		"an older generation": {`INSERT OR REPLACE INTO sealed_state SELECT * FROM old.sealed_state
			WHERE name = 'generation'`, 1, backend.ErrCorrupt, "state the projects"},
		"a changed role": {`UPDATE token SET role = 'viewer'`, 1, nil, "token first-token: its row was changed"},
		"a changed principal": {`UPDATE token SET principal = iif(principal = 'person', 'workload', 'person')`, 1, nil,
			"token first-token: its row was changed"},
		"an added token": {`INSERT INTO token SELECT 'forged', 'forged', '', 'admin', principal, x'0102', attributes,
			revision, created_at, 0, deployment_mac FROM token`, 1, nil, "token forged: its row was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			f.restore(t, deleted)
			if !f.forge(t, fmt.Sprintf("ATTACH '%s' AS old; %s", old, c.statements)) {
				t.Fatal("the forger changed nothing")
			}
			parts, err := open.Embedded(context.Background(), open.Config{Path: f.folder})
			if err != nil {
				t.Fatal(err)
			}
			defer parts.Close()
			healthy(t, parts, c.problems, c.ready)
			found, err := parts.Verify(context.Background())
			var lines []string
			for _, f := range found {
				lines = append(lines, f.Kind+" "+f.Name+": "+f.Problem+" "+f.Detail)
			}
			if text := strings.Join(lines, "\n"); err != nil || !strings.Contains(text, c.found) {
				t.Errorf("the check of the storage reports %q, %v, want %q", text, err, c.found)
			}
		})
	}
}

// A process that has the tokens in memory notices in its health what a forger does meanwhile.
func TestHealthReportsForgedTokensOfARunningServer(t *testing.T) {
	f := newForgery(t)
	parts, err := open.Embedded(context.Background(), open.Config{Path: f.folder})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	healthy(t, parts, 0, nil)
	f.forge(t, `DELETE FROM token WHERE name = 'viewer'`)
	healthy(t, parts, 1, backend.ErrCorrupt)
}

// Deleting tokens that were put back makes the database right again, without accepting anything.
func TestATokenThatWasPutBackCanBeDeletedAgain(t *testing.T) {
	for _, names := range [][]string{{"viewer"}, {"viewer", "bound"}} {
		t.Run(strings.Join(names, " and "), func(t *testing.T) { deleteTokensAgain(t, names) })
	}
}

func deleteTokensAgain(t *testing.T, names []string) {
	f := newForgery(t)
	old := filepath.Join(t.TempDir(), "old.db")
	if err := os.WriteFile(old, f.original, 0o600); err != nil {
		t.Fatal(err)
	}
	b := opened(t, open.Config{Path: f.folder})
	var removals []backend.Change
	for _, name := range names {
		removals = append(removals, backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: name})
	}
	f.apply(t, b, "", removals...)
	if !f.forge(t, fmt.Sprintf("ATTACH '%s' AS old; INSERT INTO token SELECT * FROM old.token WHERE name IN ('%s')", old,
		strings.Join(names, "','"))) {
		t.Fatal("the forger changed nothing")
	}
	for _, c := range removals {
		f.apply(t, b, "", c)
	}
	answers, found, err := f.answers(t)
	if err != nil || len(found) > 0 {
		t.Errorf("the check of the storage reports %v, %v", found, err)
	}
	if got := answers["token first-token"]; strings.HasPrefix(got, "error") {
		t.Errorf("the other tokens do not work: %s", got)
	}
	if got := answers["token viewer"]; !strings.HasPrefix(got, "error") {
		t.Errorf("the deleted token: %s", got)
	}
}
