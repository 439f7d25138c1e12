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

// WasPrefix begins the names of the fields with what the rules of a project were when their form was opened. Only what
// differs is changed, so that a form takes back nothing that somebody else has changed since.
const WasPrefix = "was."

// keptFields returns which fields are kept of the forms of a page: none that can hold a secret.
func keptFields(page string) []string {
	inProject := strings.HasPrefix(page, Root+"p/")
	last := page[strings.LastIndex(page, "/")+1:]
	switch {
	case page == Root+"access/new":
		return []string{"name", "to", "role", "at", "names", "description"}
	case page == Root+"tokens":
		return []string{"name", "role", "for", "end", "where"}
	case page == Root+"projects":
		return []string{"name", "project"}
	case inProject && last == "quotas":
		rules := []string{"max_secrets", "max_value_bytes", "max_name_length", "name_pattern", "immutable_names",
			"default_visibility", "recovery_days", "max_versions", "version_days", "forbid_fingerprints", "duplicates"}
		for _, name := range slices.Clone(rules) {
			rules = append(rules, WasPrefix+name)
		}
		return append(rules, "edition")
	case inProject && (slices.Contains([]string{"new", "new-value", "edit", "new-type"}, last) ||
		strings.Contains(page, "/types/")):
		return []string{"name", "key", "description", "display_name", "schema", "scope", "type", "visibility", "expires",
			"rotation", "note", "protected", "edition", "was", "environment", "as", "secret", "field", "json", "draft", "labels"}
	}
	return nil
}

// keptOf returns what is kept of a form that was sent to a page. The names of the fields in the request begin with a
// prefix. An empty field is kept too: without it, the page would use the present one of the object.
func keptOf(r *http.Request, page, prefix string) []keptField {
	page, _, _ = strings.Cut(page, "?")
	var out []keptField
	for _, name := range keptFields(page) {
		if values := r.PostForm[prefix+name]; len(values) == 1 {
			out = append(out, keptField{name, values[0]})
		}
	}
	slices.SortFunc(out, func(a, b keptField) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// keptAgain returns what the page to sign in has kept.
func keptAgain(r *http.Request) []keptField {
	return keptOf(r, pageAt(r.PostFormValue("to")), keptPrefix)
}
