// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Paths maps the backend's names of attributes to the paths of a schema.
type Paths map[string]path.Path

// RootPaths returns the paths of top-level attributes that the backend and the schema call by the same name.
func RootPaths(names ...string) Paths {
	p := Paths{}
	for _, name := range names {
		p[name] = path.Root(name)
	}
	return p
}

// Report adds an error of the backend to the diagnostics. The diagnostic points at the attribute at fault if paths
// contains it, and otherwise at the whole resource. The action says what failed, for example "Creating the secret".
func Report(diags *diag.Diagnostics, action string, err error, paths Paths) {
	e := backend.AsError(err)
	if errors.Is(err, context.DeadlineExceeded) {
		e = backend.Errorf(backend.CodeUnavailable, "the operation took longer than its timeout").
			WithHint("check that the backend can be reached, or raise the timeouts of the resource")
	}
	diags.Append(atAttribute(e, diag.NewErrorDiagnostic(summary(action, e), Detail(e)), paths))
}

// Warn does what Report does, with a warning, for an error that may not occur in the apply.
func Warn(diags *diag.Diagnostics, action string, err error, paths Paths) {
	e := backend.AsError(err)
	diags.Append(atAttribute(e, diag.NewWarningDiagnostic(summary(action, e), Detail(e)), paths))
}

func atAttribute(e *backend.Error, d diag.Diagnostic, paths Paths) diag.Diagnostic {
	if p, ok := paths[e.Attribute]; ok {
		return diag.WithPath(p, d)
	}
	return d
}

func summary(action string, e *backend.Error) string {
	return backend.PrintableLine(fmt.Sprintf("%s: %s", action, strings.ReplaceAll(string(e.Code), "_", " ")))
}

// Detail returns the message and the hint of an error as the text of a diagnostic. A server can send any text, and
// Terraform prints it as it is.
func Detail(e *backend.Error) string {
	text := sentence(e.Message)
	if e.Hint != "" {
		text += "\n\n" + sentence(e.Hint)
	}
	return backend.Printable(text)
}

// sentence returns s with a capital letter at its start and a full stop at its end, as Terraform's diagnostics have it.
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.ContainsAny(s[len(s)-1:], ".?!") {
		s += "."
	}
	return s
}
