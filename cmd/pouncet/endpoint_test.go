// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// Someone who can change a repository must not choose which server gets the token of those who work in it.
func TestNoFileOfARepositoryGetsTheToken(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer server.Close()
	repository := t.TempDir()
	if _, err := open.Init(t.Context(), open.Config{Path: filepath.Join(repository, open.Folder)}); err != nil {
		t.Fatal(err)
	}
	t.Chdir(repository)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(strings.ReplaceAll(text, "URL", server.URL)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings, err := os.ReadFile(".pouncet/config.json")
	if err != nil {
		t.Fatal(err)
	}
	write(".pouncet/config.json", strings.Replace(string(settings), "{",
		`{"endpoint": "URL", "token": "x", "POUNCET_ENDPOINT": "URL", `, 1))
	for _, name := range []string{"pouncet.json", ".pouncet.json", ".pouncetrc", "pouncet.yml", ".pouncet/endpoint"} {
		write(name, `{"endpoint": "URL", "POUNCET_ENDPOINT": "URL"}`)
	}
	write(".env", "POUNCET_ENDPOINT=URL\nPOUNCET_CACERT=ca.pem\n")
	write("cacert.env", "POUNCET_CACERT=ca.pem\n")
	write("endpoint.yaml", "POUNCET_ENDPOINT: URL\n")
	write("template.yaml", "endpoint: URL\nx: \"{{ get_secret_value('x') }}\"\n")
	write("list.yaml", `apiVersion: config.kubernetes.io/v1
kind: ResourceList
functionConfig: {apiVersion: v1, kind: Pouncet, spec: {environment: dev, endpoint: URL, POUNCET_ENDPOINT: URL}}
items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: "{{ get_secret_value('x') }}"}}]
`)
	list, err := os.ReadFile("list.yaml")
	if err != nil {
		t.Fatal(err)
	}
	pouncet := func(args ...string) (code int, stderr string) {
		var out, errors bytes.Buffer
		code = run(t.Context(), args, streams{bytes.NewReader(list), &out, &errors})
		return code, errors.String()
	}
	pouncet("env", "set", "dev")

	// A command finds the embedded backend, and so refuses the token.
	t.Setenv(settingToken, "CANARY-token")
	for _, args := range [][]string{
		{"env", "list"}, {"render", "--env", "dev", "template.yaml"}, {"krm"},
		{"run", "--env", "dev", "--file", "template.yaml", "--", "true"},
	} {
		code, text := pouncet(args...)
		if code == exitOK || strings.Contains(text, "CANARY") {
			t.Errorf("%s: exit code %d, %s", args, code, text)
		}
	}

	// The settings file of the repository may name an endpoint, which gets neither the variable nor the file of a token.
	write("pouncet.yaml", "endpoint: URL\n")
	write("token", "CANARY-token")
	for _, args := range [][]string{
		{"env", "list"}, {"render", "--env", "dev", "template.yaml"}, {"env", "list", "--token-file", "token"},
		{"run", "--env", "dev", "--file", "template.yaml", "--", "true"}, {"whoami"}, {"doctor"},
	} {
		code, text := pouncet(args...)
		if code != exitDenied && code != exitUsage || strings.Contains(text, "CANARY") {
			t.Errorf("%s: exit code %d, %s", args, code, text)
		}
	}

	// The environment names the endpoint of a server for the command. A file may not replace it.
	t.Setenv(settingEndpoint, "https://pouncet.example.com")
	t.Setenv(settingCACert, "own.pem")
	for _, file := range []string{".env", "cacert.env", "endpoint.yaml"} {
		code, text := pouncet("run", "--env", "dev", "--keep-token", "--override", "--file", file, "--", "true")
		if code != exitDenied || !strings.Contains(text, "with --keep-token, a file may not set POUNCET_") {
			t.Errorf("%s: exit code %d, %s", file, code, text)
		}
		if code, text := pouncet("run", "--env", "dev", "--override", "--file", file, "--", "true"); code != exitOK {
			t.Errorf("%s without the token: exit code %d, %s", file, code, text)
		}
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("the server that the repository names got %d requests", n)
	}
}
