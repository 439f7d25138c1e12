// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// silentInput is an input that never gives data and never ends. It calls
// waiting when it is read.
type silentInput struct{ waiting context.CancelFunc }

func (s silentInput) Read([]byte) (int, error) {
	s.waiting()
	select {}
}

func TestInterruptEndsTheWaitForInput(t *testing.T) {
	for _, args := range [][]string{
		{"secret", "set", "s", "--env", "prod", "--stdin"},
		{"render", "--env", "prod", "-"},
		{"krm", "--env", "prod"},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		var out, stderr bytes.Buffer
		code := run(ctx, args, streams{silentInput{cancel}, &out, &stderr})
		if code != exitInterrupted || stderr.String() != "pouncet: interrupted\n" {
			t.Errorf("%v: exit code %d, %q", args, code, stderr.String())
		}
		cancel()
	}
}

func TestInterruptEndsARequest(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server notices a closed connection only after this
		cancel()
		<-r.Context().Done()
	}))
	defer server.Close()
	t.Setenv(settingToken, "pnct_"+strings.Repeat("0", 43)+"00000000")
	var out, stderr bytes.Buffer
	args := []string{"secret", "list", "--endpoint", server.URL}
	code := run(ctx, args, streams{strings.NewReader(""), &out, &stderr})
	if code != exitInterrupted || stderr.String() != "pouncet: interrupted\n" {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}

func TestInterruptEndsTheWaitForTheDatabase(t *testing.T) {
	t.Setenv(settingHome, filepath.Join(t.TempDir(), ".pouncet"))
	run(context.Background(), []string{"init"}, streams{nil, io.Discard, io.Discard})
	s, err := sqlite.Open(context.Background(), filepath.Join(os.Getenv(settingHome), "pouncet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Update(context.Background(), func(store.Tx) error {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(300*time.Millisecond, cancel)
		var stderr bytes.Buffer
		code := run(ctx, []string{"env", "set", "dev"}, streams{nil, io.Discard, &stderr})
		if code != exitInterrupted || stderr.String() != "pouncet: interrupted\n" {
			t.Errorf("exit code %d, %q", code, stderr.String())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestErrorsHaveHints checks that the error of a wrong command line has two
// lines: the error and its hint.
func TestErrorsHaveHints(t *testing.T) {
	for _, args := range []string{
		"nonsense", "secret list --nonsense", "secret set", "secret set a=b", "resolve x", "server --listen",
		"token create", "help nonsense", "review .", "krm x", "value set v --env prod --field f",
	} {
		var stderr bytes.Buffer
		t.Setenv("POUNCET_ENV", "")
		s := streams{strings.NewReader(""), &bytes.Buffer{}, &stderr}
		code := run(context.Background(), strings.Fields(args), s)
		if code != exitUsage {
			t.Errorf("%s: exit code %d", args, code)
		}
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		if len(lines) != 2 || !strings.HasPrefix(lines[0], "pouncet: ") || !strings.HasPrefix(lines[1], "  ") {
			t.Errorf("%s: %q", args, stderr.String())
		}
	}
}

// BenchmarkColdStart runs a whole process that needs no backend.
func BenchmarkColdStart(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c := exec.Cmd{Path: self, Args: []string{"pouncet", "version"}}
		if err := c.Run(); err != nil {
			b.Fatal(err)
		}
	}
}
