// SPDX-License-Identifier: MPL-2.0

package projectfiles

import "github.com/pouncet/terraform-provider-pouncet/backend"

// CheckRenames refuses a key "was" that would rename nothing: a push would create an object beside the old one, or
// would not swap two names. A rename that was made before stays in the files until the next pull, and is no error.
// Without a lock, a push only creates.
func CheckRenames(items []Item, t *Tree, l *Lock) error {
	for _, i := range items {
		d, ok := t.Objects[i.Key]
		if !ok || d.Was == "" {
			continue
		}
		former := i.Key
		former.Name = d.Was
		_, kept := t.Objects[former]
		switch {
		case t.isRenamedInCircle(i.Key):
			return t.atWas(i.Key, "names cannot be swapped in one push").
				WithHint("rename one of them to a name that is free, push, and rename it again")
		case l == nil || i.Locked != nil || i.Object != nil || i.Key.Kind == backend.KindProject:
		case kept:
			return t.atWas(i.Key, "was names %s, which the files still have", former).
				WithHint("remove it from the files to rename it, or remove the key was to create another object")
		default:
			return t.atWas(i.Key, "was names %s, which is not in %s", former, LockFile).
				WithHint("correct the name, or remove the key was to create an object")
		}
	}
	return nil
}

// isRenamedInCircle reports whether the former names lead from an object back to it.
func (t *Tree) isRenamedInCircle(start Key) bool {
	key := start
	for range t.Objects {
		d, ok := t.Objects[key]
		if !ok || d.Was == "" || d.Was == key.Name {
			return false
		}
		if key.Name = d.Was; key == start {
			return true
		}
	}
	return false
}

// atWas returns an error about the key "was" of an object.
func (t *Tree) atWas(k Key, format string, args ...any) *backend.Error {
	return t.files[t.fileNameOf(k)].at(valueOf(t.nodes[k].value, "was"), format, args...)
}
