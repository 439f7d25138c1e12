// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// unprintable matches what must not be in any output: characters that control a terminal or the order of a text, and
// commands of CI systems.
var unprintable = regexp.MustCompile(
	`[\x00-\x08\x0b-\x1f\x7f-\x{9f}\x{2028}-\x{202e}\x{2066}-\x{2069}]|(?m:^\s*::)|##\w*\[`)

const hostileText = "::error::x\x1b[2J\r\n::add-mask::\u202e\u009b##[group]\u2028##vso[x]"

// fillHostile sets all strings below v to hostileText.
func fillHostile(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.Struct && v.IsNil() && v.CanSet() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		if !v.IsNil() {
			fillHostile(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Field(i).Type().String() != "time.Time" {
				fillHostile(v.Field(i))
			}
		}
	case reflect.String:
		v.SetString(hostileText)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{hostileText, "k"} {
			value := reflect.New(v.Type().Elem()).Elem()
			fillHostile(value)
			v.SetMapIndex(reflect.ValueOf(key), value)
		}
	case reflect.Int64:
		if v.Type() == reflect.TypeFor[int64]() {
			v.SetInt(1)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			v.Index(0).SetString(hostileText)
			v.Index(1).SetString("prod")
		}
	}
}

const hostileID = "01890a5d-ac96-774b-bcce-b302099a8057"

func hostileObject(kind backend.Kind) backend.Object {
	var o backend.Object
	fillHostile(reflect.ValueOf(&o).Elem())
	o.Kind, o.ID, o.Held = kind, hostileID, ""
	o.JSON, o.Schema = []byte(`"\u001b##[group]`+"\u009b"+`"`), []byte(`{"title": "::x\u001b##[group]`+"\u202e"+`"}`)
	return o
}

// hostileServer is a server whose objects and errors have hostile texts in every field.
type hostileServer struct{ fails bool }

func (s hostileServer) failure() *backend.Error {
	if !s.fails {
		return nil
	}
	return &backend.Error{Code: backend.CodeInUse, Message: hostileText, Hint: hostileText, Suggestion: hostileText,
		Environments: []string{hostileText}, Dependents: []backend.Dependent{{Label: hostileText, ManagedBy: hostileText}}}
}

func (s hostileServer) Query(_ context.Context, q backend.Query) (backend.Page, error) {
	if s.fails && q.Name == "fails" {
		return backend.Page{}, s.failure()
	}
	o := hostileObject(q.Kind)
	if q.Held {
		o.Held, o.Was = hostileText, hostileText
	}
	if q.Name != "" {
		o.Name = q.Name
	}
	objects := []backend.Object{o}
	if q.Kind == backend.KindEnvironment && q.Name == "" && !q.Held && !q.Deleted {
		o.Name = "dev" // commands that need an environment go on
		objects = append(objects, o)
	}
	return backend.Page{Objects: objects}, nil
}

func (s hostileServer) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out := make([]backend.Resolution, len(refs))
	for i := range out {
		out[i] = backend.Resolution{Value: backend.PlaintextString("v"), ID: hostileID, Environment: hostileText,
			Scope: hostileText, Err: s.failure()}
	}
	return out, nil
}

func (s hostileServer) Apply(_ context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if s.fails {
		return nil, s.failure()
	}
	out := make([]backend.Outcome, len(set.Changes))
	for i, c := range set.Changes {
		out[i] = backend.Outcome{Action: backend.ActionUpdate, Changed: []string{hostileText}, Object: hostileObject(c.Kind)}
	}
	return out, nil
}

