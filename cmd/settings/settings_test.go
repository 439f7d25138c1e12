// SPDX-License-Identifier: MPL-2.0

package settings

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// home gives the test a home folder of its own.
func home(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "AppData", "USERPROFILE"} {
		t.Setenv(name, folder)
	}
	return folder
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTokenIsStoredForItsEndpointOnly(t *testing.T) {
	home(t)
	tokens, err := OpenTokens()
	if err != nil {
		t.Fatal(err)
	}
	if err := tokens.Put("https://Pouncet.example.com:443/", StoredToken{Token: "one"}); err != nil {
		t.Fatal(err)
	}
	if err := tokens.Put("http://127.0.0.1:8420", StoredToken{Token: "two"}); err != nil {
		t.Fatal(err)
	}
	for endpoint, want := range map[string]string{
		"https://pouncet.example.com": "one", "https://pouncet.example.com/": "one", "HTTPS://POUNCET.example.com:443": "one",
		"https://pouncet.example.com:8443": "", "https://pouncet.example.com/sub": "", "https://pouncet.example.org": "",
		"http://127.0.0.1:8420": "two", "http://127.0.0.1": "", "unix:///127.0.0.1:8420": "",
	} {
		if got, err := tokens.Get(endpoint); err != nil || got.Token != want {
			t.Errorf("%s: got %q, %v; want %q", endpoint, got.Token, err, want)
		}
	}
	endpoints, broken, err := tokens.All()
	if want := "http://127.0.0.1:8420 https://pouncet.example.com"; err != nil || len(broken) > 0 ||
		strings.Join(endpoints, " ") != want {
		t.Errorf("endpoints %v, %v, %v", endpoints, broken, err)
	}
	for _, want := range []bool{true, false} {
		if existed, err := tokens.Delete("https://pouncet.example.com/"); err != nil || existed != want {
			t.Errorf("delete: %v, %v; want %v", existed, err, want)
		}
	}
	if got, _ := tokens.Get("http://127.0.0.1:8420"); got.Token != "two" {
		t.Errorf("the other token is %q", got.Token)
	}
}

// storeCanary stores a token in a new home. It skips where files have no mode bits.
func storeCanary(t *testing.T, endpoint string) Tokens {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows has no mode bits")
	}
	home(t)
	tokens, err := OpenTokens()
	if err != nil {
		t.Fatal(err)
	}
	if err := tokens.Put(endpoint, StoredToken{Token: "CANARY"}); err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestTokenThatOthersCanReadIsRefused(t *testing.T) {
	const endpoint = "https://pouncet.example.com"
	tokens := storeCanary(t, endpoint)
	path, _, _ := tokens.path(endpoint)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err := tokens.Get(endpoint)
	if !errors.Is(err, backend.ErrDenied) || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("error %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	other := `{"endpoint": "https://other.example.com", "token": "CANARY"}`
	if err := os.WriteFile(path, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := tokens.Get(endpoint); got.Token != "" || err != nil {
		t.Errorf("the token of another endpoint: %q, %v", got, err)
	}
	if err := os.WriteFile(path, []byte(`{CANARY`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Get(endpoint); !errors.Is(err, backend.ErrInvalid) || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("error %v", err)
	}
}

func TestTokenInAFolderThatOthersCanWriteIsRefused(t *testing.T) {
	const endpoint = "https://pouncet.example.com"
	tokens := storeCanary(t, endpoint)
	for mode, refused := range map[os.FileMode]bool{0o777: true, 0o720: true, 0o702: true, 0o755: false, 0o700: false} {
		if err := os.Chmod(tokens.folder, mode); err != nil {
			t.Fatal(err)
		}
		_, got := tokens.Get(endpoint)
		put := tokens.Put(endpoint, StoredToken{Token: "CANARY"})
		if errors.Is(got, backend.ErrDenied) != refused || errors.Is(put, backend.ErrDenied) != refused {
			t.Errorf("mode %04o: %v, %v", mode, got, put)
		}
	}
}

func TestRelativeHomeIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: HOME means nothing on Windows")
	}
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "relative")
	if _, err := OpenTokens(); !errors.Is(err, backend.ErrInvalid) {
		t.Errorf("error %v", err)
	}
}

