// SPDX-License-Identifier: MPL-2.0

package projectfiles

import (
	"maps"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// IsPushed reports whether a push makes a change for an item. It deletes only with prune, and only what the lock has:
// what others created meanwhile stays.
func (i Item) IsPushed(prune bool) bool {
	return i.State == Created || i.State == Changed || prune && i.State == Removed
}

// Changes returns the changes of a push, with the index of the item that each is for. Objects that others depend on
// come first, and deletions last, in the opposite order.
func Changes(items []Item, t *Tree, b Backend, prune bool) (changes []backend.Change, of []int) {
	project := t.Project
	if b.Project != nil {
		project = b.Project.ID
	}
	for n, i := range items {
		if i.IsPushed(prune) && i.State != Removed {
			changes, of = append(changes, i.change(project)), append(of, n)
		}
	}
	for n, i := range slices.Backward(items) {
		if i.IsPushed(prune) && i.State == Removed {
			edition := i.Object.Edition
			changes = append(changes, backend.Change{Op: backend.OpDelete, Kind: i.Key.Kind, ID: i.Object.ID, Edition: &edition})
			of = append(of, n)
		}
	}
	return changes, of
}

// change returns the change that makes an object as the file declares it. An update expects the object as it was
// compared.
func (i Item) change(project string) backend.Change {
	d := i.File
	c := backend.Change{Op: backend.OpCreate, Kind: i.Key.Kind, Name: i.Key.Name}
	there := Declared{}
	if i.Object != nil {
		edition := i.Object.Edition
		c.Op, c.ID, c.Name, c.Edition, there = backend.OpUpdate, i.Object.ID, "", &edition, Of(*i.Object)
		if i.Object.Name != i.Key.Name {
			c.Rename = &i.Key.Name
		}
	} else {
		if c.Kind != backend.KindProject {
			c.Project = project
		}
		c.Environment, c.Scope = i.Key.Environment, i.Key.Scope
		if c.Kind == backend.KindSecret {
			c.Generate = d.Generate
		}
	}
	set(&c.Description, d.Description, there.Description)
	if !maps.Equal(d.Labels, there.Labels) {
		c.Labels = d.Labels
		if c.Labels == nil {
			c.Labels = map[string]string{}
		}
	}
	set(&c.DisplayName, d.DisplayName, there.DisplayName)
	set(&c.KMSKey, d.KMSKey, there.KMSKey)
	set(&c.Protected, d.Protected, there.Protected)
	set(&c.Type, d.Type, there.Type)
	set(&c.RotationDays, d.RotationDays, there.RotationDays)
	if d.Visibility != "" {
		set(&c.Visibility, d.Visibility, there.Visibility)
	}
	if !d.ExpiresAt.Equal(there.ExpiresAt) {
		c.ExpiresAt = &d.ExpiresAt
	}
	if !backend.EqualJSON(d.Schema, there.Schema) {
		c.Schema = d.Schema
	}
	if d.policy != nil && (there.Policy == nil || !d.policy.Holds(*there.Policy)) {
		c.Policy = d.policy
	}
	switch {
	case d.Link != nil && (there.Link == nil || *d.Link != *there.Link):
		c.Link = d.Link
	case d.Link == nil && d.Value != nil && !backend.EqualJSON(d.Value, there.Value):
		c.JSON = d.Value
	}
	return c
}

// set gives a change an attribute that differs.
func set[T comparable](to **T, wanted, there T) {
	if wanted != there {
		*to = &wanted
	}
}

// NextLock returns the lock after a pull or a push. made has the objects after the changes of a push, by the index of
// the item; an object that was deleted is nil there. isPulled says for which items the files now have the state of the
// backend.
func NextLock(items []Item, b Backend, made map[int]*backend.Object, isPulled func(Item) bool) Lock {
	l := Lock{Deployment: b.Deployment}
	project := b.Project
	for n, i := range items {
		o, changed := made[n]
		if i.Key.Kind == backend.KindProject && changed {
			project = o
		}
		switch {
		case changed && o == nil, !changed && isPulled(i) && i.Object == nil:
			continue // it does not exist any more
		case changed:
			l.Objects = append(l.Objects, lockedAs(*o))
		case i.State == Same && i.File != nil && i.Object != nil, isPulled(i):
			next := lockedAs(*i.Object)
			if i.Locked != nil && i.Locked.Digest == next.Digest && i.Locked.Key == next.Key {
				next = *i.Locked // a new value of a secret is no change of the lock
			}
			l.Objects = append(l.Objects, next)
		case i.State == NeedsValue && i.Key.Kind == backend.KindSecret:
			l.Objects = append(l.Objects, Locked{Key: i.Key})
		case i.Object != nil && i.Object.ManagedBy != "":
			if i.Key.Kind == backend.KindEnvironment { // its entries need its id
				l.Objects = append(l.Objects, lockedAs(*i.Object))
			}
		case i.Locked != nil:
			l.Objects = append(l.Objects, *i.Locked)
		}
	}
	if project != nil {
		l.Project, l.Name = project.ID, project.Name
	}
	return l
}

func lockedAs(o backend.Object) Locked {
	l := Locked{Key: KeyOf(o), ID: o.ID, EnvironmentID: o.EnvironmentID, Revision: o.Revision}
	if o.ManagedBy == "" {
		l.Digest = Of(o).digest(o.Name)
	}
	return l
}

// IsDiscardedByPull reports whether a pull that lets the backend win discards a change of the files. It keeps what is
// only in the files.
func (i Item) IsDiscardedByPull() bool {
	return i.State == Conflict || i.State == Changed || i.State == Removed
}

// IsTakenByPull reports whether a pull takes the state of the backend for an item.
func IsTakenByPull(overwrite bool) func(Item) bool {
	return func(i Item) bool { return isPulled(i, overwrite) }
}
