// SPDX-License-Identifier: MPL-2.0

package projectfiles_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/cmd/projectfiles"
)

// folderOf makes a folder with files.
func folderOf(t *testing.T, files map[string]string) *os.Root {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

const dev = "environments/dev.yaml"

// Each wrong file has one error, which names the file, the line and the remedy.
func TestWrongFilesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		want       []string
	}{
		"broken YAML": {dev, "secrets:\n  a: {}\n b: [\n", []string{dev + ":", ": invalid YAML: did not find"}},
		"a word of YAML 1.1": {dev, "values:\n  a: {value: [on]}\n", []string{dev + ":2", `"on" is a text in YAML 1.2`,
			"write the text in quotes"}},
		"an empty file":  {dev, "", []string{dev + ":1", "the file is empty", "restore it"}},
		"only a comment": {dev, "# dev\n\n", []string{dev + ":1", "the file is empty", "restore it"}},
		"another YAML":   {dev, "- a\n", []string{dev + ":1", "must be a mapping"}},
		"two documents":  {dev, "environment: dev\n---\nsecrets: {}\n", []string{"more than one document"}},
		"an unknown key": {dev, "secrets:\n  a:\n    decription: x\n", []string{dev + ":3", "decription",
			"did you mean description?"}},
		"a duplicate key": {dev, "secrets:\n  a: {}\n  a: {}\n", []string{dev + ":3", `"a" is given twice`}},
		"an alias":        {dev, "secrets:\n  a: &x {type: y}\n  b: *x\n", []string{"aliases are not supported"}},
		"a secret value": {dev, "secrets:\n  a: CANARY\n", []string{"must be a mapping",
			"never has the value of a secret"}},
		"a key value": {dev, "secrets:\n  a: {value: CANARY}\n", []string{`no key "value"`,
			"never has the value of a secret"}},
		"a misspelt key value": {dev, "secrets:\n  a: {valeu: CANARY}\n", []string{`no key "valeu"`,
			"never has the value of a secret", "the keys are was, type"}},
		"a value as a key": {dev, "secrets:\n  a: {CANARY}\n", []string{dev + ":2: a secret has no such key",
			"never has the value of a secret"}},
		"a wrong visibility": {dev, "secrets:\n  a: {visibility: CANARY}\n", []string{
			dev + ":2: visibility must be masked or restricted"}},
		"a list": {dev, "secrets:\n  a: {description: [CANARY]}\n", []string{
			"description must be a string, not a list"}},
		"a wrong label": {dev, "secrets:\n  a: {labels: {a: [x]}}\n", []string{
			"each value of labels must be a string, not a list"}},
		"a deep label": {dev, "secrets:\n  a: {labels: {a: {b: x}}}\n", []string{
			"each value of labels must be a string, not a mapping"}},
		"a list of labels":  {dev, "secrets:\n  a: {labels: [x]}\n", []string{": labels must be a mapping, not a list"}},
		"a wrong type":      {dev, "secrets:\n  a: {rotation_days: soon}\n", []string{"rotation_days must be a number"}},
		"a key without one": {dev, "secrets:\n  a: {description: }\n", []string{"description has no value"}},
		"a wrong name":      {dev, "secrets:\n  a b: {}\n", []string{dev + ":2", `secret name "a b" is not valid`}},
		"a large number":    {dev, "secrets:\n  a: {rotation_days: 12345678901234567890123}\n", []string{"rotation_days"}},
		"a wrong time":      {dev, "secrets:\n  a: {expires_at: tomorrow}\n", []string{"expires_at must be a date"}},
		"a wrong scope":     {dev, "scopes:\n  shop:\n    secrets: {}\n", []string{`scope "shop" is not valid`}},
		"no scoped value":   {dev, "values:\n  a: {}\n", []string{"needs one of value, json and secret"}},
		"two of a value":    {dev, "values:\n  a: {value: 1, secret: b}\n", []string{"needs one of"}},
		"invalid JSON":      {dev, "values:\n  a: {json: '{'}\n", []string{"json is invalid JSON"}},
		"a wrong generate":  {dev, "secrets:\n  a: {generate: {size: 3}}\n", []string{`no key "size"`, "length, alphabet"}},
		"a copied file": {dev, "environment: prod\n", []string{`for environment "dev" by its name`,
			`"prod" by its content`}},
		"a shared file":    {"environments/shared.yaml", "environment: '*'\n", []string{"@shared.yaml"}},
		"a name with @":    {"environments/dev@2.yaml", "secrets: {}\n", []string{"environment is required"}},
		"the other ending": {"environments/dev.yml", "secrets: {}\n", []string{"dev.yml does not end with .yaml", ".yaml"}},
		"a conflict":       {dev, "<<<<<<< HEAD\n", []string{dev + ":1", "markers of a merge conflict"}},
		"no text":          {dev, "a: \xff\n", []string{"not UTF-8"}},
		"a merge key":      {dev, "<<: {secrets: {}}\n", []string{`no key "<<"`}},
		"a type alone": {projectfiles.ProjectFile, "project: p\ntypes:\n  t: {}\n",
			[]string{"type \"t\" has no schema"}},
		"no project":      {projectfiles.ProjectFile, "description: x\n", []string{"project is required"}},
		"a wrong project": {projectfiles.ProjectFile, "project: a/b\n", []string{`project name "a/b" is not valid`}},
		"a wrong policy": {projectfiles.ProjectFile, "project: p\npolicy: {max_secret: 1}\n",
			[]string{"did you mean max_secrets?"}},
		"deep nesting": {dev, "values: {a: {value: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}}\n",
			[]string{dev}},
		"a large file": {dev, "#" + strings.Repeat("x", projectfiles.MaxFileBytes), []string{"the limit is 4194304"}},
	} {
		files := map[string]string{projectfiles.ProjectFile: "project: p\n"}
		files[c.file] = c.text
		_, err := projectfiles.Read(folderOf(t, files))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not contain %q", name, err, part)
			}
		}
		if strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: the error repeats a value: %v", name, err)
		}
	}
}