// TestOutputIsPrintable runs every command against a server whose answers have hostile texts in every field, as a
// hostile server or objects of an earlier version can have them.
func TestOutputIsPrintable(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	hostileFile := filepath.Join("::error::x\x1b[2J\n##[group]", "a.yaml")
	if err := os.Mkdir(filepath.Dir(hostileFile), 0o700); err != nil {
		t.Skipf("SKIPPED: this system does not allow the name of the folder: %v", err)
	}
	for name, text := range map[string]string{
		hostileFile: "a: \"{{ get_secret_value('x') }}\"\n",
		filepath.Join(filepath.Dir(hostileFile), "b.yaml"): "b: \"{{ wrong('\u202e') }}\"\n",
		"list.yaml": "kind: ResourceList\nitems:\n- kind: ConfigMap\n  metadata: {name: \"\\e::x\"}\n" +
			"  data: {a: \"{{ get_secret_value('x') }}\"}\n",
		"value": "v", "schema.json": "{}",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hostileFolder := filepath.Dir(hostileFile)
	// The arguments of each command without an object, and the arguments of the commands that all kinds have.
	arguments := map[string][]string{
		"render": {"--env", "dev", hostileFile}, "krm": {"--env", "dev"}, "resolve": {"x", "--env", "dev"},
		"run":   {"--env", "dev", "--file", hostileFile, "--", "true"},
		"check": {"--env", "dev", hostileFolder}, "review": {"--env", "dev", "--base", "x", hostileFolder},
		"refs": {hostileFolder}, "configuration list": nil, "configuration adopt": {"new", "--unnamed"}, "doctor": nil,
		"token create": {"--role", "viewer"}, "role set": {"x"}, "group set": {"x"}, "trust set": {"x"},
		"binding create": {"x", "--role", "viewer", "--to", "token:x"}, "access who": {"x", "--env", "dev"},
		"access what": {"token:x"}, "token set": {"x", "--for", "person"}, "project set": {"x"}, "env set": {"x"},
		"type set": {"x", "--schema-file", "schema.json"}, "secret set": {"x", "--env", "dev", "--file", "value"},
		"value set": {"x", "--env", "dev", "--json-value", "1"}, "secret reveal": {"x"},
		"audit list": nil, "audit tail": nil, "audit export": nil, "audit verify": nil,
		"audit checkpoint": nil, "audit key": nil, "audit proof": {"1"},
		"secret history": {"x", "--env", "dev"}, "secret compare": {"x", "1", "2", "--env", "dev"},
		"secret rollback": {"x", "--to", "1", "--env", "dev"}, "secret tag": {"x", "1", "stable", "--env", "dev"},
		"secret untag": {"x", "k", "--env", "dev"}, "report": nil, "whoami": nil,
		"pull": {"folder"}, "diff": {"folder"}, "push": {"folder", "--yes"},
		"env diff": {"dev", "*"}, "env copy-names": {"dev", "*"},
		"secret edit": {"x", "--env", "dev"}, "draft set": {"x"}, "draft deploy": {"x"}, "draft discard": {"x"},
		"draft refresh": {"x"}, "draft drop": {"x", hostileText},
	}
	verbs := map[string][]string{"list": nil, "show": {"x"}, "delete": {"x", "y"}, "restore": {"x"}, "rename": {"x", "y"}}
	local := []string{"init", "schema", "move", "server", "ui", "version", "help", "man", "completion", "profile",
		"logout", "login"} // they ask no backend, or print nothing of its answer but a name
	server := func(s hostileServer) string {
		running := httptest.NewServer(httpapi.NewServer(s, func(context.Context, string) (backend.Principal, error) {
			return backend.Principal{Name: "a", Role: backend.RoleAdmin}, nil
		}, httpapi.Options{}))
		t.Cleanup(running.Close)
		return running.URL
	}
	endpoints := []string{server(hostileServer{}), server(hostileServer{fails: true})}
	t.Setenv("VISUAL", "true")
	t.Setenv(settingToken, "pnct_"+strings.Repeat("0", 43)+"00000000")
	ran := 0
	try := func(path string, args []string) {
		for _, endpoint := range endpoints {
			for _, more := range [][]string{nil, {"--json"}} {
				list, err := os.Open("list.yaml")
				if err != nil {
					t.Fatal(err)
				}
				var out, stderr bytes.Buffer
				all := slices.Concat(strings.Fields(path), []string{"--endpoint", endpoint}, more, args)
				run(t.Context(), all, streams{list, &out, &stderr})
				_ = list.Close()
				ran++
				for stream, text := range map[string]string{"output": out.String(), "error": stderr.String()} {
					if found := unprintable.FindString(text); found != "" {
						t.Errorf("%q: standard %s has %+q: %q", all, stream, found, text)
					}
				}
			}
		}
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		path := strings.TrimPrefix(c.CommandPath(), "pouncet ")
		if c.HasSubCommands() || c.IsAdditionalHelpTopicCommand() || slices.Contains(local, strings.Fields(path)[0]) {
			return
		}
		args, own := arguments[path]
		if !own {
			var shared bool
			if args, shared = verbs[c.Name()]; !shared {
				t.Errorf("pouncet %s has no arguments in this test", path)
			}
			if c.Flags().Lookup("env") != nil && c.Name() != "list" {
				args = append(slices.Clone(args), "--env", "dev")
			}
		}
		try(path, args)
	}
	root := (&app{out: &output{}}).root()
	walk(root)
	for _, format := range []string{"text", "json", "sarif", "markdown", "junit"} {
		try("check", []string{"--env", "dev", "--format", format, hostileFolder})
	}
	if ran < 150 {
		t.Errorf("only %d commands ran", ran)
	}
}

// A text of others reaches a stream through the functions of output.go only.
func TestOnlyOutputWritesText(t *testing.T) {
	direct := regexp.MustCompile(`fmt\.Fprint\w*\(a\.(out|err)\b|(io\.WriteString|\.Write)\(a\.err\b|a\.err\.Write`)
	allowed := map[string]int{"output.go": 3, "resolve.go": 1, "exec.go": 2}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(direct.FindAll(text, -1)); n != allowed[file] && !strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s writes to a stream directly %d times, expected %d: use println, printText, notef or noteText",
				file, n, allowed[file])
		}
	}
}
