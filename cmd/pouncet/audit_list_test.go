// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/push"
)

func TestCSVCellsAreNoFormulas(t *testing.T) {
	texts := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "plain", "a,b", `say "x"`, "two\nlines", ""}
	line := csvLine(texts)
	if strings.ContainsAny(line, "\r\n\t") {
		t.Errorf("the line has a control character: %q", line)
	}
	got, err := csv.NewReader(strings.NewReader(line + "\n")).Read()
	if err != nil || len(got) != len(texts) {
		t.Fatalf("%q: %q, %v", line, got, err)
	}
	for i, text := range texts {
		if i < 7 && !strings.HasPrefix(got[i], "'") || i >= 7 && strings.HasPrefix(got[i], "'") {
			t.Errorf("%q becomes %q", text, got[i])
		}
	}
	if texts[0] != "=1+1" {
		t.Error("the texts were changed")
	}
}

// A record that somebody has changed in the database does not break the lines of an export.
func TestAChangedRecordIsATextInItsLine(t *testing.T) {
	for _, line := range []string{"{", "{}\n{}", "", "\"\x1b[2J\"x"} {
		var out bytes.Buffer
		a := &app{out: &output{to: &out}}
		a.printRecordLine(backend.Object{ID: "reads/p/1", Record: &backend.Record{Line: line}})
		var got map[string]string
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["id"] != "reads/p/1" || got["changed_line"] != line ||
			strings.Count(out.String(), "\n") != 1 || strings.ContainsRune(out.String(), '\x1b') {
			t.Errorf("%q is printed as %q: %v", line, out.String(), err)
		}
	}
}

func TestTailFollowsTheLog(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	try := func(args ...string) {
		t.Helper()
		var out bytes.Buffer
		if code := run(t.Context(), args, streams{strings.NewReader(""), &out, &out}); code != 0 {
			t.Fatalf("%q ends with %d: %s", args, code, out.String())
		}
	}
	try("init")
	try("env", "set", "before")
	ctx, stop := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan int)
	go func() {
		var notes bytes.Buffer
		ended <- run(ctx, []string{"audit", "tail", "--follow", "--limit", "1"},
			streams{strings.NewReader(""), write, &notes})
	}()
	lines := bufio.NewScanner(read)
	for _, name := range []string{"before", "first", "second"} {
		if name != "before" {
			try("env", "set", name)
		}
		if !lines.Scan() || !strings.Contains(lines.Text(), "environment "+name) {
			t.Fatalf("the line is %q, want one about environment %s", lines.Text(), name)
		}
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("the command ends with %d", code)
	}
}

// A checkpoint that cannot be sent is a problem of a server that stays ready.
func TestACheckpointThatIsNotSentIsAProblem(t *testing.T) {
	target, err := push.Parse(filepath.Join(t.TempDir(), "missing", "checkpoint.txt"))
	if err != nil {
		t.Fatal(err)
	}
	s := auditServer{pusher: push.NewPusher(failingLog{}, target, push.MinInterval)}
	check := s.withProblems(func(context.Context) ([]error, error) { return nil, nil })
	if problems, err := check(t.Context()); len(problems) > 0 || err != nil {
		t.Errorf("before: %v, %v", problems, err)
	}
	_, _ = s.pusher.Push(t.Context())
	problems, err := check(t.Context())
	const says = "no checkpoint of the audit log was sent"
	if len(problems) != 1 || err != nil || !strings.Contains(problems[0].Error(), says) {
		t.Errorf("after a failure: %v, %v", problems, err)
	}
}

type failingLog struct{}

func (failingLog) NextCheckpoint(context.Context, []merkle.Head) ([]byte, error) {
	return nil, backend.Errorf(backend.CodeUnavailable, "the database cannot be read")
}

func (failingLog) OpenCheckpoint(context.Context, []byte) (merkle.Checkpoint, error) {
	return merkle.Checkpoint{}, nil
}
