// SPDX-License-Identifier: MPL-2.0

package postgres_test

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

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// childDatabase is an environment variable that makes the test binary write to this database.
const childDatabase = "POUNCET_TEST_WRITE_TO"

func TestMain(m *testing.M) {
	if address := os.Getenv(childDatabase); address != "" {
		fmt.Fprintln(os.Stderr, writeForever(address, os.Args[1]))
		os.Exit(1)
	}
	os.Exit(postgrestest.Run(m))
}

// writers is the number of goroutines of a process that write in each way. They share commits.
const writers = 8

// writeForever commits rows and prints each after its commit: "s" and the name of a secret with its record, or "r" and
// the principal of a record of a read. It returns only when an error occurs.
func writeForever(address, prefix string) error {
	ctx := context.Background() // the process is killed, not cancelled
	s, err := postgres.Open(ctx, address)
	if err != nil {
		return err
	}
	var printing sync.Mutex
	failed := make(chan error, 2*writers)
	repeat := func(kind string, write func(name string) error) {
		for w := range writers {
			go func() {
				for i := 0; ; i++ {
					name := fmt.Sprintf("%s_%d_%d", prefix, w, i)
					if err := write(name); err != nil {
						failed <- err
						return
					}
					printing.Lock()
					fmt.Println(kind, name)
					printing.Unlock()
				}
			}()
		}
	}
	repeat("s", func(name string) error {
		return s.Update(ctx, func(tx store.Tx) error {
			if err := tx.InsertObject(ctx, secret(name)); err != nil {
				return err
			}
			if err := tx.SaveState(ctx, store.State{Name: store.ContentsState, Sealed: []byte(name)}); err != nil {
				return err
			}
			return tx.AppendRecord(ctx, store.Record{Log: "p", At: time.Now(), Principal: name})
		})
	})
	repeat("r", func(name string) error {
		return s.Reads().AppendRecords(ctx, store.Record{Log: "p", At: time.Now(), Principal: name})
	})
	return <-failed
}

// The test kills two servers that write to one database, and then PostgreSQL too, many times and at random.
// POUNCET_TORTURE=1 runs more rounds.
func TestCommitsSurviveAKilledServer(t *testing.T) {
	rounds := 4
	if os.Getenv("POUNCET_TORTURE") == "1" {
		rounds = 100
	}
	server := postgrestest.Start(t, "fsync=on", "full_page_writes=on")
	address := server.URL("postgres")
	if err := postgres.Create(t.Context(), address, noContent); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]bool{}
	for round := range rounds {
		const children = 2
		lines := make([][]string, children)
		var running, uncommitted sync.WaitGroup
		uncommitted.Add(children)
		for i := range children {
			running.Go(func() {
				prefix := fmt.Sprintf("%d_%d", round, i)
				lines[i] = writeAndKill(t, address, prefix, &uncommitted, func(kill func()) {
					if round%2 == 1 && i == 0 { // PostgreSQL first, so that commits break
						server.Kill()
					}
					kill()
				})
			})
		}
		running.Wait()
		for _, l := range lines {
			for _, line := range l {
				acknowledged[line] = true
			}
		}
		if round%2 == 1 {
			if err := server.Launch(t.Context(), "fsync=on", "full_page_writes=on"); err != nil {
				t.Fatal(err)
			}
		}
		wantAcknowledged(t, address, acknowledged, 2*writers*children*(round+1))
	}
	t.Logf("%d acknowledged commits survived %d rounds", len(acknowledged), rounds)
}

// writeAndKill runs a writing process, kills it (SIGKILL) some time after the first commit of every process, and
// returns the lines that it printed. uncommitted counts the processes that have committed nothing yet.
func writeAndKill(
	t *testing.T, address, prefix string, uncommitted *sync.WaitGroup, end func(kill func()),
) (lines []string) {
	defer func() {
		if len(lines) == 0 {
			uncommitted.Done()
		}
	}()
	child := exec.CommandContext(t.Context(), os.Args[0], prefix)
	child.Env = append(os.Environ(), childDatabase+"="+address)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Error(err)
		return nil
	}
	if err := child.Start(); err != nil {
		t.Error(err)
		return nil
	}
	var ending sync.WaitGroup
	for in := bufio.NewReader(out); ; {
		line, err := in.ReadString('\n')
		if err != nil { // a line without an end does not count
			break
		}
		if len(lines) == 0 {
			uncommitted.Done()
			ending.Go(func() {
				uncommitted.Wait()
				time.Sleep(time.Duration(rand.IntN(200_000)) * time.Microsecond)
				end(func() { _ = child.Process.Kill() })
			})
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	ending.Wait()
	_ = child.Wait() // it was killed, or PostgreSQL was
	if len(lines) == 0 {
		t.Error("a writing process has committed nothing")
	}
	return lines
}

// wantAcknowledged checks that a database holds all acknowledged commits, each with its record, and at most this number
// of other commits, whose process was killed before it printed them.
func wantAcknowledged(t *testing.T, address string, acknowledged map[string]bool, unprinted int) {
	t.Helper()
	stored := map[string]bool{}
	for kind, from := range map[string]string{
		"s": "name FROM pouncet.object", "r": "principal FROM pouncet.read_record",
	} {
		for _, name := range query(t, address, "SELECT "+from) {
			stored[kind+" "+name] = true
		}
	}
	for line := range acknowledged {
		if !stored[line] {
			t.Fatalf("the acknowledged commit %q is lost", line)
		}
	}
	if extra := len(stored) - len(acknowledged); extra > unprinted {
		t.Errorf("the database has %d commits that were not acknowledged, want at most %d", extra, unprinted)
	}
	for what, statement := range map[string]string{
		"secrets without a record": `SELECT o.name FROM pouncet.object o FULL JOIN pouncet.change_record r
			ON r.principal = o.name WHERE o.name IS NULL OR r.principal IS NULL`,
		"logs with a gap": `SELECT log FROM pouncet.change_record GROUP BY log HAVING count(*) <> max(number)
			UNION ALL SELECT log FROM pouncet.read_record GROUP BY log HAVING count(*) <> max(number)`,
		"records that stand twice": `SELECT principal FROM pouncet.change_record GROUP BY principal HAVING count(*) > 1
			UNION ALL SELECT principal FROM pouncet.read_record GROUP BY principal HAVING count(*) > 1`,
		"states of a change that is not there": `SELECT convert_from(sealed, 'UTF8') FROM pouncet.sealed_state
			WHERE convert_from(sealed, 'UTF8') NOT IN (SELECT name FROM pouncet.object)`,
	} {
		if rows := query(t, address, statement); len(rows) > 0 {
			t.Errorf("there are %s: %q", what, rows)
		}
	}
}
