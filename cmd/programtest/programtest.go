// SPDX-License-Identifier: MPL-2.0

// Package programtest gives tests the programs of this repository: pouncet and
// terraform-provider-pouncet. All test packages share one build.
package programtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Version is what both programs print as their version.
const Version = "0.1.0"

// Dir returns the folder that holds the programs. `make` builds them first and
// names the folder in POUNCET_TEST_PROGRAMS. Without that variable, the first
// call in a process builds them into bin/test, which takes a second when they
// are up to date.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Pouncet returns the path of the command line.
func Pouncet(t testing.TB) string {
	t.Helper()
	name := "pouncet"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(Dir(t), name)
}

var built = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("POUNCET_TEST_PROGRAMS"); dir != "" {
		return dir, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "bin", "test")
	// The flags of `make build`, so that each uses what the other compiled.
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags",
		"-s -w -X main.version="+Version,
		"-o", dir+string(filepath.Separator), ".", "./cmd/pouncet")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return dir, nil
})

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, "go.mod")); statErr == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			err = errors.New("no go.mod in any folder above the test")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}
