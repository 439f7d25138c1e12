// SPDX-License-Identifier: MPL-2.0

package review

import (
	"fmt"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// canonical returns a reference in its canonical form. It leaves out the text of a default, because that may be a
// secret.
func canonical(r expr.Reference) string {
	if r.Call == "pouncet" {
		return canonicalURI(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s('%s'", r.Call, r.Name)
	for _, keyword := range []struct{ key, value string }{
		{"project", r.Project}, {"env", r.Environment}, {"scope", r.Scope}, {"field", r.Field}, {"version", r.Version},
	} {
		if keyword.value != "" {
			fmt.Fprintf(&b, ", %s='%s'", keyword.key, keyword.value)
		}
	}
	if r.HasDefault {
		b.WriteString(", default=…")
	}
	return b.String() + ")"
}

func canonicalURI(r expr.Reference) string {
	current := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	text := "pouncet://" + current(r.Project) + "/" + current(r.Environment) + "/"
	if r.Scope != "" {
		text += r.Scope + "/"
	}
	text += r.Name
	if r.Field != "" {
		text += "#" + r.Field
	}
	if r.Version != "" {
		text += "?version=" + r.Version
	}
	if r.HasDefault {
		text += " | default(…)"
	}
	return text
}

// isEntry reports whether a reference names a secret or scoped value, and not an environment variable.
func isEntry(r expr.Reference) bool {
	return r.Kind == backend.KindSecret || r.Kind == backend.KindScopedValue
}

// newFinding returns a finding at a reference.
func newFinding(r interpolate.Reference, rule string) Finding {
	return Finding{Rule: rule, File: r.Pos.File, Line: r.Pos.Line, Column: r.Pos.Column, Reference: canonical(r.Reference)}
}