// TestRepositoryFileAndSchemaAgree reads each file with the program and with the published schema.
func TestRepositoryFileAndSchemaAgree(t *testing.T) {
	text, err := os.ReadFile("../../docs/pouncet.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("pouncet.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("pouncet.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, message, hint string }{
		{text: ""}, {text: "# nothing\n"}, {text: "{}"},
		{text: "endpoint: https://pouncet.example.com\nproject: shop\nenvironment: dev\n"},
		{text: "endpoint: unix:///run/pouncet.sock\n"}, {text: "environment: '*'\n"},
		{"environmnt: dev\n", `:1:1: unknown key "environmnt"`, "did you mean environment?"},
		{"project: shop\ntoken: x\n", `:2:1: unknown key "token"`, "no file of settings has a token"},
		{"project: 7\n", ":1:10: project is not a text, or is empty", "give it a text"},
		{"project:\n", "project is not a text, or is empty", ""},
		{"project: ''\n", "project is not a text, or is empty", ""},
		{"project: [shop]\n", "project is not a text, or is empty", ""},
		{"- project\n", ":1:1: the file is not a mapping", ""},
		{"endpoint: pouncet.example.com\n", ":1:11: the endpoint is not the URL of a server", "write it as"},
		{"endpoint: ftp://pouncet.example.com\n", "the endpoint is not the URL of a server", ""},
		{"endpoint: https://user:pw@pouncet.example.com\n", "the endpoint is not the URL of a server", ""},
	} {
		path := filepath.Join(t.TempDir(), RepositoryFile)
		write(t, path, c.text)
		r, err := ReadRepository(path)
		if (err == nil) != (c.message == "") || err != nil && (!strings.Contains(err.Error(), c.message) ||
			!strings.Contains(backend.AsError(err).Hint, c.hint)) {
			t.Errorf("%q: %v (%s)", c.text, err, backend.AsError(err).Hint)
		}
		if err == nil && r.Path != path {
			t.Errorf("%q: path %q", c.text, r.Path)
		}
		var value any
		if err := yaml.Unmarshal([]byte(c.text), &value); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != (c.message == "") {
			t.Errorf("%q: the schema says %v", c.text, err)
		}
	}
	// What a JSON Schema cannot say.
	for text, message := range map[string]string{
		"project: a\nproject: b\n":                        "cannot be parsed|set twice",
		"project: [\n":                                    "cannot be parsed",
		"project: 'a b'\n":                                "not valid",
		"endpoint: http://other.example.com\n":            "not encrypted",
		"project: " + strings.Repeat("x", maxFile) + "\n": "the limit is 65536",
	} {
		path := filepath.Join(t.TempDir(), RepositoryFile)
		write(t, path, text)
		_, err := ReadRepository(path)
		found := false
		for _, m := range strings.Split(message, "|") {
			found = found || err != nil && strings.Contains(err.Error(), m)
		}
		if !found {
			t.Errorf("%.40q: %v, want %s", text, err, message)
		}
	}
}

func TestSearchForARepositoryFileEndsAtItsRoot(t *testing.T) {
	folder := home(t)
	deep := filepath.Join(folder, "work", "repo", "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	found := func(want string) {
		t.Helper()
		r, err := FindRepository(deep, "trust it")
		if err != nil || r.Path != want {
			t.Errorf("found %q, %v; want %q", r.Path, err, want)
		}
	}
	above := filepath.Join(folder, "work", RepositoryFile)
	write(t, above, "project: above\n")
	found(above)
	if err := os.Mkdir(filepath.Join(folder, "work", "repo", ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	found("")
	write(t, filepath.Join(deep, RepositoryFile), "apiVersion: pouncet.dev/v1\nkind: Render\nspec: {}\n")
	found("")
	own := filepath.Join(folder, "work", "repo", RepositoryFile)
	write(t, own, "project: own\n")
	found(own)
	if runtime.GOOS == "windows" {
		return // it has no mode bits
	}
	if err := os.Chmod(own, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := FindRepository(deep, "trust it"); !errors.Is(err, backend.ErrDenied) ||
		!strings.Contains(backend.AsError(err).Hint, "trust it") {
		t.Errorf("a file that others can change: %v", err)
	}
	if _, err := ReadRepository(own); err != nil {
		t.Errorf("a file that the user names: %v", err)
	}
}

func TestSearchForARepositoryFileEndsAtHome(t *testing.T) {
	outer := t.TempDir()
	write(t, filepath.Join(outer, RepositoryFile), "project: above\n")
	inner := filepath.Join(outer, "home", "a")
	if err := os.MkdirAll(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", filepath.Dir(inner))
	t.Setenv("USERPROFILE", filepath.Dir(inner))
	if r, err := FindRepository(inner, ""); err != nil || r.Path != "" {
		t.Errorf("found %q, %v", r.Path, err)
	}
}

func TestProfilesKeepCommentsAndOrder(t *testing.T) {
	home(t)
	p, err := OpenProfiles()
	if err != nil || len(p.Names()) != 0 {
		t.Fatalf("%v, %v", p, err)
	}
	if err := p.Set("work", Values{Endpoint: "https://pouncet.example.com", Project: "7"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.Path)
	if want := "work:\n  endpoint: https://pouncet.example.com\n  project: \"7\"\n"; err != nil || string(text) != want {
		t.Errorf("got %q, %v; want %q", text, err, want)
	}
	write(t, p.Path, "# mine\nhome: {project: garden} # small\nwork:\n  # the shop\n  project: shop # for now\n")
	if p, err = OpenProfiles(); err != nil {
		t.Fatal(err)
	}
	if err := p.Set("work", Values{Project: "store", Environment: "dev"}); err != nil {
		t.Fatal(err)
	}
	if p, err = OpenProfiles(); err != nil {
		t.Fatal(err)
	}
	v, err := p.Get("work")
	if err != nil || v[Project] != "store" || v[Environment] != "dev" || len(v) != 2 {
		t.Errorf("%v, %v", v, err)
	}
	text, _ = os.ReadFile(p.Path)
	for _, want := range []string{"# mine\n", "# small", "# the shop\n", "project: store # for now\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is lost in %q", want, text)
		}
	}
	if err := p.Set("work", Values{Environment: ""}); err != nil {
		t.Fatal(err)
	}
	if err := p.Remove("home"); err != nil {
		t.Fatal(err)
	}
	if p, err = OpenProfiles(); err != nil || strings.Join(p.Names(), " ") != "work" {
		t.Fatalf("%v, %v", p.Names(), err)
	}
	if v, _ := p.Get("work"); len(v) != 1 {
		t.Errorf("settings %v", v)
	}
	if _, err := p.Get("wrk"); !errors.Is(err, backend.ErrNotFound) || backend.AsError(err).Hint != "did you mean work?" {
		t.Errorf("error %v", err)
	}
	for name, change := range map[string]Values{
		"a b": {Project: "x"}, "": {Project: "x"}, "x": {Endpoint: "nonsense"}, "y": {Project: "a b"},
	} {
		if err := p.Set(name, change); err == nil {
			t.Errorf("%q, %v: no error", name, change)
		}
	}
}

// Two processes that change profiles at the same time lose none of the changes.
func TestProfilesAreChangedTogether(t *testing.T) {
	home(t)
	one, err := OpenProfiles()
	if err != nil {
		t.Fatal(err)
	}
	two, err := OpenProfiles()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*Profiles{"one": one, "two": two} {
		if err := p.Set(name, Values{Project: "shop"}); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			p, err := OpenProfiles()
			if err == nil {
				err = p.Set(fmt.Sprint("p", i), Values{Project: "shop"})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p, err := OpenProfiles()
	if err != nil || len(p.Names()) != 12 {
		t.Errorf("profiles %v, %v", p.Names(), err)
	}
	if _, err := os.Stat(p.Path + ".lock"); !os.IsNotExist(err) {
		t.Errorf("the lock is left: %v", err)
	}
	old := time.Now().Add(-2 * lockAge) // of a process that was killed
	if err := os.WriteFile(p.Path+".lock", nil, 0o600); err == nil {
		err = os.Chtimes(p.Path+".lock", old, old)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Remove("one"); err != nil {
		t.Errorf("with an old lock: %v", err)
	}
}
