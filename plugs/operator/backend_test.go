// SPDX-License-Identifier: MPL-2.0

// Package operator_test runs the External Secrets example as the External
// Secrets operator does. The operator evaluates templates with sprig and
// answers with jsonpath. Nothing else in Pouncet needs these libraries, so this
// folder is its own module, and they stay out of Pouncet's go.mod.
package operator_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// pouncet is the path of the command line.
var pouncet string

// TestMain uses the programs that make built for all tests, or builds them into
// the same folder with the same flags.
func TestMain(m *testing.M) {
	dir := os.Getenv("POUNCET_TEST_PROGRAMS")
	if dir == "" {
		root, err := filepath.Abs("../..")
		if err == nil {
			dir = filepath.Join(root, "bin", "test")
			build := exec.Command("go", "build", "-C", root, "-trimpath", "-ldflags", "-s -w -X main.version=0.1.0",
				"-o", dir+string(filepath.Separator), ".", "./cmd/pouncet")
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			build.Stdout, build.Stderr = os.Stderr, os.Stderr
			err = build.Run()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "building the programs:", err)
			os.Exit(1)
		}
	}
	pouncet = filepath.Join(dir, "pouncet")
	os.Exit(m.Run())
}

// The values of the secrets. The canary must not be in any error.
const (
	canary     = "CANARY"
	dbPassword = canary + ` "s3: #x'é`
)

// serve makes a backend with the secrets of the example, starts a server in
// front of it, and returns the server's address and a runtime token.
func serve(t *testing.T) (endpoint, token string) {
	t.Helper()
	env := []string{"POUNCET_HOME=" + filepath.Join(t.TempDir(), ".pouncet")}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "POUNCET_") {
			env = append(env, v)
		}
	}
	run := func(stdin string, args ...string) string {
		t.Helper()
		var stderr strings.Builder
		cmd := exec.Command(pouncet, args...)
		cmd.Env, cmd.Stdin, cmd.Stderr = env, strings.NewReader(stdin), &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("pouncet %s: %v\n%s", args[0], err, stderr.String())
		}
		return string(out)
	}
	secret := func(name, value string, flags ...string) {
		t.Helper()
		run(value, append([]string{"secret", "set", name, "--env", "prod", "--stdin"}, flags...)...)
	}
	run("", "init")
	run("", "env", "set", "prod")
	run("", "env", "set", "dev")
	secret("db_password", canary+"-before")
	secret("db_password", dbPassword)
	secret("warehouse", `{"host":"db","port":5432,"username":"loader","password":"`+canary+`-json"}`,
		"--type", "database_connection")
	secret("keystore", "\xff\xfe"+canary)
	token = strings.TrimSpace(run("", "token", "create", "--role", "runtime", "--name", "operator"))

	server := exec.Command(pouncet, "server", "--quiet", "--listen", "127.0.0.1:0")
	server.Env = env
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		if err := server.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	// The first line of a server says where it listens.
	line, err := bufio.NewReader(stderr).ReadString('\n')
	endpoint, _, listens := strings.Cut(strings.TrimPrefix(line, "listening on "), ", ")
	if !listens {
		t.Fatalf("the server does not listen: %v\n%s", err, line)
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	return endpoint, token
}

// decode reads a file of the example, by the JSON names of the target's fields.
func decode(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "external-secrets", file))
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encoded, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
