// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// programs returns the folder of the built programs.
var programs = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("POUNCET_TEST_PROGRAMS"); dir != "" {
		return dir, nil
	}
	dir, err := filepath.Abs("../bin/test")
	if err != nil {
		return "", err
	}
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath",
		"-ldflags", "-s -w -X main.version=0.1.0", "-o", dir+string(filepath.Separator), ".", "./cmd/pouncet")
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return dir, nil
})

// deployment is what all servers of a test share.
type deployment struct {
	database string // URL
	kmsKey   string
	token    string // of an admin
}

// process is a running pouncet server.
type process struct {
	command *exec.Cmd
	address string
	log     *output
}

// endpoint is the URL of a server.
func (p *process) endpoint() string { return "http://" + p.address }

// serve starts a server on an address and waits until it is ready. The first one of a database makes the token.
func (d *deployment) serve(t *testing.T, address string, flags ...string) *process {
	t.Helper()
	tokenFile := filepath.Join(t.TempDir(), "token")
	first := d.token == ""
	if first {
		flags = append(flags, "--first-token-file", tokenFile)
	}
	p := d.start(t, address, flags...)
	p.waitListening(t)
	waitFor(t, time.Minute, p.ready)
	if first {
		text, err := os.ReadFile(tokenFile)
		if err != nil {
			t.Fatal(err)
		}
		d.token = strings.TrimSpace(string(text))
	}
	return p
}

// start starts a server on an address.
func (d *deployment) start(t *testing.T, address string, flags ...string) *process {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"server", "--listen", address, "--kms-key", d.kmsKey, "--quiet"}, flags...)
	p := &process{address: address, log: &output{}}
	p.command = exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(dir, "pouncet"), args...)
	p.command.Env = append(os.Environ(), "POUNCET_DATABASE="+d.database)
	p.command.Stdout, p.command.Stderr = p.log, p.log
	endWithTest(p.command)
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
		if t.Failed() {
			t.Logf("the server on %s:\n%s", address, p.log.last())
		}
	})
	return p
}

// waitListening waits until a server says that it listens. Another program could have its address.
func (p *process) waitListening(t *testing.T) {
	t.Helper()
	waitFor(t, 2*time.Minute, func() error {
		if !strings.Contains(p.log.last(), "listening on") {
			return fmt.Errorf("the server does not listen:\n%s", p.log.last())
		}
		return nil
	})
}

// ready returns nil if a server says that it is ready.
func (p *process) ready() error {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(p.endpoint() + "/readyz") //nolint:noctx // it has a timeout
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answers %d", resp.StatusCode)
	}
	return nil
}

// clients returns a client of each server.
func (d *deployment) clients(t *testing.T, servers ...*process) (out []backend.Service) {
	t.Helper()
	for _, s := range servers {
		out = append(out, connect(t, s.endpoint(), d.token))
	}
	return out
}

// metric returns the value of a metric.
func metric(t *testing.T, url, name string) float64 {
	t.Helper()
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Get(url) //nolint:noctx // it has a timeout
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for in := bufio.NewScanner(resp.Body); in.Scan(); {
		if rest, ok := strings.CutPrefix(in.Text(), name+" "); ok {
			var value float64
			if _, err := fmt.Sscan(rest, &value); err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