func TestLinksAreRefused(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(outside, []byte("project: p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{projectfiles.ProjectFile, dev, "environments"} {
		root := folderOf(t, map[string]string{"environments/x.txt": ""})
		if link != projectfiles.ProjectFile {
			if err := os.WriteFile(filepath.Join(root.Name(), projectfiles.ProjectFile), []byte("project: p\n"),
				0o600); err != nil {
				t.Fatal(err)
			}
		}
		target := outside
		if link == "environments" {
			target = filepath.Dir(outside)
			if err := root.RemoveAll("environments"); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(target, filepath.Join(root.Name(), filepath.FromSlash(link))); err != nil {
			t.Skipf("SKIPPED: this system makes no link: %v", err)
		}
		if _, err := projectfiles.Read(root); err == nil || !strings.Contains(err.Error(), "is not a") {
			t.Errorf("%s as a link: %v", link, err)
		}
	}
}

func TestNamesThatDifferInCaseOnlyAreRefused(t *testing.T) {
	root := folderOf(t, map[string]string{projectfiles.ProjectFile: "project: p\n", "environments/Prod.yaml": "",
		"environments/prod.yaml": ""})
	entries, err := os.ReadDir(filepath.Join(root.Name(), "environments"))
	if err != nil || len(entries) < 2 {
		t.Skipf("SKIPPED: this file system does not distinguish case")
	}
	if _, err := projectfiles.Read(root); err == nil || !strings.Contains(err.Error(),
		"differ only in upper and lower case") {
		t.Error(err)
	}
}

const (
	lockedDeployment = "01981d5c-8a2e-7c3d-9f10-000000000001"
	lockedProject    = "01981d5c-8a2e-7c3d-9f10-000000000002"
)

func TestWrongLocksAreRefused(t *testing.T) {
	good := projectfiles.Lock{Deployment: lockedDeployment, Project: lockedProject, Name: "n"}
	good.Objects = []projectfiles.Locked{
		{Key: projectfiles.Key{Kind: backend.KindSecret, Environment: "dev", Scope: "project", Name: "s"}, ID: "1",
			Digest: "x"},
	}
	text := string(good.Bytes())
	if l, err := projectfiles.ParseLock([]byte(text)); err != nil || !reflect.DeepEqual(*l, good) {
		t.Errorf("%+v, %v", l, err)
	}
	row := text[strings.Index(text, "    {"):strings.Index(text, "\n  ]")]
	for name, c := range map[string]struct{ text, want string }{
		"conflict":    {strings.Replace(text, "    {", "<<<<<<< HEAD\n    {", 1), "pouncet.lock:8: the file has the markers"},
		"no JSON":     {"x", "cannot be parsed"},
		"cut off":     {text[:len(text)/2], "cannot be parsed"},
		"a new key":   {strings.Replace(text, `"version"`, `"extra":1,"version"`, 1), "cannot be parsed"},
		"later":       {strings.Replace(text, `"version":1`, `"version":2`, 1), "has version 2"},
		"twice":       {strings.Replace(text, row, row+",\n"+row, 1), `secret "s" in dev is wrong or occurs twice`},
		"a new kind":  {strings.Replace(text, `"secret"`, `"token"`, 1), "is not valid"},
		"two objects": {text + text, "cannot be parsed"},
		"no project":  {strings.Replace(text, lockedProject, "", 1), "names no project"},
		"a name":      {strings.Replace(text, lockedProject, "shop", 1), "names no project"},
		"no backend":  {strings.Replace(text, lockedDeployment, "", 1), "or no deployment"},
	} {
		if _, err := projectfiles.ParseLock([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The published schemas know the keys that the program knows, and accept its files.
func TestSchemasFitTheFiles(t *testing.T) {
	for _, name := range projectfiles.SchemaNames {
		text, ok := projectfiles.Schema(name)
		published, err := os.ReadFile("../../docs/" + name + ".schema.json")
		if !ok || err != nil || !bytes.Equal(text, published) {
			t.Errorf("docs/%s.schema.json is not the schema of the program: %v", name, err)
		}
	}
	compiler := jsonschema.NewCompiler()
	for _, name := range projectfiles.SchemaNames {
		text, _ := projectfiles.Schema(name)
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(name, document); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []struct {
		schema, text string
		valid        bool
	}{
		{"project", "project: p\n", true},
		{"project", "project: p\npolicy: {max_secrets: 3}\ntypes: {t: {schema: {type: string}, was: u}}\n", true},
		{"project", "projet: p\n", false}, {"project", "project: p\npolicy: {max_secret: 3}\n", false},
		{"environment", "secrets:\n  a:\n  b: {type: t, generate: {length: 40}, expires_at: '2027-01-31'}\n", true},
		{"environment", "environment: '*'\nvalues: {a: {value: [1]}, b: {secret: s, field: f}}\n", true},
		{"environment", "scopes: {app/x: {values: {a: {json: '1'}}}}\n", true},
		{"environment", "secrets: {a: {value: x}}\n", false}, {"environment", "values: {a: {value: 1, secret: s}}\n", false},
		{"environment", "scopes: {x: {}}\n", false},
	} {
		schema, err := compiler.Compile(c.schema)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := yaml.Unmarshal([]byte(c.text), &value); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document); (err == nil) != c.valid {
			t.Errorf("file %d: the schema says %v", i, err)
		}
		files := map[string]string{projectfiles.ProjectFile: "project: p\n"}
		file := projectfiles.ProjectFile
		if c.schema == "environment" {
			file = dev
			if strings.Contains(c.text, "'*'") {
				file = "environments/@shared.yaml"
			}
		}
		files[file] = c.text
		if _, err := projectfiles.Read(folderOf(t, files)); (err == nil) != c.valid {
			t.Errorf("file %d: the program says %v", i, err)
		}
	}
}
