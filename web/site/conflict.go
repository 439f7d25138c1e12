// SPDX-License-Identifier: MPL-2.0

package site

import (
	"errors"
	"strings"
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

// Drafted is the attribute of the error about a change of the same object that the draft has already. The form says in
// a field of this name which change its person has seen.
const Drafted = "drafted"

// StagedByOthers returns the change of an object that other people have put into a draft, and a conflict if the form
// does not say that its person has seen the change.
func (q *Request) StagedByOthers(o backend.Object, draft string) (id string, conflict *backend.Error) {
	changes, err := q.List(backend.Query{Kind: backend.KindDraftChange, Project: o.Project, Draft: draft})
	if err != nil {
		return "", nil // the draft does not exist yet, or the call that adds to it reports the error
	}
	for _, c := range changes {
		by := c.Staged.By
		if c.Staged.Object != o.ID || len(by) == 0 || by[len(by)-1] == q.Principal.Name { // the last one was this person
			continue
		}
		if id = c.ID; id == q.R.PostFormValue(Drafted) {
			return id, nil
		}
		what := string(c.Staged.Action)
		if len(c.Staged.Changed) > 0 {
			what += " " + strings.Join(c.Staged.Changed, ", ")
		}
		return id, backend.Errorf(backend.CodeConflict, "%s", Text("conflict.drafted", draft, strings.Join(by, ", "), what)).
			WithHint("%s", Text("conflict.drafted.next")).At(Drafted)
	}
	return "", nil
}

// ChangedMeanwhile replaces the error of a change that was refused because somebody else has changed the object since
// the person has seen it.
func ChangedMeanwhile(err error, seen *int64, now int64) *backend.Error {
	if !errors.Is(err, backend.ErrConflict) || seen == nil || *seen == now {
		return backend.AsError(err)
	}
	return backend.Errorf(backend.CodeConflict, "%s", Text("conflict.changed")).WithHint("%s", Text("conflict.look"))
}
