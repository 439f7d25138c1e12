// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// onKMS returns the parts of a server with a key file for the deployment, and an environment under a KMS key.
func onKMS(t *testing.T) (*kmstest.Server, open.Config, string) {
	t.Helper()
	server := kmstest.New(t)
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	uri := server.URI(t)
	if err := createEnvironment(opened(t, c), "dev", uri, false); err != nil {
		t.Fatal(err)
	}
	return server, c, uri
}

// healthy checks the problems, and whether the backend is ready.
func healthy(t *testing.T, parts *open.Parts, problems int, ready error) {
	t.Helper()
	found, err := parts.Problems(context.Background())
	if len(found) != problems || !errors.Is(err, ready) {
		t.Errorf("problems %v, error %v", found, err)
	}
}

func TestMistypedKMSKeyLeavesTheServerHealthy(t *testing.T) {
	server, c, uri := onKMS(t)
	mistyped := strings.Replace(uri, "alias/", "alias/mistyped-", 1)
	parts := served(t, c, mistyped)
	calls := callsOf(server)
	if err := createEnvironment(parts.Engine, "own", mistyped, false); !errors.Is(err, backend.ErrKeyUnusable) {
		t.Fatalf("error %v", err)
	}
	if callsOf(server) == calls {
		t.Fatal("the KMS was not called")
	}
	healthy(t, parts, 0, nil)
	server.Down(true)
	if err := createEnvironment(parts.Engine, "own", mistyped, false); !errors.Is(err, backend.ErrUnavailable) {
		t.Fatalf("error %v", err)
	}
	healthy(t, parts, 0, nil) // no stored key needs it
}

// A check calls the KMS keys again that failed, so that a call is not needed to notice that the KMS is back.
func TestHealthRecoversByItself(t *testing.T) {
	server, c, _ := onKMS(t)
	parts := served(t, c)
	server.Down(true)
	if _, err := get(t, parts.Engine); err == nil {
		t.Fatal("a value was read")
	}
	secret := inProject(backend.OpCreate, backend.KindSecret, "dev", "s")
	secret.Generate = &backend.Generate{}
	write := func() error {
		_, err := parts.Engine.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{secret}})
		return err
	}
	if err := write(); !errors.Is(err, backend.ErrUnavailable) {
		t.Fatalf("error %v", err)
	}
	healthy(t, parts, 1, backend.ErrUnavailable)
	server.Down(false)
	healthy(t, parts, 0, nil)
	calls := callsOf(server)
	healthy(t, parts, 0, nil)
	if n := callsOf(server) - calls; n != 0 {
		t.Errorf("a check of a healthy backend made %d KMS calls", n)
	}

	// What the KMS refuses concerns the environments of this key only.
	server.Deny(true)
	parts = served(t, c)
	if err := write(); !errors.Is(err, backend.ErrKeyUnusable) {
		t.Fatalf("error %v", err)
	}
	healthy(t, parts, 1, nil)
	server.Deny(false)
	healthy(t, parts, 0, nil)
}

// A key in memory does not hide that a new environment cannot have one.
func TestHealthReportsAnOutageThatANewEnvironmentHasNoticed(t *testing.T) {
	server, c, uri := onKMS(t)
	parts := served(t, c, uri)
	if err := createEnvironment(parts.Engine, "first", uri, false); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	set := backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpCreate, Kind: backend.KindEnvironment,
		Project: backend.DefaultProject, Name: "third", KMSKey: &uri}}}
	if _, err := parts.Engine.Apply(cancelled, set); !errors.Is(err, backend.ErrUnavailable) {
		t.Fatalf("error %v", err)
	}
	healthy(t, parts, 0, nil) // the caller has ended the call, and not the KMS
	server.Down(true)
	healthy(t, parts, 0, nil) // nothing needs the KMS
	if err := createEnvironment(parts.Engine, "second", uri, false); !errors.Is(err, backend.ErrUnavailable) {
		t.Fatalf("error %v", err)
	}
	healthy(t, parts, 1, backend.ErrUnavailable)
	server.Down(false)
	healthy(t, parts, 0, nil)
	local := "" // the key of the folder
	if err := createEnvironment(parts.Engine, "own", local, false); err != nil {
		t.Fatal(err)
	}
	server.Down(true)
	own := backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "own",
		KMSKey: &uri}
	_, err := parts.Engine.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{own}})
	if !errors.Is(err, backend.ErrUnavailable) {
		t.Fatalf("error %v", err)
	}
	healthy(t, parts, 1, backend.ErrUnavailable)
}

// A KMS key that no stored key needs any more is no problem.
func TestHealthForgetsAPurgedEnvironment(t *testing.T) {
	server, c, _ := onKMS(t)
	parts := served(t, c)
	server.DropKey()
	secret := inProject(backend.OpCreate, backend.KindSecret, "dev", "s")
	secret.Generate = &backend.Generate{}
	if _, err := parts.Engine.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{secret}}); err == nil {
		t.Fatal("a value was written without the KMS key")
	}
	healthy(t, parts, 1, nil)
	purge := inProject(backend.OpDelete, backend.KindEnvironment, "", "dev")
	purge.Purge = true
	if _, err := parts.Engine.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{purge}}); err != nil {
		t.Fatal(err)
	}
	healthy(t, parts, 0, nil)
}

// The doctor reports what a search would refuse.
func TestProblemsOfATrustedFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows has no mode bits")
	}
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	b := opened(t, c)
	if problems, err := b.Problems(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("problems %v, %v", problems, err)
	}
	for name, mode := range map[string]os.FileMode{"first-token": 0o644, "pouncet.db": 0o666} {
		if err := os.Chmod(filepath.Join(c.Path, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	problems, err := b.Problems(t.Context())
	if err != nil || len(problems) != 2 || !errors.Is(problems[0], backend.ErrDenied) {
		t.Errorf("problems %v, %v", problems, err)
	}
}
