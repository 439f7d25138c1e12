// SPDX-License-Identifier: MPL-2.0

package site

import (
	"errors"
	"net/http"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// maxForm is the largest form, in bytes: a value, percent-encoded, or a schema.
const maxForm = 1 << 20

// parsed reads the form of a request before its page does. A page would take a form that is too large or broken for an
// empty one.
func (s *Site) parsed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := parseForm(w, r); err != nil {
			s.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func parseForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.Method != http.MethodPost {
		return nil
	}
	err := r.ParseForm()
	if err == nil {
		if err = r.ParseMultipartForm(maxForm); errors.Is(err, http.ErrNotMultipart) {
			return nil
		}
	}
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return backend.Errorf(backend.CodeTooLarge, "the form is larger than %d bytes", maxForm).
			WithHint("nothing was changed; write a shorter text, or use the command line for a large value")
	}
	// The text of the error can hold a part of a field.
	return backend.Errorf(backend.CodeInvalid, "the form cannot be parsed").
		WithHint("nothing was changed; go back, reload the page, and try again")
}

// FormError is the error of a form, which is shown at the field that it is about.
type FormError struct {
	*backend.Error
	// Fields are the attributes of the fields. An error about another one is shown above the form.
	Fields []string
}

// At returns the message if the error is about one of some attributes.
func (e FormError) At(attributes ...string) string {
	if e.Error != nil && slices.Contains(attributes, e.Attribute) {
		return e.Error.Error()
	}
	return ""
}

// Other returns the error if it is about no field.
func (e FormError) Other() *backend.Error {
	if e.At(e.Fields...) != "" {
		return nil
	}
	return e.Error
}
