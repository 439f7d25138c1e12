// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The URL of a schema while it is compiled. It is absolute, because the compiler
// would make a path of this machine from a relative one, and errors would show it.
const (
	schemaFolder = "schema:///"
	schemaURL    = schemaFolder + "schema.json"
)

// invalidSchema makes the error of a schema that the compiler refuses. It names
// positions in the schema as JSON Pointers (RFC 6901).
func invalidSchema(typeName string, document any, err error) error {
	invalid := func(problem string) *backend.Error {
		return backend.Errorf(backend.CodeInvalid,
			"the schema of secret type %q is not a valid JSON Schema (draft 2020-12): %s", typeName, problem).At("schema")
	}
	var (
		broken    *jsonschema.SchemaValidationError
		rules     *jsonschema.ValidationError
		load      *jsonschema.LoadURLError
		noPointer *jsonschema.JSONPointerNotFoundError
		noAnchor  *jsonschema.AnchorNotFoundError
		twiceID   *jsonschema.DuplicateIDError
		twice     *jsonschema.DuplicateAnchorError
		target    string
	)
	switch {
	case errors.As(err, &broken) && errors.As(broken.Err, &rules):
		return invalid(brokenRules(rules, (*jsonschema.ValidationError).Error))
	case errors.As(err, &twiceID):
		return invalid("'" + min(twiceID.Ptr1, twiceID.Ptr2) + "' and '" + max(twiceID.Ptr1, twiceID.Ptr2) +
			"' have the same $id")
	case errors.As(err, &twice):
		return invalid("'" + min(twice.Ptr1, twice.Ptr2) + "' and '" + max(twice.Ptr1, twice.Ptr2) +
			"' have the same $anchor")
	case errors.As(err, &load):
		target = load.URL
	case errors.As(err, &noPointer):
		target = noPointer.URL
	case errors.As(err, &noAnchor):
		target = noAnchor.Reference
	}
	at, written := schemaReference(document, target)
	switch {
	case at == "":
		return invalid(strings.NewReplacer(schemaURL, "", schemaFolder, "").Replace(err.Error()))
	case load != nil:
		return invalid("at '" + at + "': " + backend.Quote(written) + " is another document, and " +
			errOtherDocument.Error()).
			WithHint(`copy the definition to "$defs" of this schema, and refer to it as "#/$defs/NAME"`)
	}
	return invalid("at '" + at + "': " + backend.Quote(written) + " does not exist in the schema")
}

// schemaReference searches a schema for a reference to a URL. It returns the
// position of the reference and its text, or empty strings.
func schemaReference(document any, target string) (at, written string) {
	var walk func(part any, base *url.URL, at string) (string, string)
	walk = func(part any, base *url.URL, at string) (string, string) {
		switch part := part.(type) {
		case map[string]any:
			if id, ok := part["$id"].(string); ok {
				if u, err := base.Parse(id); err == nil {
					base = u
				}
			}
			for _, key := range slices.Sorted(maps.Keys(part)) {
				at := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
				if text, ok := part[key].(string); ok && refersTo(base, key, text, target) {
					return at, text
				}
				if at, written := walk(part[key], base, at); at != "" {
					return at, written
				}
			}
		case []any:
			for i, item := range part {
				if at, written := walk(item, base, at+"/"+strconv.Itoa(i)); at != "" {
					return at, written
				}
			}
		}
		return "", ""
	}
	base, err := url.Parse(schemaURL)
	if err != nil || target == "" {
		return "", ""
	}
	return walk(document, base, "")
}

// refersTo reports whether the text of a keyword refers to a URL, with or
// without its fragment.
func refersTo(base *url.URL, keyword, text, target string) bool {
	switch keyword {
	case "$schema": // is not relative to the schema
		return strings.TrimSuffix(text, "#") == target
	case "$ref", "$dynamicRef":
		u, err := base.Parse(text)
		if err != nil {
			return false
		}
		whole := u.String()
		document, _, _ := strings.Cut(whole, "#")
		return whole == target || document == target
	}
	return false
}
