// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// A dry run, which is what a Terraform plan makes, rejects a key file that the change could not use.
func TestDryRunChecksTheModeOfAKeyFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows has no mode bits")
	}
	uri := "file://" + filepath.Join(t.TempDir(), "loose.key")
	if err := kms.CreateFile(uri); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(uri, "file://")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	withKey := inProject(backend.OpCreate, backend.KindEnvironment, "", "dev")
	withKey.KMSKey = &uri
	existing := backend.Change{
		Op: backend.OpUpdate, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "used", KMSKey: &uri,
	}
	plain := inProject(backend.OpCreate, backend.KindEnvironment, "", "dev")
	created, err := open.Open(t.Context(), open.Config{Path: filepath.Join(t.TempDir(), "b"), CreateIfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	defer created.Close()
	used := []backend.Change{inProject(backend.OpSet, backend.KindEnvironment, "", "used")}
	used = append(used, inProject(backend.OpSet, backend.KindSecret, "used", "s"))
	used[1].Generate = &backend.Generate{}
	if _, err := created.Apply(t.Context(), backend.ChangeSet{Changes: used}); err != nil {
		t.Fatal(err)
	}
	fresh := open.Config{Path: filepath.Join(t.TempDir(), "b")}
	for name, c := range map[string]struct {
		service backend.Service
		change  backend.Change
	}{
		"a new environment":                              {created, withKey},
		"another key of an environment":                  {created, existing},
		"a new environment of a backend to be created":   {uncreated(t, fresh), withKey},
		"the KMS key of a backend that is to be created": {uncreated(t, open.Config{Path: fresh.Path, KMSKey: uri}), plain},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := c.service.Apply(t.Context(), backend.ChangeSet{DryRun: true, Changes: []backend.Change{c.change}})
			if err == nil && out[0].Err != nil {
				err = out[0].Err
			}
			if !errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(err.Error(), "0644") {
				t.Errorf("the dry run returns %v", err)
			}
		})
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []backend.Service{created, uncreated(t, fresh)} {
		out, err := s.Apply(t.Context(), backend.ChangeSet{DryRun: true, Changes: []backend.Change{withKey}})
		if err != nil || out[0].Err != nil {
			t.Errorf("the dry run with mode 0600 returns %v", err)
		}
	}
}
