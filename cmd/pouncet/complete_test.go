// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// completionBackend makes an embedded backend in a folder with some secrets.
func completionBackend(t testing.TB, folder string, secrets ...string) {
	t.Helper()
	b, err := open.Open(t.Context(), open.Config{Path: filepath.Join(folder, open.Folder), CreateIfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	changes := []backend.Change{
		{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "dev"},
		{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "prod"},
	}
	for _, name := range secrets {
		changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindSecret,
			Project: backend.DefaultProject, Environment: "prod", Name: name, Generate: &backend.Generate{}})
	}
	changes[len(changes)-1].Scope = "app/web"
	if _, err := b.Apply(t.Context(), backend.ChangeSet{Changes: changes}); err != nil {
		t.Fatal(err)
	}
}

func complete(t testing.TB, words ...string) (out, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	args := append([]string{"__completeNoDesc"}, words...)
	if code := run(t.Context(), args, streams{strings.NewReader(""), &o, &e}); code != exitOK {
		t.Errorf("%q: exit code %d: %s", words, code, e.String())
	}
	return o.String(), e.String()
}

func TestCompletionOfNames(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	t.Setenv("HOME", folder)
	t.Setenv("XDG_CONFIG_HOME", folder)
	completionBackend(t, folder, "db_password", "db_user", "api_key")
	for words, want := range map[string]string{
		"secret show |":                      "api_key db_password db_user",
		"secret show db_|":                   "db_password db_user",
		"secret show --scope app/web |":      "api_key",
		"secret show --env dev |":            "",
		"secret show db_user |":              "",
		"secret delete db_user |":            "api_key db_password",
		"secret restore |":                   "",
		"secret list --env |":                "* dev prod",
		"secret set x --scope |":             "app/web project",
		"secret set x --type data|":          "database_connection",
		"secret list --project |":            "default",
		"env diff dev |":                     "prod",
		"value set v --from-secret api|":     "api_key",
		"token create --role |":              "admin auditor editor none planner revealer runtime viewer",
		"token create --for |":               "person workload",
		"secret list --profile |":            "",
		"secret show --endpoint http://[ |":  "",
		"secret show --project nowhere |":    "",
		"secret show --token-file nowhere |": "",
		"secret show --profile nowhere |":    "",
		"secret show --endpoint http://127.0.0.1:1 --token-file token |": "",
	} {
		args := strings.Split(strings.TrimSuffix(words, "|"), " ")
		out, stderr := complete(t, args...)
		names, _, _ := strings.Cut(out, ":")
		if got := strings.Join(strings.Fields(names), " "); got != want {
			t.Errorf("%s: got %q, want %q", words, got, want)
		}
		if strings.Contains(stderr, "pouncet:") {
			t.Errorf("%s: prints %q", words, stderr)
		}
	}
}

// The scope of an entry is found after any number of entries in other scopes, and so are drafts.
func TestCompletionOfScopesAndDrafts(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	t.Setenv("HOME", folder)
	t.Setenv("XDG_CONFIG_HOME", folder)
	completionBackend(t, folder, "api_key")
	b, err := open.Open(t.Context(), open.Config{Path: filepath.Join(folder, open.Folder)})
	if err != nil {
		t.Fatal(err)
	}
	value := backend.Change{Op: backend.OpCreate, Kind: backend.KindScopedValue, Project: backend.DefaultProject,
		Environment: "prod", JSON: []byte("1")}
	changes := make([]backend.Change, maxCompletions)
	for i := range changes {
		changes[i] = value
		changes[i].Name = fmt.Sprint("v", i)
	}
	value.Name, value.Scope = "zebra", "pipeline/orders"
	for _, set := range []backend.ChangeSet{{Changes: changes}, {Changes: []backend.Change{value}},
		{Changes: []backend.Change{{Op: backend.OpDelete, Kind: backend.KindScopedValue, Project: backend.DefaultProject,
			Environment: "prod", Name: "v1"}}, Draft: "release-7"}} {
		if _, err := b.Apply(t.Context(), set); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]string{
		"secret list --scope |":          "app/web pipeline/orders project",
		"draft show |":                   "release-7",
		"draft deploy rel|":              "release-7",
		"secret set x --draft |":         "release-7",
		"push files --draft rel|":        "release-7",
		"draft drop release-7 |":         "",
		"draft list --project nowhere |": "",
	} {
		out, stderr := complete(t, strings.Split(strings.TrimSuffix(words, "|"), " ")...)
		names, _, _ := strings.Cut(out, ":")
		if got := strings.Join(strings.Fields(names), " "); got != want || strings.Contains(stderr, "pouncet:") {
			t.Errorf("%s: got %q, want %q; prints %q", words, got, want, stderr)
		}
	}
}

