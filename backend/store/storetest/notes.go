// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// ReadLog is a log of the records of reads, with its notes of resolved secrets.
type ReadLog interface {
	store.RecordLog
	store.ResolvedNotes
	Close() error
}

// RunNotes tests the notes of a log of reads. open opens the log of a folder, as Open does.
func RunNotes(t *testing.T, open func(t testing.TB, dir string) ReadLog) {
	for _, c := range []struct {
		name string
		run  func(noteEnv)
	}{
		{"a secret is noted once a minute, by all processes together", notedOnceAMinute},
		{"the notes of a batch are those of its first records", notedInABatch},
		{"many secrets of one call are noted", manyAreNoted},
		{"a deleted note does not come back", notesAreForgotten},
		{"the notes begin with the log", notesBegin},
		{"a used token is noted once a minute, and forgotten", tokensAreNoted},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c.run(noteEnv{t, [2]ReadLog{open(t, dir), open(t, dir)}, time.Now().UTC().Truncate(time.Microsecond)})
		})
	}
}

// noteEnv is a log that two processes have open.
type noteEnv struct {
	*testing.T
	logs [2]ReadLog
	now  time.Time
}

// append adds a record of a project that resolves secrets, after some time.
func (e noteEnv) append(process int, after time.Duration, project, by string, secrets ...string) {
	e.Helper()
	r := store.Record{Log: project, At: e.now.Add(after), Principal: by, Verb: "resolve", Code: "ok", Resolved: secrets}
	if err := e.logs[process].AppendRecords(context.Background(), r); err != nil {
		e.Fatal(err)
	}
}

// want compares the notes of a project with the expected ones, as "SECRET by NAME after TIME".
func (e noteEnv) want(project string, want ...string) {
	e.Helper()
	notes, _, err := e.logs[1].LastResolved(context.Background(), project, []string{"a", "b", "c", "d", ""})
	if err != nil {
		e.Fatal(err)
	}
	var got []string
	for _, id := range slices.Sorted(maps.Keys(notes)) {
		got = append(got, fmt.Sprint(id, " by ", notes[id].By, " after ", notes[id].At.Sub(e.now)))
	}
	if !slices.Equal(got, want) {
		e.Errorf("the notes of %s are %s, want %s", project, strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

func notedOnceAMinute(e noteEnv) {
	e.append(0, 0, "p", "first", "a")
	e.append(0, 59*time.Second, "p", "second", "a", "b")
	e.append(1, 59*time.Second, "p", "third", "a") // this process has noted nothing yet
	e.append(1, 30*time.Second, "q", "other", "a") // of another project
	e.want("p", "a by first after 0s", "b by second after 59s")
	e.want("q", "a by other after 30s")
	e.append(1, 61*time.Second, "p", "fourth", "a", "b")
	e.append(0, 62*time.Second, "p", "fifth", "a", "b")
	e.want("p", "a by fifth after 1m2s", "b by second after 59s") // the other process had seen a after 59s
	e.append(0, 5*time.Minute, "p", "sixth", "a", "b")
	e.append(0, time.Second, "p", "late", "a", "c")
	e.want("p", "a by sixth after 5m0s", "b by sixth after 5m0s", "c by late after 1s")
}

func notedInABatch(e noteEnv) {
	record := func(after time.Duration, project, by string, secrets ...string) store.Record {
		return store.Record{Log: project, At: e.now.Add(after), Principal: by, Resolved: secrets}
	}
	err := e.logs[0].AppendRecords(context.Background(), record(0, "p", "one", "b", "a", "b"),
		record(time.Second, "p", "two", "a", "c"), record(0, "q", "one", "d"), record(0, "p", "none"))
	if err != nil {
		e.Fatal(err)
	}
	e.want("p", "a by one after 0s", "b by one after 0s", "c by two after 1s")
	e.want("q", "d by one after 0s")
}

func manyAreNoted(e noteEnv) {
	ids := []string{"a"}
	for i := range 1000 {
		ids = append(ids, fmt.Sprint("secret ", i))
	}
	e.append(0, 0, "p", "one", ids...)
	if err := e.logs[0].Close(); err != nil {
		e.Fatal(err)
	}
	notes, _, err := e.logs[1].LastResolved(context.Background(), "p", ids)
	if err != nil || len(notes) != len(ids) {
		e.Errorf("%d of %d secrets are noted, %v", len(notes), len(ids), err)
	}
}

func notesAreForgotten(e noteEnv) {
	e.append(0, 0, "p", "one", "a", "b")
	e.append(0, 0, "q", "one", "a")
	if err := e.logs[1].ForgetResolved(context.Background(), "p", []string{"a", "c", ""}); err != nil {
		e.Fatal(err)
	}
	e.append(0, time.Second, "p", "two", "a")
	e.want("p", "b by one after 0s")
	e.want("q", "a by one after 0s")
	if err := e.logs[1].ForgetResolved(context.Background(), "", []string{""}); err != nil {
		e.Fatal(err)
	}
	notesBegin(e)
}

func notesBegin(e noteEnv) {
	for _, ids := range [][]string{nil, {"a"}} {
		_, since, err := e.logs[0].LastResolved(context.Background(), "p", ids)
		if err != nil || since.IsZero() || e.now.Sub(since).Abs() > time.Hour {
			e.Errorf("the notes begin at %v, %v", since, err)
		}
	}
}

func tokensAreNoted(e noteEnv) {
	use := func(process int, after time.Duration, token, from string) {
		e.Helper()
		err := e.logs[process].NoteUsed(context.Background(), token, store.Resolved{At: e.now.Add(after), By: from})
		if err != nil {
			e.Fatal(err)
		}
	}
	use(0, 0, "a", "192.0.2.1")
	use(1, 59*time.Second, "a", "192.0.2.2")
	use(1, 59*time.Second, "b", "192.0.2.2")
	e.append(0, 0, "p", "one", "a") // a secret with the same id
	e.want(store.UsedTokens, "a by 192.0.2.1 after 0s", "b by 192.0.2.2 after 59s")
	use(1, time.Minute, "a", "")
	e.want(store.UsedTokens, "a by  after 1m0s", "b by 192.0.2.2 after 59s")
	if err := e.logs[0].ForgetResolved(context.Background(), store.UsedTokens, []string{"a"}); err != nil {
		e.Fatal(err)
	}
	e.want(store.UsedTokens, "b by 192.0.2.2 after 59s")
	e.want("p", "a by one after 0s")
}
