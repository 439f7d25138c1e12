// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// childDatabase is an environment variable that makes the test binary write to this database.
const childDatabase = "POUNCET_TEST_WRITE_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(childDatabase); path != "" {
		fmt.Fprintln(os.Stderr, writeForever(path, os.Args[1]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writers is the number of goroutines that add secrets in each process, and readers of those that append records of
// reads. They share commits.
const writers, readers = 8, 8

// writeForever commits rows and prints each after its commit: "s" and the name of a secret with its version, "c" and
// the principal of a record of a change, or "r" and that of a record of a read. It returns only when an error occurs.
func writeForever(path, prefix string) error {
	ctx := context.Background() // the process is killed, not cancelled
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	reads, err := sqlite.OpenReadLog(ctx, readsBeside(path), s.Deployment())
	if err != nil {
		return err
	}
	var printing sync.Mutex
	acknowledge := func(rowType, name string) {
		printing.Lock()
		defer printing.Unlock()
		fmt.Println(rowType, name)
	}
	failed := make(chan error)
	for w := range writers {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%s_%d_%d", prefix, w, i)
				if err := add(ctx, s, name); err != nil {
					failed <- err
				}
				acknowledge("s", name)
			}
		}()
	}
	go func() {
		for i := 0; ; i++ {
			name := fmt.Sprintf("%s_%d", prefix, i)
			if err := s.AppendRecords(ctx, store.Record{At: time.Now(), Principal: name}); err != nil {
				failed <- err
			}
			acknowledge("c", name)
		}
	}()
	for reader := range readers {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%s_%d_%d", prefix, reader, i)
				if err := reads.AppendRecords(ctx, store.Record{At: time.Now(), Principal: name}); err != nil {
					failed <- err
				}
				acknowledge("r", name)
			}
		}()
	}
	return <-failed
}

// The test kills two processes that write to one database, many times and at random. POUNCET_TORTURE=1 runs more
// rounds.
func TestCommitsSurviveAKilledProcess(t *testing.T) {
	rounds := 10
	if os.Getenv("POUNCET_TORTURE") == "1" {
		rounds = 300
	}
	path := newDatabase(t)
	newReadLog(t, path)
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
		wantAcknowledged(t, path, acknowledged, (writers+readers+1)*children*(round+1))
		if t.Failed() {
			t.Fatalf("round %d failed", round)
		}
	}
	t.Logf("%d acknowledged commits survived %d rounds", len(acknowledged), rounds)
}

// writeAndKill runs a writing process, kills it (SIGKILL) some time after its first commit, and returns the lines
// that it printed.
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
		if err != nil { // a line without an end does not count
			break
		}
		if len(lines) == 0 {
			time.AfterFunc(time.Duration(rand.IntN(60_000))*time.Microsecond, func() { _ = child.Process.Kill() })
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	if err := child.Wait(); err == nil || child.ProcessState.ExitCode() == 1 {
		t.Errorf("the writing process ended before it was killed: %v", err)
	}
	return lines
}

// wantAcknowledged checks that a database is undamaged, that it holds all acknowledged commits, and at most this number
// of other commits, whose process was killed before it printed them.
func wantAcknowledged(t *testing.T, path string, acknowledged map[string]bool, unprinted int) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stored := map[string]bool{}
	secrets := 0
	err = s.View(t.Context(), func(tx store.Tx) error {
		objects, err := tx.Objects(t.Context(), store.Filter{Kind: backend.KindSecret})
		for _, o := range objects {
			stored["s "+o.Name] = true
			secrets++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wantIntact(t, s, secrets)
	for _, principal := range numbered(t, path, "change_record")[""] {
		stored["c "+principal] = true
	}
	for _, principal := range numbered(t, readsBeside(path), "read_record")[""] {
		stored["r "+principal] = true
	}
	for line := range acknowledged {
		if !stored[line] {
			t.Errorf("the acknowledged commit %q is lost", line)
		}
	}
	if extra := len(stored) - len(acknowledged); extra > unprinted {
		t.Errorf("the database has %d commits that were not acknowledged, want at most %d", extra, unprinted)
	}
}