// A completion creates no backend, and asks no server without a token for it.
func TestCompletionLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	t.Setenv("HOME", folder)
	t.Setenv("XDG_CONFIG_HOME", folder)
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	for _, text := range []string{"", "endpoint: " + server.URL + "\n", "nonsense: x\n"} {
		if text != "" {
			if err := os.WriteFile("pouncet.yaml", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv(settingToken, map[bool]string{true: "pnct_x"}[text != ""])
		out, stderr := complete(t, "secret", "show", "")
		if !strings.HasPrefix(out, ":") || strings.Contains(stderr, "pouncet:") {
			t.Errorf("%q: got %q, %q", text, out, stderr)
		}
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 1 || asked {
		t.Errorf("%d files, %v; the server was asked: %v", len(files), err, asked)
	}
}

// Pressing a key does not upgrade a backend of an earlier release, which that release could not open any more.
func TestCompletionUpgradesNothing(t *testing.T) {
	earlier, err := filepath.Abs("../../backend/open/testdata/schema-4")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("HOME", t.TempDir())
	if err := os.CopyFS(open.Folder, os.DirFS(earlier)); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(open.Folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := os.Chmod(filepath.Join(open.Folder, file.Name()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(open.Folder, 0o700); err != nil {
		t.Fatal(err)
	}
	database := filepath.Join(open.Folder, "pouncet.db")
	before, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	out, stderr := complete(t, "secret", "show", "")
	if !strings.HasPrefix(out, ":") || strings.Contains(stderr, "pouncet:") {
		t.Errorf("got %q, %q", out, stderr)
	}
	if after, err := os.ReadFile(database); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the completion has changed the database (%v)", err)
	}
	var refused bytes.Buffer
	if code := run(t.Context(), []string{"env", "list"}, streams{nil, new(bytes.Buffer), &refused}); code != exitOK {
		t.Errorf("a command cannot upgrade it: exit code %d: %s", code, refused.String())
	}
}

// completionServer lists secrets, and notes the queries. One of an earlier release knows no prefix of names.
type completionServer struct {
	backend.Service
	earlier bool
	queries *[]backend.Query
}

func (s completionServer) Query(_ context.Context, q backend.Query) (backend.Page, error) {
	*s.queries = append(*s.queries, q)
	if s.earlier && q.NamePrefix != "" {
		return backend.Page{}, backend.Errorf(backend.CodeInvalid, "field name_prefix is unknown")
	}
	page := backend.Page{Objects: []backend.Object{}}
	for _, name := range []string{"api_key", "db_password", "db_user", "host"} {
		if strings.HasPrefix(name, q.NamePrefix) {
			page.Objects = append(page.Objects, backend.Object{Kind: q.Kind, Name: name})
		}
	}
	return page, nil
}

// A completion asks only for the names that begin with the typed letters, so that it takes as long among many names.
func TestCompletionAsksForThePrefix(t *testing.T) {
	for _, earlier := range []bool{false, true} {
		t.Chdir(t.TempDir())
		t.Setenv("HOME", t.TempDir())
		t.Setenv(settingToken, "pnct_"+strings.Repeat("0", 43)+"00000000")
		var queries []backend.Query
		running := httptest.NewServer(httpapi.NewServer(completionServer{earlier: earlier, queries: &queries},
			func(context.Context, string) (backend.Principal, error) {
				return backend.Principal{Name: "a", Role: backend.RoleViewer}, nil
			}, httpapi.Options{}))
		t.Cleanup(running.Close)
		out, _ := complete(t, "secret", "show", "--endpoint", running.URL, "db_")
		if names, _, _ := strings.Cut(out, ":"); names != "db_password\ndb_user\n" {
			t.Errorf("earlier release %v: the names are %q", earlier, names)
		}
		if len(queries) == 0 || queries[0].NamePrefix != "db_" || queries[0].Limit != maxCompletions {
			t.Errorf("the queries are %+v, want the names with the prefix db_", queries)
		}
		queries = nil
		complete(t, "secret", "show", "--endpoint", running.URL, "--scope", "app/")
		if len(queries) == 0 || queries[0].Kind != backend.KindScope || queries[0].NamePrefix != "app/" {
			t.Errorf("the queries are %+v, want the scopes with the prefix app/", queries)
		}
	}
}

// TestCompletionInShells loads the script of each shell into the shell itself.
func TestCompletionInShells(t *testing.T) {
	folder := t.TempDir()
	completionBackend(t, folder, "db_password", "db_user", "api_key")
	programs := programtest.Dir(t)
	for shell, script := range map[string]string{
		"bash": `source /usr/share/bash-completion/bash_completion; source <(pouncet completion bash)
COMP_WORDS=(pouncet secret show db_p); COMP_CWORD=3; COMP_LINE="pouncet secret show db_p"; COMP_POINT=${#COMP_LINE}
COMP_TYPE=9; __start_pouncet; printf '%s\n' "${COMPREPLY[@]}"`,
		"fish": `pouncet completion fish | source; complete -C "pouncet secret show db_p"`,
		// A shell without a terminal has no list to show, so _describe prints what the script gives it.
		"zsh": `compdef() { :; }; source <(pouncet completion zsh); _describe() { print -l -- $completions; }
words=(pouncet secret show db_p); CURRENT=4; _pouncet`,
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skipf("SKIPPED: %s is not installed", shell)
			}
			if _, err := os.Stat("/usr/share/bash-completion/bash_completion"); shell == "bash" && err != nil {
				t.Skip("SKIPPED: bash-completion is not installed")
			}
			c := exec.CommandContext(t.Context(), shell, "-c", script)
			c.Dir = folder
			c.Env = append(os.Environ(), "HOME="+folder, "PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"))
			var stderr bytes.Buffer
			c.Stderr = &stderr
			out, err := c.Output()
			if err != nil || strings.TrimSpace(string(out)) != "db_password" || strings.Contains(stderr.String(), "pouncet:") {
				t.Errorf("got %q, %v: %s", out, err, stderr.String())
			}
		})
	}
}

