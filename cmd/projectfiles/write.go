// SPDX-License-Identifier: MPL-2.0

package projectfiles

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
)

// How the changes of the backend get into the files.

// Output holds the changes that a pull makes to the files.
type Output struct {
	Files   map[string][]byte // by their names within the folder; only those that change
	Removed []string          // files of environments that do not exist any more
}

// writer changes the nodes of the files.
type writer struct {
	tree    *Tree
	changed map[string]bool
	removed []string
}

// Pull returns the files with the changes of the backend. It changes the nodes of the tree: do not use the tree
// afterwards. With overwrite, the backend wins where both have changed.
func (t *Tree) Pull(items []Item, project string, overwrite bool) (Output, error) {
	w := &writer{tree: t, changed: map[string]bool{}}
	if !t.Exists() {
		root := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		root.Content = append(root.Content, text("project"), text(project))
		w.newFile(ProjectFile, root, "project")
	}
	environments := w.renameEnvironments(items)
	want := t.wanted(items, environments, overwrite)
	for _, i := range items {
		if !isPulled(i, overwrite) {
			continue
		}
		if i.Object == nil {
			w.remove(i.Key, environments)
			continue
		}
		if err := w.copyFromBackend(i, environments); err != nil {
			return Output{}, err
		}
	}
	w.removeEmptyFiles(items, overwrite)
	return w.output(want)
}

// isPulled reports whether a pull brings the state of the backend into the files.
func isPulled(i Item, overwrite bool) bool {
	switch i.State {
	case BackendChanged, BackendCreated, BackendRemoved:
		return i.Object == nil || i.Object.ManagedBy == ""
	case Same: // the rename that the file asks for was made
		return i.File != nil && i.File.Was != "" && i.Object != nil && i.Object.Name == i.Key.Name
	}
	return overwrite && i.IsDiscardedByPull()
}

// wanted returns what the files declare after the pull.
func (t *Tree) wanted(items []Item, environments map[string]string, overwrite bool) map[Key]Declared {
	out := map[Key]Declared{}
	for _, i := range items {
		key := i.Key
		d, inFile := t.Objects[key]
		if isPulled(i, overwrite) {
			if i.Object == nil {
				continue
			}
			key.Name, d, inFile = i.Object.Name, Of(*i.Object), true
		}
		if inFile {
			if name, ok := environments[key.Environment]; ok {
				key.Environment = name
			}
			out[key] = d
		}
	}
	return out
}

// renameEnvironments returns the new names of the environments that the backend has renamed, and moves their files.
func (w *writer) renameEnvironments(items []Item) map[string]string {
	out := map[string]string{}
	for _, i := range items {
		if i.Key.Kind != backend.KindEnvironment || i.State != BackendChanged || i.Object == nil || i.File == nil ||
			i.Object.Name == i.Key.Name {
			continue
		}
		old := w.tree.environments[i.Key.Name]
		f := w.tree.files[old]
		if f == nil {
			continue
		}
		delete(w.tree.files, old)
		delete(w.tree.environments, i.Key.Name)
		f.name, f.text = w.fileName(i.Object.Name), nil // a new file
		w.tree.files[f.name], w.tree.environments[i.Object.Name] = f, f.name
		if n := valueOf(f.root, "environment"); n != nil {
			n.Value = i.Object.Name
		}
		w.changed[f.name], w.removed = true, append(w.removed, old)
		out[i.Key.Name] = i.Object.Name
	}
	return out
}

// windowsDevices are names that Windows does not give a file, whatever its extension.
var windowsDevices = func() []string {
	out := []string{"con", "prn", "aux", "nul"}
	for i := 1; i <= 9; i++ {
		out = append(out, "com"+strconv.Itoa(i), "lpt"+strconv.Itoa(i))
	}
	return out
}()

