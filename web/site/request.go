// SPDX-License-Identifier: MPL-2.0

package site

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strconv"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Request is a request of a person who has signed in.
type Request struct {
	*Site
	W         http.ResponseWriter
	R         *http.Request
	Session   *Session
	Principal backend.Principal

	permissions backend.Permissions // what may returns, once it was asked
	asked       bool
}

// Context returns the context of the calls of the request.
func (q *Request) Context() context.Context { return q.R.Context() }

// Query lists objects.
func (q *Request) Query(query backend.Query) (backend.Page, error) {
	return q.Service.Query(q.Context(), query)
}

// List lists all objects that a query selects.
func (q *Request) List(query backend.Query) ([]backend.Object, error) {
	return backend.ListAll(q.Context(), q.Service, query)
}

// Object returns the object of a kind with an id, which belongs to the project of the path.
func (q *Request) Object(kind backend.Kind, id string) (backend.Object, error) {
	missing := backend.Errorf(backend.CodeNotFound, "the %s does not exist", kind).
		WithHint("it was deleted or renamed; go back to the list")
	if !backend.IsID(id) && kind != backend.KindSecretType {
		return backend.Object{}, missing
	}
	page, err := q.Query(backend.Query{Kind: kind, ID: id, Project: q.R.PathValue("project")})
	if err != nil {
		return backend.Object{}, err
	}
	if len(page.Objects) == 0 {
		return backend.Object{}, missing
	}
	return page.Objects[0], nil
}

// Apply makes changes. A form that is sent twice, as by a double click, makes them once.
func (q *Request) Apply(set backend.ChangeSet) ([]backend.Outcome, error) {
	if id := q.R.PostFormValue("form"); id != "" && !set.DryRun && len(id) <= maxFormID {
		set.IdempotencyKey = "ui:" + q.Session.ID + ":" + id
	}
	out, err := q.Service.Apply(q.Context(), set)
	if e := backend.AsError(err); err != nil && e.Attribute == "idempotency_key" {
		return out, backend.Errorf(backend.CodeConflict, "this form was sent before, with something else in it").
			WithHint("reload the page, and look whether the change was made").At(SentBefore)
	}
	return out, err
}

// SentBefore is the attribute of the error about a form that was sent before with something else in it.
const SentBefore = "form"

// maxFormID is the length of the longest id of a form, in bytes. NewForm makes shorter ones.
const maxFormID = 100

// Change makes one change.
func (q *Request) Change(c backend.Change) (backend.Outcome, error) {
	out, err := q.Apply(backend.ChangeSet{Changes: []backend.Change{c}})
	if err != nil {
		return backend.Outcome{}, err
	}
	return out[0], nil
}

// NewForm returns an id for a form, with which it is sent once.
func NewForm() string { return rand.Text() }

// Redirect answers a form with another page, so that going back or reloading does not send it again. done is the key of
// a text that says what was done, on the next page; "" for none.
func (q *Request) Redirect(path, done string) error {
	if done != "" {
		q.noteDone(done)
	}
	q.W.Header().Set("Location", q.URL(path))
	q.W.WriteHeader(http.StatusSeeOther)
	return nil
}

// noteDone keeps in the session what a form has done; "" for what a page has shown.
func (q *Request) noteDone(done string) {
	q.Session.Done = done
	if err := q.write(q.R, q.W, q.Session); err != nil {
		q.Log.Warn("keeping what a form has done", "error", err) // the form has done it all the same
	}
}

// IsPart reports whether only a part of the page, with this id, is asked for.
func (q *Request) IsPart(id string) bool {
	return q.R.Header.Get("HX-Request") == "true" && q.R.Header.Get("HX-Target") == id
}

// IsConfirmed reports whether the person has given the credential lately. Otherwise it is taken from the field code of
// the form. An error says why it is not valid.
func (q *Request) IsConfirmed() (bool, error) {
	now := q.Now()
	if now.Sub(q.Session.Confirmed) < confirmLimit {
		return true, nil
	}
	typed := q.R.PostFormValue("code")
	if typed == "" || q.Session.Trust != "" { // who has signed in at an issuer confirms there
		return false, nil
	}
	kept, err := q.credential(q.Context(), q.address(), typed)
	if err == nil && kept != q.Session.Kept {
		err = backend.Errorf(backend.CodeUnauthenticated, "the token is not the one that you have signed in with")
	}
	if err != nil {
		q.Audit.Refused(q.Context(), backend.VerbSignIn, err)
		q.Log.Warn("confirmation refused", "address", q.address(), "principal", q.Principal.Name)
		return false, err
	}
	q.Session.Confirmed, q.Session.Seen = now, now
	return true, q.write(q.R, q.W, q.Session)
}

// StatusOfConfirmation returns the status of an answer that asks for the credential, with the error of the last
// attempt.
func StatusOfConfirmation(err error) int {
	switch {
	case errors.Is(err, errTooMany):
		return http.StatusTooManyRequests
	case err != nil:
		return statusOf(err)
	}
	return http.StatusUnauthorized
}

func (q *Request) address() string { return addressOf(q.R) }

// NotCompressed says that the answer holds a value.
func (q *Request) NotCompressed() {
	if a, ok := q.W.(*answer); ok {
		a.plain = true
	}
}

// fail answers with the page of an error.
func (q *Request) fail(err error) {
	q.W.WriteHeader(statusOf(err))
	q.draw(errorPage, "layout", Page{Title: Text("error.title"), Data: backend.AsError(forPage(err))})
}

var statuses = map[backend.Code]int{
	backend.CodeInvalid: http.StatusBadRequest, backend.CodeTooLarge: http.StatusRequestEntityTooLarge,
	backend.CodeNotFound: http.StatusNotFound, backend.CodeDenied: http.StatusForbidden,
	backend.CodeUnauthenticated: http.StatusUnauthorized, backend.CodeConflict: http.StatusConflict,
	backend.CodeExists: http.StatusConflict, backend.CodeInUse: http.StatusConflict,
	backend.CodeQuota: http.StatusConflict, backend.CodeImmutable: http.StatusConflict,
	backend.CodeUnavailable: http.StatusServiceUnavailable, backend.CodeKeyUnusable: http.StatusServiceUnavailable,
	backend.CodeStorageFull: http.StatusInsufficientStorage,
}

// statusOf returns the status of an answer with an error.
func statusOf(err error) int {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	if status, ok := statuses[backend.AsError(err).Code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// IsUsers reports whether an error is about what a person has typed, and belongs to the form.
func IsUsers(err error) bool {
	switch backend.AsError(err).Code {
	case backend.CodeInvalid, backend.CodeTooLarge, backend.CodeQuota, backend.CodeExists, backend.CodeConflict,
		backend.CodeInUse, backend.CodeImmutable, backend.CodeNotFound, backend.CodeDenied:
		return true
	}
	return false
}

// Number returns a number of a form, or nil if it is none.
func Number(text string) *int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}
