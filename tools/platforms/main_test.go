// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":          "module example.com/m\n\ngo 1.26\n",
		"all.go":          "package m\n\nimport \"strings\"\n\nfunc Upper(s string) string { return strings.ToUpper(s) }\n",
		"bad_windows.go":  "package m\n\nvar n int = Upper(\"x\")\n",
		"bad_darwin.go":   "package m\n\nfunc f(n int) string { return string(n) }\n",
		"m_linux_test.go": "package m\n\nimport \"testing\"\n\nfunc TestUpper(t *testing.T) { _ = Upper(\"x\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for platform, want := range map[string]string{
		"linux/amd64":   "",
		"windows/arm64": "bad_windows.go:3:13: cannot use Upper",
		"darwin/amd64":  "bad_darwin.go:3:31: conversion from int to string",
	} {
		problems, err := check(dir, platform)
		if err != nil {
			t.Errorf("%s: %v", platform, err)
		}
		if got := strings.Join(problems, "\n"); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", platform, got, want)
		}
	}
}
