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

// Drafted is the field in which a form says which change of which draft its person has seen, and the attribute of the
// error about another one.
const Drafted = "drafted"

// Staging makes a change one that is refused if somebody else has staged a change of the same object in the draft which
// the person has not seen.
func (q *Request) Staging(c *backend.Change, draft string) {
	id, in, _ := strings.Cut(q.R.PostFormValue(Drafted), " ")
	if in != draft {
		id = ""
	}
	c.StagedChange = &id
}

// StagedByOthers replaces the error of a change that was refused because of another one in the draft. It returns what
// the field Drafted has now that the person sees that change.
func (q *Request) StagedByOthers(o backend.Object, draft string, refused error) (drafted string, err error) {
	e := backend.AsError(refused)
	if e.Code != backend.CodeConflict || e.Attribute != backend.StagedChangeAttribute {
		return q.R.PostFormValue(Drafted), refused
	}
	changes, err := q.List(backend.Query{Kind: backend.KindDraftChange, Project: o.Project, Draft: draft})
	if err != nil && !errors.Is(err, backend.ErrNotFound) {
		return "", err
	}
	err = backend.Errorf(backend.CodeConflict, "%s", Text("conflict.undrafted", draft)).
		WithHint("%s", Text("conflict.drafted.next")).At(Drafted)
	for _, c := range changes {
		if c.Staged.Object != o.ID || len(c.Staged.By) == 0 {
			continue
		}
		what := string(c.Staged.Action)
		if len(c.Staged.Changed) > 0 {
			what += " " + strings.Join(c.Staged.Changed, ", ")
		}
		drafted, err = c.ID+" "+draft, backend.Errorf(backend.CodeConflict, "%s",
			Text("conflict.drafted", draft, strings.Join(c.Staged.By, ", "), what)).
			WithHint("%s", Text("conflict.drafted.next")).At(Drafted)
	}
	return drafted, err
}

// ChangedMeanwhile replaces the error of a change that was refused because somebody else has changed the object since
// the person has seen it.
func ChangedMeanwhile(err error, seen *int64, now int64) *backend.Error {
	if !errors.Is(err, backend.ErrConflict) || seen == nil || *seen == now {
		return backend.AsError(err)
	}
	return backend.Errorf(backend.CodeConflict, "%s", Text("conflict.changed")).WithHint("%s", Text("conflict.look"))
}
