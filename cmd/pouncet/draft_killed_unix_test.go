// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// A deployment whose process is killed at any moment has made all changes of the draft or none. A draft that was not
// deployed can be deployed then.
func TestAKilledDeploymentMadeAllOrNone(t *testing.T) {
	rounds := 6
	if os.Getenv("POUNCET_TORTURE") == "1" {
		rounds = 100
	}
	const changes = 100 // the quota of a new project
	folder := filepath.Join(t.TempDir(), "backend")
	change := func(draft string, changes ...backend.Change) {
		t.Helper()
		b, err := open.Open(t.Context(), open.Config{Path: folder, CreateIfAbsent: true})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if _, err := b.Apply(t.Context(), backend.ChangeSet{Draft: draft, Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	values := func(text string) (out []backend.Change) {
		for i := range changes {
			out = append(out, backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject,
				Environment: "dev", Name: fmt.Sprint("s", i), Value: backend.PlaintextString(text)})
		}
		return out
	}
	deploy := backend.Change{Op: backend.OpDeploy, Kind: backend.KindDraft, Project: backend.DefaultProject, Name: "d"}
	change("", backend.Change{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: backend.DefaultProject,
		Name: "dev"})
	change("", values("value 0")...)
	killed, took := 0, time.Duration(0)
	for round := range rounds {
		before, after := fmt.Sprint("value ", round), fmt.Sprint("value ", round+1)
		change("d", values(after)...)
		start := time.Now()
		if killedDeployment(t, folder, took) {
			killed++
		} else {
			took = time.Since(start) // how long it takes, for the rounds that follow
		}
		got := onlyValue(t, folder, changes)
		switch drafts := draftsOf(t, folder); {
		case got == after && drafts == 0:
		case got == before && drafts == 1:
			change("", deploy)
			if got := onlyValue(t, folder, changes); got != after {
				t.Fatalf("round %d: deployed again, the value is %q, want %q", round, got, after)
			}
		default:
			t.Fatalf("round %d: the value is %q, and there are %d drafts", round, got, drafts)
		}
	}
	t.Logf("%d of %d deployments were killed", killed, rounds)
}

// killedDeployment runs "draft deploy d" and kills the process some time before it would end, if that time is known.
func killedDeployment(t *testing.T, folder string, took time.Duration) (killed bool) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "pouncet", "draft", "deploy", "d", "--yes")
	c.Env = append(os.Environ(), "POUNCET_HOME="+folder, "HOME="+t.TempDir())
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if took > 0 {
		time.AfterFunc(rand.N(took), func() { _ = c.Process.Kill() })
	}
	err := c.Wait()
	if err != nil && c.ProcessState.Exited() {
		t.Fatalf("the deployment failed: %v", err)
	}
	return err != nil
}

// onlyValue returns the value that all secrets have.
func onlyValue(t *testing.T, folder string, n int) string {
	t.Helper()
	b, err := open.Open(t.Context(), open.Config{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	refs := make([]backend.Ref, n)
	for i := range refs {
		refs[i] = backend.Ref{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev",
			Name: fmt.Sprint("s", i)}
	}
	out, err := b.Resolve(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	value := string(out[0].Value.Expose())
	for i, r := range out {
		if got := string(r.Value.Expose()); got != value || r.Err != nil {
			t.Fatalf("secret 0 has %q, and secret %d has %q: %v", value, i, got, r.Err)
		}
	}
	return value
}

func draftsOf(t *testing.T, folder string) int {
	t.Helper()
	b, err := open.Open(t.Context(), open.Config{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	page, err := b.Query(t.Context(), backend.Query{Kind: backend.KindDraft, Project: backend.DefaultProject})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Objects)
}
