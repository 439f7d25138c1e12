// SPDX-License-Identifier: MPL-2.0

package backend

// A draft is a named set of changes of one project that are not made yet. A ChangeSet with a Draft adds to it, OpDeploy
// makes all of its changes or none, and OpDelete discards it. Its values are sealed, and no call returns them.

// StagedChangeAttribute is the attribute of the error about a Change whose StagedChange is not the last one.
const StagedChangeAttribute = "staged_change"

// Staged says what one change of a draft will do. It never holds a value.
type Staged struct {
	Kind   Kind   `json:"kind"` // of the object that it changes
	Op     Op     `json:"op"`
	Object string `json:"object"` // the id of the object, even of one that the draft will create
	// Action is ActionCreate, ActionUpdate or ActionDelete.
	Action Action `json:"action"`
	// Changed lists the attributes that it sets, by their JSON names: "name" for a rename, "value" for any new value. It
	// leaves out those that the object has already, except for a value: a list compares no values.
	Changed []string `json:"changed,omitempty"`
	Rename  string   `json:"rename,omitempty"` // the new name
	Force   bool     `json:"force,omitempty"`
	Purge   bool     `json:"purge,omitempty"`
	By      []string `json:"by,omitempty"` // the names of the principals that staged it
	// Stale says what has happened to the object since; "" if it is as it was. A draft with a stale change is not
	// deployed.
	Stale string `json:"stale,omitempty"`
	// Files is the number of configuration files that use an entry which the change deletes.
	Files int `json:"files,omitempty"`
}

// Destruction says how a change deletes so much that a person has to confirm it.
type Destruction string

// The values of Destruction.
const (
	DestroysNothing     Destruction = ""
	DestroysPermanently Destruction = "permanently"
	DestroysContents    Destruction = "with everything in it"
)

// Destroys returns whether the change deletes its object permanently, or an environment with everything in it.
func (s Staged) Destroys() Destruction {
	switch {
	case s.Purge:
		return DestroysPermanently
	case s.Op == OpDelete && s.Force && s.Kind == KindEnvironment:
		return DestroysContents
	}
	return DestroysNothing
}

// Part is one change of a draft that is deployed, with its outcome.
type Part struct {
	Change Object `json:"change"` // of the kind KindDraftChange

	Action    Action   `json:"action,omitempty"`
	Changed   []string `json:"changed,omitempty"`
	Object    Object   `json:"object,omitzero"` // none if a stale change prevented the deploying
	Err       *Error   `json:"error,omitempty"`
	Displaced *Object  `json:"displaced,omitempty"`
	Unchecked string   `json:"unchecked,omitempty"`
	SameValue []string `json:"same_value,omitempty"`
}

// CanBeStaged reports whether the changes of a kind can be in a draft.
func CanBeStaged(k Kind) bool {
	switch k {
	case KindProject, KindEnvironment, KindSecretType, KindSecret, KindScopedValue:
		return true
	}
	return false
}

// SetsValue reports whether the change sets the value of a secret.
func (c Change) SetsValue() bool {
	return !c.Value.IsZero() || c.Generate != nil || c.FromVersion != nil
}

// Merge returns a change that does what c and then later do, if later neither renames the object nor deletes it. Both
// are changes of the same object.
func (c Change) Merge(later Change) (Change, bool) {
	if later.Rename != nil || later.Op == OpDelete || c.Op == OpDelete {
		return c, false
	}
	if later.SetsValue() {
		c.Value, c.Generate, c.FromVersion, c.Note = later.Value, later.Generate, later.FromVersion, nil
	}
	if later.JSON != nil || later.Link != nil {
		c.JSON, c.Link = later.JSON, later.Link
	}
	replace(&c.Note, later.Note)
	replace(&c.Description, later.Description)
	replace(&c.ManagedBy, later.ManagedBy)
	replace(&c.KMSKey, later.KMSKey)
	replace(&c.Protected, later.Protected)
	replace(&c.DisplayName, later.DisplayName)
	replace(&c.Type, later.Type)
	replace(&c.Visibility, later.Visibility)
	replace(&c.RotationDays, later.RotationDays)
	replace(&c.ExpiresAt, later.ExpiresAt)
	if later.Labels != nil {
		c.Labels = later.Labels
	}
	if later.Schema != nil {
		c.Schema = later.Schema
	}
	if later.Policy != nil {
		merged := *later.Policy
		if c.Policy != nil {
			merged = c.Policy.merge(merged)
		}
		c.Policy = &merged
	}
	if later.Tags != nil {
		tags := map[string]int64{}
		for _, given := range []map[string]int64{c.Tags, later.Tags} {
			for tag, n := range given {
				tags[tag] = n
			}
		}
		c.Tags = tags
	}
	return c, true
}

// replace sets a field that a later change sets too.
func replace[T any](field **T, later *T) {
	if later != nil {
		*field = later
	}
}
