// SPDX-License-Identifier: MPL-2.0

package site

import (
	"net/http"
	"slices"
	"strings"
)

// A session can end while somebody fills in a form. The page to sign in then carries what was typed, except secrets,
// and leads back to the form. The form is shown again, and not sent: a value is missing.

// keptField is a field of a form.
type keptField struct{ Name, Value string }

// Restored is a field that a form has if it is only to be shown again.
const Restored = "restored"

// keptPrefix begins the names of the fields in the page to sign in.
const keptPrefix = "kept."

// isKept reports whether a field is kept: one of the forms that create or change something, and no secret.
func isKept(name string) bool {
	return slices.Contains([]string{"name", "key", "description", "display_name", "schema", "scope", "type", "visibility",
		"expires", "rotation", "note", "protected", "edition", "was", "environment", "as", "secret", "field", "json",
		"draft", "labels"}, name)
}

// keptOf returns what is kept of a form that was sent without a session.
func keptOf(r *http.Request) []keptField {
	path, last := canonical(r.URL.Path), ""
	if i := strings.LastIndex(path, "/"); i >= 0 {
		last = path[i+1:]
	}
	isForm := slices.Contains([]string{"new", "new-value", "edit", "new-type"}, last) || strings.Contains(path, "/types/")
	if !isForm || !strings.HasPrefix(path, Root+"p/") {
		return nil
	}
	var out []keptField
	for name, values := range r.PostForm {
		if isKept(name) && len(values) == 1 && values[0] != "" {
			out = append(out, keptField{name, values[0]})
		}
	}
	slices.SortFunc(out, func(a, b keptField) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// keptAgain returns what the page to sign in has kept.
func keptAgain(r *http.Request) []keptField {
	var out []keptField
	for name, values := range r.PostForm {
		if name, ok := strings.CutPrefix(name, keptPrefix); ok && isKept(name) && len(values) == 1 {
			out = append(out, keptField{name, values[0]})
		}
	}
	slices.SortFunc(out, func(a, b keptField) int { return strings.Compare(a.Name, b.Name) })
	return out
}
