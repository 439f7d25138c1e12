// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// checkNamePrefix refuses a prefix of names for a list that has no names or is not sorted by them.
func checkNamePrefix(q backend.Query) error {
	if q.NamePrefix == "" {
		return nil
	}
	switch q.Kind {
	case backend.KindVersion, backend.KindUsage, backend.KindDraftChange, backend.KindEntry, backend.KindRecord:
		return backend.Errorf(backend.CodeInvalid, "the selector name_prefix cannot be used for a list of kind %q", q.Kind).
			WithHint("leave it out").At("name_prefix")
	}
	if q.Deleted || q.Held {
		return backend.Errorf(backend.CodeInvalid, "the selector name_prefix cannot be used together with deleted or held").
			WithHint("leave it out").At("name_prefix")
	}
	return nil
}

// beforeNames sorts before every name.
const beforeNames = "!"

// withPrefix makes a filter select only the names with the prefix of the query. They are one range of the index.
func (l listing) withPrefix(f store.Filter) store.Filter {
	prefix := l.q.NamePrefix
	switch {
	case prefix == "":
	case !backend.CanBeginName(prefix):
		f.BeforeName = beforeNames
	default:
		if f.AfterName < prefix {
			f.AfterName, f.AfterID = prefix, "" // an object with exactly this name comes after it, because it has an id
		}
		f.BeforeName = prefix + afterNames
	}
	return f
}
