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

// Report adds an error of the backend to the diagnostics: on the attribute at
// fault, where the schema has it under one of the names in paths, and on the
// resource otherwise. doing says what was being done, as in "Creating the secret".
func Report(diags *diag.Diagnostics, doing string, err error, paths Paths) {
	e := backend.AsError(err)
	if errors.Is(err, context.DeadlineExceeded) {
		e = backend.Errorf(backend.CodeUnavailable, "it was not done in the time allowed for it").
			WithHint("see whether the backend can be reached; if it only takes longer, raise timeouts of the resource")
	}
	diags.Append(diagnostic(e, diag.NewErrorDiagnostic(summary(doing, e), detail(e)), paths))
}

// Warn is Report for what may yet turn out right.
func Warn(diags *diag.Diagnostics, doing string, err error, paths Paths) {
	e := backend.AsError(err)
	diags.Append(diagnostic(e, diag.NewWarningDiagnostic(summary(doing, e), detail(e)), paths))
}

// Paths maps the backend's names of attributes to those of a schema.
type Paths map[string]path.Path

func diagnostic(e *backend.Error, d diag.Diagnostic, paths Paths) diag.Diagnostic {
	if p, ok := paths[e.Attribute]; ok {
		return diag.WithPath(p, d)
	}
	return d
}

// summary is short: the detail has the sentence.
func summary(doing string, e *backend.Error) string {
	return fmt.Sprintf("%s: %s", doing, strings.ReplaceAll(string(e.Code), "_", " "))
}

func detail(e *backend.Error) string {
	text := sentence(e.Message)
	if e.Hint != "" {
		text += "\n\n" + sentence(e.Hint)
	}
	return text
}

// sentence begins with a capital letter and ends with a full stop.
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
