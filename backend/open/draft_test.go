// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// stagedFolder is an embedded backend with the secret "s" in the environment "dev". The draft "d" changes its value,
// creates the environment "later", and the secret "s" in it.
func stagedFolder(t *testing.T) (folder string) {
	t.Helper()
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	b := opened(t, c)
	apply(t, b, admin(), "", inDefault(backend.OpCreate, backend.KindEnvironment, "", "dev"), valued("dev", "s", "old"))
	apply(t, b, admin(), "d", valued("dev", "s", "staged"))
	apply(t, b, admin(), "d", inDefault(backend.OpCreate, backend.KindEnvironment, "", "later"),
		valued("later", "s", "of later"))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return c.Path
}

func valued(env, name, value string) backend.Change {
	c := inDefault(backend.OpSet, backend.KindSecret, env, name)
	c.Value = backend.PlaintextString(value)
	return c
}

// apply makes changes, or adds them to a draft.
func apply(t *testing.T, s backend.Service, ctx context.Context, draft string, changes ...backend.Change) {
	t.Helper()
	if _, err := s.Apply(ctx, backend.ChangeSet{Draft: draft, Changes: changes}); err != nil {
		t.Fatal(err)
	}
}

// wantDeployable deploys the draft of stagedFolder.
func wantDeployable(t *testing.T, s backend.Service) {
	t.Helper()
	if got := valueOf(t, s, "dev"); got != "old" {
		t.Errorf("before the deployment, the value is %q", got)
	}
	apply(t, s, admin(), "", inDefault(backend.OpDeploy, backend.KindDraft, "", "d"))
	for env, want := range map[string]string{"dev": "staged", "later": "of later"} {
		if got := valueOf(t, s, env); got != want {
			t.Errorf("after the deployment, the value in %s is %q, want %q", env, got, want)
		}
	}
}

// valueOf returns the value of the secret "s" in an environment.
func valueOf(t *testing.T, s backend.Service, env string) string {
	t.Helper()
	ctx := backend.WithPrincipal(t.Context(), backend.Principal{Name: "test", Role: backend.RoleAdmin,
		Kind: backend.Workload})
	out, err := s.Resolve(ctx, []backend.Ref{{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: env,
		Name: "s"}})
	if err == nil && out[0].Err != nil {
		err = out[0].Err
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out[0].Value.Expose())
}

// A draft is in a backup like everything else: it can be deployed again after the database was put back.
func TestADraftInABackupCanBeDeployed(t *testing.T) {
	folder := stagedFolder(t)
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	wantDeployable(t, opened(t, open.Config{Path: folder}))
	if err := os.Chmod(filepath.Join(backup, "kms.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	parts := embeddedIn(t, backup)
	if found, err := parts.Verify(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("the check of the backup reports %v, %v", found, err)
	}
	wantDeployable(t, parts.Engine)
	if found, err := parts.Verify(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("after the deployment, the check reports %v, %v", found, err)
	}
}

// The check of the storage reports changes of drafts that were changed, and after they were accepted, the draft can be
// discarded.
func TestTheStorageCheckIncludesDrafts(t *testing.T) {
	for name, statement := range map[string]string{
		"a change":         `UPDATE object SET updated_at = 1 WHERE kind = 'draft_change' AND environment <> ''`,
		"the draft":        `UPDATE object SET updated_at = 1 WHERE kind = 'draft'`,
		"a missing change": `DELETE FROM object WHERE kind = 'draft_change' AND environment <> ''`,
		"a missing value":  `DELETE FROM version WHERE object IN (SELECT id FROM object WHERE kind = 'draft_change')`,
		"another value": `UPDATE version SET sealed = zeroblob(200)
			WHERE object IN (SELECT id FROM object WHERE kind = 'draft_change')`,
	} {
		t.Run(name, func(t *testing.T) {
			folder := stagedFolder(t)
			db, err := sql.Open("sqlite", filepath.Join(folder, "pouncet.db"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
			_ = db.Close()
			parts := embeddedIn(t, folder)
			deploy := backend.ChangeSet{Changes: []backend.Change{inDefault(backend.OpDeploy, backend.KindDraft, "", "d")}}
			if _, err := parts.Engine.Apply(admin(), deploy); !errors.Is(err, backend.ErrCorrupt) {
				t.Errorf("the deployment gives %v", err)
			}
			found, err := parts.Verify(t.Context())
			if err != nil || len(found) == 0 {
				t.Fatalf("the check reports %v, %v", found, err)
			}
			if _, err := parts.Accept(t.Context(), found); err != nil {
				t.Fatal(err)
			}
			apply(t, parts.Engine, admin(), "", inDefault(backend.OpDelete, backend.KindDraft, "", "d"))
			if found, err := parts.Verify(t.Context()); err != nil || len(found) > 0 {
				t.Errorf("after the draft was discarded, the check reports %v, %v", found, err)
			}
			if got := valueOf(t, parts.Engine, "dev"); got != "old" {
				t.Errorf("the value is %q", got)
			}
		})
	}
}

// The audit log names who staged each change, and who deployed the draft. It has no value.
func TestTheRecordNamesDraftersAndDeployer(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	parts := embeddedIn(t, c.Path)
	s := parts.Audited(access.Guard)
	as := func(name string) context.Context {
		return backend.WithPrincipal(t.Context(), backend.Principal{ID: name, Name: name, Role: backend.RoleAdmin,
			Kind: backend.Person})
	}
	apply(t, s, as("owner"), "", inDefault(backend.OpCreate, backend.KindEnvironment, "", "dev"))
	apply(t, s, as("ann"), "d", valued("dev", "a", "CANARY-a"), valued("dev", "b", "CANARY-b"))
	apply(t, s, as("bob"), "d", valued("dev", "b", "CANARY-other"))
	apply(t, s, as("cleo"), "", inDefault(backend.OpDeploy, backend.KindDraft, "", "d"))
	if err := parts.Close(); err != nil {
		t.Fatal(err)
	}
	var staged, deployed []string
	records := changesOf(t, c.Path)
	for _, line := range strings.Split(records, "\n") {
		switch {
		case strings.Contains(line, " stage/"):
			staged = append(staged, line)
		case strings.Contains(line, `"op":"deploy"`):
			deployed = append(deployed, line)
		}
	}
	if len(staged) != 2 || !strings.HasPrefix(staged[0], "ann stage/ ok ") ||
		!strings.Contains(staged[0], `"draft":"d"`) || !strings.HasPrefix(staged[1], "bob stage/ ok ") {
		t.Errorf("the records of staging are\n%s", strings.Join(staged, "\n"))
	}
	if len(deployed) != 1 || !strings.HasPrefix(deployed[0], "cleo apply/ ok ") ||
		!strings.Contains(deployed[0], `"drafted_by":["ann"]`) ||
		!strings.Contains(deployed[0], `"drafted_by":["ann","bob"]`) {
		t.Errorf("the record of the deployment is\n%s", strings.Join(deployed, "\n"))
	}
	if strings.Contains(records, "CANARY") {
		t.Errorf("the audit log has a value:\n%s", records)
	}
}
