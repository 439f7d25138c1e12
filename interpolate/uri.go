// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"net/url"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// ParseURI parses a reference that is written as a URI:
//
//	pouncet://project/environment/[app/x/|pipeline/x/]name[#field][?version=3]
//
// "-" stands for the current project or environment. The query may also stand
// before the field, as other URIs have it; percent signs escape in the field.
func ParseURI(uri string) (Reference, error) {
	ref := Reference{Expression: uri, Call: callURI}
	rest, ok := strings.CutPrefix(uri, uriScheme)
	if !ok {
		return ref, uriError("the URI does not begin with %s", uriScheme)
	}
	rest, field, query := splitURI(rest)
	segments := strings.Split(rest, "/")
	switch {
	case len(segments) == 5 && (segments[2] == "app" || segments[2] == "pipeline"):
		ref.Scope = segments[2] + "/" + segments[3]
	case len(segments) != 3:
		return ref, uriError("the URI has %d parts where it should have a project, an environment and a name", len(segments))
	}
	ref.Kind, ref.Name = backend.KindSecret, segments[len(segments)-1]
	for i, part := range []struct {
		what string
		into *string
	}{{"project", &ref.Project}, {"environment", &ref.Environment}} {
		switch segments[i] {
		case "":
			return ref, uriError("the URI names no %s", part.what).WithHint("write - for the current one").At(part.what)
		case "-":
		default:
			*part.into = segments[i]
		}
	}
	var err error
	if ref.Field, err = url.PathUnescape(field); err != nil {
		return ref, uriError("the URI's field holds a percent sign that escapes nothing").WithHint("write it as %%25")
	}
	if query != "" {
		key, version, _ := strings.Cut(query, "=")
		if key != "version" || version == "" {
			return ref, uriError("the URI asks for %s", backend.Quote(query)).WithHint("only ?version= is known")
		}
		ref.Version = version
	}
	if problem := ref.check(); problem != nil {
		return ref, problem
	}
	return ref, nil
}

// splitURI cuts off the field and the query, in whichever order they stand.
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