// fileName returns a name for the file of an environment that every file system can hold beside the others. No name of
// an environment has an @.
func (w *writer) fileName(environment string) string {
	if environment == backend.AnyEnvironment {
		return environmentFolder + "/" + sharedFile
	}
	for n := 1; ; n++ {
		stem := environment
		switch {
		case n > 1:
			stem += "@" + strconv.Itoa(n)
		case slices.Contains(windowsDevices, strings.ToLower(environment)):
			continue
		}
		name := environmentFolder + "/" + stem + extension
		taken := false
		for other := range w.tree.files {
			taken = taken || strings.EqualFold(other, name)
		}
		if !taken {
			return name
		}
	}
}

// newFile adds a file. Its first line tells editors which schema it has.
func (w *writer) newFile(name string, root *yaml.Node, schema string) *file {
	root.HeadComment = "# yaml-language-server: $schema=" + SchemaURL(schema)
	f := &file{name: name, root: root, document: &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}}}
	w.tree.files[name] = f
	w.changed[name] = true
	return f
}

// fileOf returns the file of an object. If an environment has no file yet, it creates one.
func (w *writer) fileOf(environment string) *file {
	if environment == "" {
		return w.tree.files[ProjectFile]
	}
	if name, ok := w.tree.environments[environment]; ok {
		return w.tree.files[name]
	}
	root := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	name := w.fileName(environment)
	root.Content = append(root.Content, text("environment"), text(environment))
	w.tree.environments[environment] = name
	return w.newFile(name, root, "environment")
}

// copyFromBackend brings the state of an object in the backend into its file.
func (w *writer) copyFromBackend(i Item, environments map[string]string) error {
	environment := i.Key.Environment
	if name, ok := environments[environment]; ok {
		environment = name
	}
	if i.Key.Kind == backend.KindEnvironment {
		environment = i.Object.Name
	}
	f := w.fileOf(environment)
	w.changed[f.name] = true
	target := f.root
	if path := sectionPath(i.Key); path != nil {
		parent := f.root
		for _, key := range path {
			parent = child(parent, key)
		}
		p, ok := w.tree.nodes[i.Key]
		if !ok {
			p = pair{text(i.Object.Name), &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}}
			insert(parent, p)
		}
		p.key.Value = i.Object.Name
		target = p.value
	} else if i.Key.Kind == backend.KindProject {
		valueOf(f.root, "project").Value = i.Object.Name
	}
	wanted, err := attributeNodes(i.Key.Kind, Of(*i.Object), target)
	if err != nil {
		return err
	}
	merge(target, wanted, attributeKeys(i.Key.Kind))
	return nil
}

// sectionPath returns the keys that lead to the mapping of an object's siblings; nil if the object is the whole file.
func sectionPath(k Key) []string {
	section := map[backend.Kind]string{backend.KindSecretType: "types", backend.KindSecret: "secrets",
		backend.KindScopedValue: "values"}[k.Kind]
	switch {
	case section == "":
		return nil
	case k.Scope != "" && k.Scope != backend.ProjectScope:
		return []string{"scopes", k.Scope, section}
	}
	return []string{section}
}

// child returns the mapping of a key, and adds it if there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	m := valueOf(n, key)
	if m == nil {
		m = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		n.Content = append(n.Content, text(key), m)
	} else if m.Kind != yaml.MappingNode {
		m.Kind, m.Tag, m.Value, m.Style = yaml.MappingNode, "!!map", "", 0
	}
	return m
}

// insert adds an entry to a mapping: in its order if the mapping is sorted, otherwise at the end.
func insert(n *yaml.Node, p pair) {
	at := len(n.Content)
	names := make([]string, 0, len(n.Content)/2)
	for _, q := range pairs(n) {
		names = append(names, q.key.Value)
	}
	if slices.IsSorted(names) {
		i, _ := slices.BinarySearch(names, p.key.Value)
		at = 2 * i
	}
	n.Style = 0
	n.Content = slices.Insert(n.Content, at, p.key, p.value)
}

// remove removes an object from its file. The file of an environment is removed later, if nothing is left in it.
func (w *writer) remove(k Key, environments map[string]string) {
	environment := k.Environment
	if name, ok := environments[environment]; ok {
		environment = name
	}
	path := sectionPath(k)
	if path == nil {
		return
	}
	f := w.fileOf(environment)
	w.changed[f.name] = true
	parents := []*yaml.Node{f.root}
	for _, key := range path {
		parents = append(parents, child(parents[len(parents)-1], key))
	}
	p, ok := w.tree.nodes[k]
	if !ok {
		return
	}
	removeKey(parents[len(parents)-1], p.key.Value)
	for n := len(path) - 1; n >= 0 && len(parents[n+1].Content) == 0; n-- {
		removeKey(parents[n], path[n])
	}
}

