// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"errors"
	"slices"
)

// What is checked of the attributes of a change, before a backend looks at it.

// Limits of the metadata of an object.
const (
	MaxDescriptionBytes = 4096
	MaxManagedByBytes   = 64
	MaxNoteBytes        = 1024
	MaxLabels           = 64
	MaxLabelBytes       = 256 // of a label's key, and of its value
)

// Check refuses a change that is not valid in any backend: it has an attribute that the kind does not have, or an
// attribute over its limit.
func (c Change) Check() *Error {
	if (c.Op == OpDelete || c.Op == OpRestore) && (!c.Value.IsZero() || c.Generate != nil) {
		return Errorf(CodeInvalid, "operation %q takes no value", c.Op).At("value")
	}
	if c.ValueFollows && (c.Kind != KindSecret || c.Op == OpDelete || !c.Value.IsZero() || c.Generate != nil ||
		c.FromVersion != nil) {
		return Errorf(CodeInvalid, "value_follows is for a secret whose value is not given").At("value")
	}
	for _, a := range AttributeTable {
		if !a.given(&c) {
			continue
		}
		if len(a.Kinds) > 0 && !slices.Contains(a.Kinds, c.Kind) {
			return Errorf(CodeInvalid, "a %s has no %s", c.Kind, a.Name).At(a.Name)
		}
		if a.check == nil {
			continue
		}
		if err := a.check(&c); err != nil {
			return err
		}
	}
	return nil
}

// CheckEncoding refuses what cannot be encoded for the wire: invalid JSON, and texts that are not UTF-8. Names need no
// check: the wire replaces other bytes by a character that no name can have.
func (c Change) CheckEncoding() *Error {
	for _, a := range AttributeTable {
		if !a.given(&c) || a.check == nil {
			continue
		}
		err := a.check(&c)
		if err != nil && (a.Name == "schema" || a.Name == "json" || errors.Is(err, errEncoding)) {
			return err
		}
	}
	return nil
}

func checkDescription(c *Change) *Error {
	if n := len(*c.Description); n > MaxDescriptionBytes {
		return Errorf(CodeTooLarge, "the description has %d bytes; the limit is %d", n, MaxDescriptionBytes).At("description")
	}
	if err := CheckText("the description", *c.Description); err != nil {
		return err.At("description")
	}
	return nil
}

func checkManagedBy(c *Change) *Error {
	return checkShort("managed_by", *c.ManagedBy, MaxManagedByBytes)
}

// checkShort checks a text of one line.
func checkShort(name, text string, most int) *Error {
	if len(text) > most {
		return Errorf(CodeTooLarge, "%s has %d bytes; the limit is %d", name, len(text), most).At(name)
	}
	if err := CheckLine(name, text); err != nil {
		return err.At(name)
	}
	return nil
}

func checkLabels(c *Change) *Error {
	if len(c.Labels) > MaxLabels {
		return Errorf(CodeTooLarge, "%d labels are given; the limit is %d", len(c.Labels), MaxLabels).At("labels")
	}
	for k, v := range c.Labels {
		if k == "" || len(k) > MaxLabelBytes || len(v) > MaxLabelBytes {
			return Errorf(CodeTooLarge, "label %s is not valid: a key has 1 to %d bytes, a value at most %d",
				Quote(k), MaxLabelBytes, MaxLabelBytes).At("labels")
		}
		if err := CheckLine("the key of label "+Quote(k), k); err != nil {
			return err.At("labels")
		}
		if err := CheckText("the value of label "+Quote(k), v); err != nil {
			return err.At("labels")
		}
	}
	return nil
}

func checkNote(c *Change) *Error {
	if n := len(*c.Note); n > MaxNoteBytes {
		return Errorf(CodeTooLarge, "the note has %d bytes; the limit is %d", n, MaxNoteBytes).At("note")
	}
	if err := CheckText("the note", *c.Note); err != nil {
		return err.At("note")
	}
	if c.Value.Len() == 0 && c.Generate == nil && c.FromVersion == nil {
		return Errorf(CodeInvalid, "a note describes a new value, and no value is given").
			WithHint("give a value, or generate one").At("note")
	}
	return nil
}

func checkFromVersion(c *Change) *Error {
	if c.Value.Len() > 0 || c.Generate != nil {
		return Errorf(CodeInvalid, "from_version is given together with another value").WithHint("give one of them").
			At("from_version")
	}
	if *c.FromVersion == "" && c.Op == OpCompare {
		return nil
	}
	if err := CheckVersion(*c.FromVersion); err != nil {
		return err.At("from_version")
	}
	return nil
}

func checkTags(c *Change) *Error {
	for tag, n := range c.Tags {
		if err := CheckTag(tag); err != nil {
			return err.At("tags")
		}
		if n < 0 {
			return Errorf(CodeInvalid, "tag %q names version %d, and the numbers of versions begin with 1", tag, n).
				At("tags")
		}
	}
	if n := len(c.Tags); n > MaxTags {
		return errTags(n)
	}
	return nil
}

func errTags(n int) *Error {
	return Errorf(CodeTooLarge, "the secret would have %d tags; the limit is %d", n, MaxTags).WithHint("remove some").
		At("tags")
}

// CheckTags refuses more tags than a secret may have.
func (a Attributes) CheckTags() *Error {
	if n := len(a.Tags); n > MaxTags {
		return errTags(n)
	}
	return nil
}

func checkRotationDays(c *Change) *Error {
	if d := *c.RotationDays; d < 0 || d > LargestRotationDays {
		return Errorf(CodeInvalid, "rotation_days is %d; it must be from 0 (no rotation) to %d", d, LargestRotationDays).
			At("rotation_days")
	}
	return nil
}

func (v Visibility) check(attribute string) *Error {
	if v != Masked && v != Restricted {
		return Errorf(CodeInvalid, "%s %s is not valid", attribute, Quote(string(v))).
			WithHint("use %q or %q", Masked, Restricted).At(attribute)
	}
	return nil
}
