// SPDX-License-Identifier: MPL-2.0

package projectfiles_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/cmd/projectfiles"
)

// objects is a backend with one page of objects of each kind.
type objects []backend.Object

func (o objects) Query(_ context.Context, q backend.Query) (backend.Page, error) {
	page := backend.Page{Deployment: lockedDeployment}
	for _, x := range o {
		if x.Kind == q.Kind {
			page.Objects = append(page.Objects, x)
		}
	}
	return page, nil
}

// project returns a project with the environments and entries.
func project(entries ...backend.Object) objects {
	policy := backend.DefaultPolicy()
	out := objects{{Kind: backend.KindProject, ID: lockedProject, Name: "p",
		Attributes: backend.Attributes{Policy: &policy}}}
	known := map[string]bool{backend.AnyEnvironment: true}
	for i, e := range entries {
		if !known[e.Environment] {
			known[e.Environment] = true
			out = append(out, backend.Object{Kind: backend.KindEnvironment, ID: "id of " + e.Environment, Name: e.Environment})
		}
		e.ID, e.EnvironmentID = fmt.Sprint("e", i), "id of "+e.Environment
		if e.Environment == backend.AnyEnvironment {
			e.EnvironmentID = backend.AnyEnvironment
		}
		out = append(out, e)
	}
	return out
}

func value(environment, name, text string) backend.Object {
	return backend.Object{Kind: backend.KindScopedValue, Environment: environment, Scope: backend.ProjectScope, Name: name,
		Attributes: backend.Attributes{JSON: json.RawMessage(text)}}
}