func removeKey(n *yaml.Node, key string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = slices.Delete(n.Content, i, i+2)
			return
		}
	}
}

// removeEmptyFiles removes the files of environments that the backend does not have any more, if nothing is left.
func (w *writer) removeEmptyFiles(items []Item, overwrite bool) {
	for _, i := range items {
		if i.Key.Kind != backend.KindEnvironment || i.Object != nil || !isPulled(i, overwrite) {
			continue
		}
		name := w.tree.environments[i.Key.Name]
		f := w.tree.files[name]
		if f == nil || valueOf(f.root, "secrets") != nil || valueOf(f.root, "values") != nil ||
			valueOf(f.root, "scopes") != nil {
			continue
		}
		delete(w.tree.files, name)
		delete(w.changed, name)
		w.removed = append(w.removed, name)
	}
}

// output encodes the files, and checks that they declare what they should.
func (w *writer) output(want map[Key]Declared) (Output, error) {
	out := Output{Files: map[string][]byte{}}
	for name := range w.changed {
		f := w.tree.files[name]
		if f == nil {
			continue
		}
		text, err := encode(f.document)
		if err != nil {
			return out, fmt.Errorf("encoding %s: %w", name, err)
		}
		if len(text) > MaxFileBytes {
			return out, backend.Errorf(backend.CodeTooLarge, "%s would have %d bytes; the limit is %d", name, len(text),
				MaxFileBytes)
		}
		if !bytes.Equal(text, f.text) {
			out.Files[name] = text
		}
		f.text = text
	}
	for _, name := range w.removed {
		if _, ok := out.Files[name]; !ok {
			out.Removed = append(out.Removed, name)
		}
	}
	return out, w.verify(want)
}

// verify parses the encoded files again. It returns an error if they declare anything but the wanted objects.
func (w *writer) verify(want map[Key]Declared) error {
	again := NewTree()
	for _, name := range slices.Sorted(maps.Keys(w.tree.files)) {
		add := again.addEnvironment
		if name == ProjectFile {
			add = func(_ string, text []byte) error { return again.addProject(text) }
		}
		if err := add(name, w.tree.files[name].text); err != nil {
			return err
		}
	}
	for key, d := range want {
		got, ok := again.Objects[key]
		got = got.completedFrom(&d)
		if !ok || got.digest(key.Name) != d.completedFrom(&d).digest(key.Name) {
			return backend.Errorf(backend.CodeInternal, "%s cannot be written to %s", key, again.Position(key)).
				WithHint("no file was written")
		}
	}
	return nil
}

func encode(document *yaml.Node) ([]byte, error) {
	return yaml.Dump(document, yaml.WithIndent(2), yaml.WithLineWidth(-1), yaml.WithV4Defaults(), yaml.WithLineWidth(-1))
}

// Write writes the files of a pull, each completely or not at all. It removes files last.
func (o Output) Write(folder *os.Root) error {
	if err := folder.MkdirAll(environmentFolder, 0o755); err != nil {
		return FileError(backend.CodeUnavailable, "creating the folder", filepath.Join(folder.Name(), environmentFolder), err)
	}
	for name := range o.Files {
		if info, err := folder.Lstat(name); err == nil && !info.Mode().IsRegular() {
			return errNotRegular(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Files)) {
		if err := replace(folder, name, o.Files[name]); err != nil {
			return err
		}
	}
	for _, name := range o.Removed {
		if err := folder.Remove(name); err != nil {
			return FileError(backend.CodeUnavailable, "removing", filepath.Join(folder.Name(), name), err)
		}
	}
	_ = durable.SyncDirIn(folder, environmentFolder) // some file systems refuse it, and the files are complete
	_ = durable.SyncDirIn(folder, ".")
	return nil
}
