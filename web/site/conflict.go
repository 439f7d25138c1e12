// SPDX-License-Identifier: MPL-2.0

package site

import (
	"errors"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Two people can have the same object open. Each form says what its person has seen: an edition, a revision, or the
// texts of its fields. The second who sends a form learns what the first has done, and keeps what was typed.

// Conflict says what somebody else has changed of an object while a person filled in its form.
type Conflict struct {
	Is      string    // what the object is now
	At      time.Time // when it was changed
	Changed string    // the names of the fields that others have changed
	Theirs  []Theirs
	Next    string
}

// Theirs is a field that both have changed, with what the other person has written.
type Theirs struct{ Label, Text string }

// Seen returns the number with which a form says what its person has seen; nil if the form has none.
func (q *Request) Seen(field string) *int64 { return Number(q.R.PostFormValue(field)) }

// Incomplete is the error of a form that does not say what its person has seen.
func Incomplete() *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "the form is not complete").
		WithHint("nothing was changed; reload the page, and try again")
}

// ChangedMeanwhile replaces the error of a change that was refused because somebody else has changed the object since
// the person has seen it.
func ChangedMeanwhile(err error, seen *int64, now int64) *backend.Error {
	if !errors.Is(err, backend.ErrConflict) || seen == nil || *seen == now {
		return backend.AsError(err)
	}
	return backend.Errorf(backend.CodeConflict, "%s", Text("conflict.changed")).WithHint("%s", Text("conflict.look"))
}
