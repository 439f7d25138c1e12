// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"context"
	"errors"
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
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=0.1.0",
		"-o", dir+string(filepath.Separator), ".", "./cmd/pouncet")
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return dir, nil
})

// deployment is what all servers of a test share.
type deployment struct {
	database string // URL; "" for an embedded backend
	home     string // folder of an embedded backend
	kmsKey   string
	token    string
	env      []string // more variables of the servers
	prefix   []string // of the command of a server, such as "faketime"
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
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{}, d.prefix...)
	args = append(args, filepath.Join(dir, "pouncet"), "server", "--listen", address, "--kms-key", d.kmsKey, "--quiet")
	tokenFile := ""
	if d.token == "" && d.database != "" {
		tokenFile = filepath.Join(t.TempDir(), "token")
		args = append(args, "--first-token-file", tokenFile)
	}
	args = append(args, flags...)
	p := &process{address: address, log: &output{}}
	p.command = exec.CommandContext(context.WithoutCancel(t.Context()), args[0], args[1:]...)
	p.command.Env = append(os.Environ(), d.env...)
	if d.database != "" {
		p.command.Env = append(p.command.Env, "POUNCET_DATABASE="+d.database)
	} else {
		p.command.Env = append(p.command.Env, "POUNCET_HOME="+d.home)
	}
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
	waitFor(t, time.Minute, func() error {
		err := p.ready()
		if !strings.Contains(p.log.last(), "listening on") {
			err = errors.New("the server does not listen")
		}
		if err != nil {
			return fmt.Errorf("%w\n%s", err, p.log.last())
		}
		return nil
	})
	if tokenFile != "" {
		text, err := os.ReadFile(tokenFile)
		if err != nil {
			t.Fatal(err)
		}
		d.token = strings.TrimSpace(string(text))
	}
	return p
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