// pull brings the objects into the files of a folder, and returns the items that differ after it.
func pull(t *testing.T, root *os.Root, from objects) []projectfiles.Item {
	t.Helper()
	read := func() (*projectfiles.Tree, projectfiles.Backend, []projectfiles.Item) {
		t.Helper()
		tree, err := projectfiles.Read(root)
		if err != nil {
			t.Fatal(err)
		}
		lock, err := projectfiles.ReadLock(root)
		if err != nil {
			t.Fatal(err)
		}
		b, err := projectfiles.Fetch(t.Context(), from, "p")
		if err != nil {
			t.Fatal(err)
		}
		return tree, b, projectfiles.Compare(tree, lock, b)
	}
	tree, b, items := read()
	lock := projectfiles.NextLock(items, b, nil, projectfiles.IsTakenByPull(false))
	out, err := tree.Pull(items, "p", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Write(root); err != nil {
		t.Fatal(err)
	}
	if err := lock.Write(root); err != nil {
		t.Fatal(err)
	}
	_, _, items = read()
	return slices.DeleteFunc(items, projectfiles.Item.IsSame)
}

// Every JSON value and every text comes back from a file as it was.
func TestValuesSurviveTheFiles(t *testing.T) {
	var all []backend.Object
	for i, text := range []string{
		`1`, `-0`, `1.0`, `1E400`, `1e5`, `123456789012345678901234567890`, `0.1`, `true`, `null`, `"null"`, `"true"`,
		`"yes"`,
		`"no"`, `"0x10"`, `"017"`, `"1_000"`, `"2027-01-31"`, `"~"`, `""`, `" "`, `"a: b"`, `"# x"`, `"- x"`, `"{x"`,
		`"*a"`, `"&a"`,
		`"!x"`, `"%x"`, `"@x"`, `"a\nb\n"`, `"a\n\n"`, `"\n"`, `" a\nb"`, `"a\tb"`, `"\u0000\u001f"`,
		`"\u2028\u0085\ufeff"`, `"é😀"`,
		`"\ufffe"`, `"---"`, `"..."`, `"<<"`, `"="`, `[]`, `{}`, `[[],{}]`,
		`{"a":{"b":[1,"2",null]},"":"","<<":1,"a b":"c: d"}`,
		`"` + strings.Repeat("long words ", 40) + `"`, `{"a":"x\r\ny"}`, `"\u007f"`, `"a\n b\n\n  c"`, `"+1"`, `".inf"`,
		`".nan"`, `"1:30"`,
	} {
		all = append(all, value("dev", fmt.Sprintf("v%02d", i), text))
		o := value(backend.AnyEnvironment, fmt.Sprintf("v%02d", i), "1")
		var s string
		if json.Unmarshal([]byte(text), &s) == nil {
			o.Description, o.Labels = s, map[string]string{"k": s}
			all = append(all, o)
		}
	}
	root := folderOf(t, nil)
	for _, i := range pull(t, root, project(all...)) {
		t.Errorf("%s is %s: %v", i.Label(), i.State, i.Attributes)
	}
}

// Environments whose names a file system could not hold beside each other have files of different names.
func TestEveryEnvironmentHasAFile(t *testing.T) {
	root := folderOf(t, nil)
	var all []backend.Object
	for _, e := range []string{"prod", "Prod", "PROD", "aux", "CON", "shared", "_shared", backend.AnyEnvironment} {
		all = append(all, value(e, "v", `"`+e+`"`))
	}
	for _, i := range pull(t, root, project(all...)) {
		t.Errorf("%s is %s", i.Label(), i.State)
	}
	entries, err := os.ReadDir(filepath.Join(root.Name(), "environments"))
	if err != nil || len(entries) != len(all) {
		t.Errorf("%d files for %d environments: %v", len(entries), len(all), err)
	}
	seen := map[string]bool{"con.yaml": true, "aux.yaml": true}
	for _, e := range entries {
		if folded := strings.ToLower(e.Name()); seen[folded] {
			t.Errorf("%s cannot be on every file system", e.Name())
		} else {
			seen[folded] = true
		}
	}
}

// A pull changes what the backend has changed, and nothing else.
func TestAPullKeepsWhatItDoesNotChange(t *testing.T) {
	const before = `# about the file

environment: dev # here
values:
    # first b, then a
    b:
        value: {x: 1, y: [1, 2]} # flow
    a: # of a
        description: "quoted"
        value: 'text'
`
	root := folderOf(t, map[string]string{projectfiles.ProjectFile: "project: p\n", dev: before})
	a := value("dev", "a", `"text"`)
	a.Description = "quoted"
	b := value("dev", "b", `{"y":[1,2],"x":1}`)
	if items := pull(t, root, project(b, a)); len(items) > 0 {
		t.Fatalf("%+v", items)
	}
	text := func() string {
		t.Helper()
		b, err := root.ReadFile(dev)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if text() != before {
		t.Errorf("nothing has changed, and the file is now\n%s", text())
	}
	a.Description = "changed"
	c := value("dev", "c", `2`)
	if items := pull(t, root, project(b, a, c)); len(items) > 0 {
		t.Fatalf("%+v", items)
	}
	after := text()
	for _, part := range []string{"# about the file", "environment: dev # here", "# first b, then a",
		"{x: 1, y: [1, 2]} # flow",
		"a: # of a", "value: 'text'", "description: changed"} {
		if !strings.Contains(after, part) {
			t.Errorf("the file has no %q:\n%s", part, after)
		}
	}
	order := []int{strings.Index(after, "b:"), strings.Index(after, "a:"), strings.Index(after, "c:")}
	if !slices.IsSorted(order) {
		t.Errorf("the order is %v:\n%s", order, after)
	}
	if items := pull(t, root, project(c)); len(items) > 0 || strings.Contains(text(), "first b") {
		t.Errorf("after a deletion: %+v\n%s", items, text())
	}
}

// A folder in the place of a file is named, and no other file is written.
func TestFolderInPlaceOfAFile(t *testing.T) {
	root := folderOf(t, map[string]string{dev + "/file": ""})
	out := projectfiles.Output{Files: map[string][]byte{dev: []byte("environment: dev\n"), "a.yaml": nil}}
	if err := out.Write(root); err == nil || !strings.HasPrefix(err.Error(), dev+" is not a regular file;") {
		t.Errorf("the error is %v", err)
	}
	if _, err := root.Stat("a.yaml"); err == nil {
		t.Error("another file was written")
	}
}
