// SPDX-License-Identifier: MPL-2.0

package expr

import (
	"net/url"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// ParseURI parses a reference URI:
//
//	pouncet://project/environment/[app/x/|pipeline/x/]name[#field][?version=3]
//
// "-" means the current project or environment. The query can also stand before the field. The field is
// percent-encoded. The error matches backend.ErrInvalid.
func ParseURI(uri string) (Reference, error) {
	ref := Reference{Call: CallURI}
	rest, ok := strings.CutPrefix(uri, Scheme)
	if !ok {
		return ref, uriError("the URI does not begin with %s", Scheme)
	}
	rest, field, query := splitURI(rest)
	segments := strings.Split(rest, "/")
	switch {
	case len(segments) == 5 && (segments[2] == "app" || segments[2] == "pipeline"):
		ref.Scope = segments[2] + "/" + segments[3]
	case len(segments) != 3:
		return ref, uriError("the URI has %s; it needs a project, an environment and a name",
			backend.Plural(len(segments), "part"))
	}
	ref.Kind, ref.Name = backend.KindSecret, segments[len(segments)-1]
	for i, part := range []struct {
		what  string
		field *string
	}{{"project", &ref.Project}, {"environment", &ref.Environment}} {
		switch segments[i] {
		case "":
			return ref, uriError("the URI has no %s", part.what).
				WithHint("write - for the current %s", part.what).At(part.what)
		case "-":
		default:
			*part.field = segments[i]
		}
	}
	var err error
	if ref.Field, err = url.PathUnescape(field); err != nil {
		return ref, uriError("the percent encoding in the field of the URI is not valid").
			WithHint("write a percent sign as %%25")
	}
	if query != "" {
		key, version, _ := strings.Cut(query, "=")
		if key != "version" || version == "" {
			return ref, uriError("query %s of the URI is not valid", backend.Quote(query)).
				WithHint("use ?version=NUMBER")
		}
		ref.Version = version
	}
	if problem := ref.check(); problem != nil {
		return ref, problem
	}
	return ref, nil
}

// splitURI splits off the field and the query, in either order.
func splitURI(s string) (path, field, query string) {
	end := strings.IndexAny(s, "#?")
	if end < 0 {
		return s, "", ""
	}
	path, s = s[:end], s[end:]
	if s[0] == '?' {
		query, field, _ = strings.Cut(s[1:], "#")
		return path, field, query
	}
	field, query, _ = strings.Cut(s[1:], "?")
	return path, field, query
}

func uriError(format string, args ...any) *backend.Error {
	return backend.Errorf(backend.CodeInvalid, format, args...).
		WithHint("write pouncet://project/environment/name, with - for the current project or environment")
}