// BenchmarkCompletion10000, BenchmarkCompletionOfScopes10000 and BenchmarkSecretList10000 measure one command on an
// embedded backend with 10,000 secrets.
func BenchmarkCompletion10000(b *testing.B) {
	benchmarkCommand(b, "s0999", "__completeNoDesc", "secret", "show", "--env", "prod", "s09")
}

func BenchmarkCompletionOfScopes10000(b *testing.B) {
	benchmarkCommand(b, "pipeline/orders", "__completeNoDesc", "secret", "list", "--env", "prod", "--scope", "p")
}

func BenchmarkSecretList10000(b *testing.B) { benchmarkCommand(b, "s0999", "secret", "list") }

// benchmarkCommand runs a command whose output has a text.
func benchmarkCommand(b *testing.B, text string, args ...string) {
	folder := b.TempDir()
	store, err := open.Open(b.Context(), open.Config{Path: filepath.Join(folder, open.Folder), CreateIfAbsent: true})
	if err != nil {
		b.Fatal(err)
	}
	most := 20_000
	changes := []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxSecrets: &most}},
		{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "prod"},
	}
	for i := range 10_000 {
		if len(changes) == backend.MaxChanges {
			break
		}
		changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindSecret,
			Project: backend.DefaultProject, Environment: "prod", Name: fmt.Sprintf("s%05d", i), Generate: &backend.Generate{}})
	}
	changes[len(changes)-1].Scope = "pipeline/orders"
	if _, err := store.Apply(b.Context(), backend.ChangeSet{Changes: changes}); err != nil {
		b.Fatal(err)
	}
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	program := programtest.Pouncet(b)
	for b.Loop() {
		c := exec.CommandContext(b.Context(), program, args...)
		c.Dir = folder
		c.Env = append(os.Environ(), "HOME="+folder)
		if out, err := c.CombinedOutput(); err != nil || !bytes.Contains(out, []byte(text)) {
			b.Fatalf("%v: %.200s", err, out)
		}
	}
}
