// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// childDatabase tells the test binary that it is to be a writing process.
const childDatabase = "POUNCET_TEST_WRITE_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(childDatabase); path != "" {
		fmt.Fprintln(os.Stderr, writeForever(path, os.Args[1]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForever commits one thing after the other and prints each as soon as it
// is acknowledged: "s" and the name of a secret with its version, or "r" and
// the principal of a record. It returns only when something breaks.
func writeForever(path, prefix string) error {
	ctx := context.Background() // it is killed, not cancelled
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	var printing sync.Mutex
	acknowledge := func(kind, name string) {
		printing.Lock()
		defer printing.Unlock()
		fmt.Println(kind, name)
	}
	broken := make(chan error)
	go func() {
		for i := 0; ; i++ {
			name := fmt.Sprintf("%s_%d", prefix, i)
			if err := add(ctx, s, name); err != nil {
				broken <- err
			}
			acknowledge("s", name)
		}
	}()
	go func() {
		for i := 0; ; i++ {
			name := fmt.Sprintf("%s_%d", prefix, i)
			if err := s.AppendRecord(ctx, store.Record{At: time.Now(), Principal: name}); err != nil {
				broken <- err
			}
			acknowledge("r", name)
		}
	}()
	return <-broken
}

// TestKilled kills two processes that write to one database at random moments,
// again and again. Whatever they had been told was committed must be there,
// and nothing may be there by halves. POUNCET_TORTURE=1 does so for longer.
func TestKilled(t *testing.T) {
	rounds := 10
	if os.Getenv("POUNCET_TORTURE") == "1" {
		rounds = 300
	}
	path := filepath.Join(t.TempDir(), "pouncet.db")
	s, err := sqlite.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]bool{}
	for round := range rounds {
		const children = 2
		lines := make([][]string, children)
		var running sync.WaitGroup
		for i := range children {
			running.Go(func() { lines[i] = writeAndKill(t, path, fmt.Sprintf("%d_%d", round, i)) })
		}
		running.Wait()
		for _, l := range lines {
			for _, line := range l {
				acknowledged[line] = true
			}
		}
		wantAcknowledged(t, path, acknowledged, 2*children*(round+1))
		if t.Failed() {
			t.Fatalf("after round %d", round)
		}
	}
	t.Logf("%d acknowledged commits survived %d rounds", len(acknowledged), rounds)
}

// writeAndKill runs a writing process, kills it (SIGKILL) some time after its first
// commit, and returns what it had printed.
func writeAndKill(t *testing.T, path, prefix string) []string {
	child := exec.CommandContext(t.Context(), os.Args[0], prefix)
	child.Env = append(os.Environ(), childDatabase+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Error(err)
		return nil
	}
	if err := child.Start(); err != nil {
		t.Error(err)
		return nil
	}
	var lines []string
	for in := bufio.NewReader(out); ; {
		line, err := in.ReadString('\n')
		if err != nil { // what has no end was not printed
			break
		}
		if len(lines) == 0 {
			time.AfterFunc(time.Duration(rand.IntN(60_000))*time.Microsecond, func() { _ = child.Process.Kill() })
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	if err := child.Wait(); err == nil || child.ProcessState.ExitCode() == 1 {
		t.Errorf("the writing process ended by itself: %v", err)
	}
	return lines
}

// wantAcknowledged makes sure that a database is sound, that it holds all that was
// acknowledged, and no more than the few commits that were killed before they
// could be printed.
func wantAcknowledged(t *testing.T, path string, acknowledged map[string]bool, unprinted int) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	there := map[string]bool{}
	secrets := 0
	err = s.View(t.Context(), func(tx store.Tx) error {
		objects, err := tx.Objects(t.Context(), store.Filter{Kind: backend.KindSecret})
		for _, o := range objects {
			there["s "+o.Name] = true
			secrets++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wantSound(t, s, secrets)
	rows, err := raw(t, path).QueryContext(t.Context(), "SELECT principal FROM records")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var principal string
		if err := rows.Scan(&principal); err != nil {
			t.Fatal(err)
		}
		there["r "+principal] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for line := range acknowledged {
		if !there[line] {
			t.Errorf("%q was acknowledged and is lost", line)
		}
	}
	if extra := len(there) - len(acknowledged); extra > unprinted {
		t.Errorf("%d commits are there that were never acknowledged, at most %d were under way", extra, unprinted)
	}
}
