// SPDX-License-Identifier: MPL-2.0

package projectfiles

import (
	"context"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// State says how an object in the files, the lock and the backend differ.
type State string

// The states.
const (
	Same             State = "same"
	Created          State = "create"                 // only in the files
	Changed          State = "update"                 // in the files since the lock
	Removed          State = "removed"                // from the files since the lock
	BackendChanged   State = "changed in the backend" // since the lock
	BackendCreated   State = "new in the backend"     // and not in the lock
	BackendRemoved   State = "deleted in the backend" // since the lock
	Conflict         State = "conflict"               // in both
	NeedsValue       State = "needs a value"          // a new secret, or a link to one
	ManagedElsewhere State = "managed"                // by Terraform or another tool
)

// Item is one object of the comparison.
type Item struct {
	Key    Key // in the files; in the backend if the files do not have it
	State  State
	Reason string // of a conflict, a value that is needed, and an object that is managed elsewhere

	File   *Declared // nil if the files do not have it
	Object *backend.Object
	Locked *Locked
	// Attributes that differ between the files and the backend.
	Attributes []string
}

// Backend is the state of a project in a backend.
type Backend struct {
	Deployment string
	Project    *backend.Object // nil if the project does not exist
	Objects    []backend.Object
}

// Fetch reads the metadata of a project. A project that does not exist is no error.
func Fetch(ctx context.Context, s backend.Querier, project string) (Backend, error) {
	var b Backend
	list := func(q backend.Query) ([]backend.Object, error) {
		var out []backend.Object
		for page, err := range backend.Pages(ctx, s, q) {
			if err != nil {
				return nil, err
			}
			b.Deployment = page.Deployment
			out = append(out, page.Objects...)
		}
		return out, nil
	}
	q := backend.Query{Kind: backend.KindProject}
	if backend.IsID(project) {
		q.ID = project
	} else {
		q.Name = project
	}
	found, err := list(q)
	if err != nil || len(found) == 0 {
		return b, err
	}
	b.Project = &found[0]
	for _, kind := range kindOrder[1:] {
		objects, err := list(backend.Query{Kind: kind, Project: b.Project.ID})
		if err != nil {
			return b, err
		}
		b.Objects = append(b.Objects, slices.DeleteFunc(objects, func(o backend.Object) bool { return o.BuiltIn })...)
	}
	return b, nil
}

// all returns the project and its objects.
func (b Backend) all() []*backend.Object {
	var out []*backend.Object
	if b.Project != nil {
		out = append(out, b.Project)
	}
	for i := range b.Objects {
		out = append(out, &b.Objects[i])
	}
	return out
}

// Keys returns the keys of the project and its objects.
func (b Backend) Keys() map[Key]bool {
	keys := map[Key]bool{}
	for _, o := range b.all() {
		keys[KeyOf(*o)] = true
	}
	return keys
}

// CheckLock refuses a lock of another backend or project.
func CheckLock(l *Lock, t *Tree, b Backend) error {
	hint := "to bring the files to this backend, remove " + LockFile + ": a push then creates what is missing"
	switch {
	case l == nil:
		return nil
	case b.Deployment != "" && l.Deployment != b.Deployment:
		return backend.Errorf(backend.CodeConflict, "%s belongs to another backend", LockFile).WithHint("%s", hint)
	case b.Project == nil && t.Exists() && l.Name == t.Project:
		return backend.Errorf(backend.CodeNotFound, "project %s of %s does not exist any more", backend.Quote(l.Name),
			LockFile).WithHint("restore it: pouncet project restore %s; or remove %s", l.Project, LockFile)
	case b.Project == nil || l.Project != b.Project.ID || t.Exists() && l.Name != t.Project &&
		b.Project.Name != t.Project && t.Objects[Key{Kind: backend.KindProject, Name: t.Project}].Was != l.Name:
		return backend.Errorf(backend.CodeConflict, "%s belongs to project %s", LockFile, backend.Quote(l.Name)).
			WithHint("to rename the project, add was: %s to %s; otherwise remove %s", l.Name, ProjectFile, LockFile)
	}
	return nil
}

// comparison matches the objects of the files, the lock and the backend.
type comparison struct {
	tree    *Tree
	lock    *Lock
	byID    map[string]*backend.Object
	byPlace map[Key]*backend.Object
	// fileEnvironments holds the name that each environment of the backend has in the files, by its id.
	fileEnvironments map[string]string
	renames          map[Key]Key     // of the files, by the former key that they name
	locked           map[Key]bool    // keys of the lock
	matched          map[Key]bool    // of the files
	seen             map[string]bool // ids of the backend
	items            []Item
}

// Compare returns how the objects of the files, the lock and the backend differ, in the order of CompareKeys.
func Compare(t *Tree, l *Lock, b Backend) []Item {
	c := &comparison{tree: t, lock: l, byID: map[string]*backend.Object{}, byPlace: map[Key]*backend.Object{},
		fileEnvironments: map[string]string{backend.AnyEnvironment: backend.AnyEnvironment}, matched: map[Key]bool{},
		seen: map[string]bool{}, renames: t.renames(), locked: map[Key]bool{}}
	if c.lock == nil {
		c.lock = &Lock{}
	}
	for _, l := range c.lock.Objects {
		c.locked[l.Key] = true
	}
	for _, o := range b.all() {
		c.byID[o.ID] = o
	}
	c.matchEnvironments(b)
	for _, o := range b.all() {
		c.byPlace[c.placeOf(o)] = o
	}
	for i := range c.lock.Objects {
		c.addLocked(&c.lock.Objects[i])
	}
	for key, d := range t.Objects {
		if !c.matched[key] {
			o := c.byPlace[key]
			if o != nil && c.seen[o.ID] {
				o = nil // it is another object of the files, which was renamed
			}
			c.add(key, &d, o, nil)
		}
	}
	for _, o := range b.all() {
		if !c.seen[o.ID] {
			c.add(c.placeOf(o), nil, o, nil)
		}
	}
	slices.SortFunc(c.items, func(x, y Item) int { return CompareKeys(x.Key, y.Key) })
	waitForSecrets(c.items)
	return c.items
}

// placeOf returns the key that an object of the backend has in the files.
func (c *comparison) placeOf(o *backend.Object) Key {
	k := KeyOf(*o)
	if name, ok := c.fileEnvironments[o.EnvironmentID]; ok && k.Environment != "" {
		k.Environment = name
	}
	return k
}

// matchEnvironments finds the names of environments in the files, because the names of entries depend on them.
func (c *comparison) matchEnvironments(b Backend) {
	wasOf := map[string]string{} // the name in the files, by the former name
	for key, d := range c.tree.Objects {
		if key.Kind == backend.KindEnvironment && d.Was != "" {
			wasOf[d.Was] = key.Name
		}
	}
	inFiles := func(name string) bool {
		_, ok := c.tree.environments[name]
		return ok
	}
	for _, locked := range c.lock.Objects {
		if locked.Kind != backend.KindEnvironment || c.byID[locked.ID] == nil {
			continue
		}
		switch renamed, ok := wasOf[locked.Name]; {
		case ok && !inFiles(locked.Name):
			c.fileEnvironments[locked.ID] = renamed
		case inFiles(locked.Name):
			c.fileEnvironments[locked.ID] = locked.Name
		}
	}
	for _, o := range b.Objects {
		if _, known := c.fileEnvironments[o.ID]; !known && o.Kind == backend.KindEnvironment {
			c.fileEnvironments[o.ID] = o.Name
		}
	}
}

// fileKey returns the key in the files of a locked object, and whether the files have it.
func (c *comparison) fileKey(l *Locked) (Key, bool) {
	k := l.Key
	if name, ok := c.fileEnvironments[l.EnvironmentID]; ok && k.Environment != "" {
		k.Environment = name
	}
	if _, ok := c.tree.Objects[k]; ok {
		return k, true
	}
	return k, false
}

// renames returns the keys of the files by the former key that they name.
func (t *Tree) renames() map[Key]Key {
	out := map[Key]Key{}
	for key, d := range t.Objects {
		if d.Was != "" {
			former := key
			former.Name = d.Was
			out[former] = key
		}
	}
	return out
}

func (c *comparison) addLocked(l *Locked) {
	o := c.byID[l.ID]
	key, inFiles := c.fileKey(l)
	if l.ID == "" { // a secret that waited for its value
		if o = c.byPlace[key]; o != nil && c.seen[o.ID] {
			o = nil
		}
	}
	if !inFiles {
		if renamed, ok := c.renames[key]; ok {
			key, inFiles = renamed, true
		} else if o != nil { // renamed in the files as it is in the backend
			if place := c.placeOf(o); place != key && !c.matched[place] {
				if _, ok := c.tree.Objects[place]; ok && !c.locked[place] {
					key, inFiles = place, true
				}
			}
		}
	}
	if !inFiles {
		if o == nil {
			return // gone in both
		}
		c.add(c.placeOf(o), nil, o, l)
		return
	}
	d := c.tree.Objects[key]
	c.add(key, &d, o, l)
}

// add adds an object with its state.
func (c *comparison) add(key Key, d *Declared, o *backend.Object, l *Locked) {
	i := Item{Key: key, Object: o, Locked: l}
	if o != nil {
		c.seen[o.ID] = true
	}
	inFile, inBackend := "", ""
	var there Declared
	if o != nil {
		there = Of(*o)
		inBackend = there.digest(o.Name)
	}
	if d != nil {
		c.matched[key] = true
		complete := *d
		if o != nil {
			complete = d.completedFrom(&there)
		} else {
			complete = d.completedFrom(nil)
		}
		i.File = &complete
		inFile = complete.digest(key.Name)
	}
	base := ""
	if l != nil {
		base = l.Digest
	}
	if d != nil && o == nil && d.Visibility == "" {
		// The file leaves out the visibility, and no object has one any more. So try both.
		for _, v := range []backend.Visibility{backend.Masked, backend.Restricted} {
			open := *i.File
			if open.Visibility = v; open.digest(key.Name) == base {
				inFile = base
			}
		}
	}
	if d != nil && o != nil && inFile != inBackend {
		i.Attributes = i.File.differences(there)
		if key.Name != o.Name {
			i.Attributes = append([]string{"name"}, i.Attributes...)
		}
	}
	i.State, i.Reason = stateOf(inFile, inBackend, base, l)
	if o != nil && o.ManagedBy != "" {
		if d == nil || inFile == inBackend || declaresNothing(key, *d) {
			i.State, i.Reason = Same, ""
		} else {
			i.State, i.Reason = ManagedElsewhere, "it is managed by "+o.ManagedBy
		}
	}
	if i.State == Created && key.Kind == backend.KindSecret && i.File.Generate == nil {
		i.State, i.Reason = NeedsValue, "the value of a secret is in no file"
	}
	c.items = append(c.items, i)
}

// declaresNothing reports whether a file has a project or environment only because other objects are below it.
func declaresNothing(key Key, d Declared) bool {
	return (key.Kind == backend.KindProject || key.Kind == backend.KindEnvironment) && d.policy == nil && d.Was == "" &&
		len(d.differences(Declared{})) == 0
}

// stateOf compares the digests of an object; "" stands for an object that is absent.
func stateOf(inFile, inBackend, base string, l *Locked) (State, string) {
	waited := l != nil && l.ID == ""
	switch {
	case inFile == inBackend:
		return Same, ""
	case base == "" && inBackend == "":
		if l != nil && !waited {
			return BackendRemoved, ""
		}
		return Created, ""
	case base == "" && inFile == "":
		return BackendCreated, ""
	case base == "" && waited:
		return Changed, ""
	case base == "":
		return Conflict, "it exists in the backend with other attributes, and is not in " + LockFile
	case inFile == base && inBackend == "":
		return BackendRemoved, ""
	case inFile == base:
		return BackendChanged, ""
	case inBackend == base && inFile == "":
		return Removed, ""
	case inBackend == base:
		return Changed, ""
	case inFile == "":
		return Conflict, "it was removed from the files, and changed in the backend"
	case inBackend == "":
		return Conflict, "it was changed in the files, and deleted in the backend"
	}
	return Conflict, "it was changed in the files and in the backend"
}

// waitForSecrets defers new links to secrets that no environment has yet.
func waitForSecrets(items []Item) {
	exists, waits := map[string]bool{}, map[string]bool{}
	for _, i := range items {
		if i.Key.Kind != backend.KindSecret {
			continue
		}
		if i.Object != nil || i.State == Created {
			exists[i.Key.Name] = true
		}
		if i.State == NeedsValue {
			waits[i.Key.Name] = true
		}
	}
	for n := range items {
		i := &items[n]
		if i.File != nil && i.File.Link != nil && (i.State == Created || i.State == Changed) {
			if link := i.File.Link.Secret; waits[link] && !exists[link] {
				i.State, i.Reason = NeedsValue, "it links to secret "+backend.Quote(link)+", which has no value yet"
			}
		}
	}
}

// Label says what an item is, for messages.
func (i Item) Label() string { return i.Key.String() }

// IsSame reports whether an item needs no attention.
func (i Item) IsSame() bool { return i.State == Same }

// AttributesText lists the attributes that differ.
func (i Item) AttributesText() string { return strings.Join(i.Attributes, ", ") }
