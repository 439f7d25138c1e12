// SPDX-License-Identifier: MPL-2.0

package ephemerals

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"golang.org/x/text/unicode/norm"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// resolved is the result for one reference.
type resolved struct {
	backend.Resolution
	planned  bool // this Terraform plan creates the secret, which has no value yet
	withheld bool // ephemeral_values is "unknown", so the provider has not read the value
}

// resolve resolves references in one call. A text that the strings of Terraform would change is an error. A binary
// value is not an error: base64 can hold it.
func resolve(ctx context.Context, s *session.Session, refs []backend.Ref) ([]resolved, error) {
	resolutions, err := resolveOrLookUp(ctx, s, refs)
	if err != nil {
		return nil, err
	}
	out := make([]resolved, len(resolutions))
	for i, r := range resolutions {
		planned, err := isPlanned(ctx, s, refs[i], r)
		if err != nil {
			return nil, err
		}
		switch {
		case planned:
			out[i].planned = true
		case r.Err == nil && s.ValuesUnknown:
			out[i].Resolution, out[i].withheld = r, true
		case r.Err == nil && refusedByTerraform(r) != "":
			out[i].Err = backend.Errorf(backend.CodeInvalid, "the value of secret %s %s",
				backend.Quote(refs[i].Name), refusedByTerraform(r)).
				WithHint("store the value in base64, and decode it where it is used")
		default:
			out[i].Resolution = r
		}
	}
	return out, nil
}

// resolveOrLookUp resolves references or, if the session has no values, looks up the entries that they mean. It leaves
// the version open then: it is the version of the value.
func resolveOrLookUp(ctx context.Context, s *session.Session, refs []backend.Ref) ([]backend.Resolution, error) {
	if !s.ValuesUnknown {
		resolutions, err := s.Service.Resolve(ctx, refs)
		for i, r := range resolutions { // the rights of a binding are judged for each reference
			if r.Err != nil {
				resolutions[i].Err = backend.AsError(explainDenial(r.Err))
			}
		}
		if err == nil {
			err = explainVersions(ctx, s, refs, resolutions)
		}
		return resolutions, explainDenial(err)
	}
	out := make([]backend.Resolution, len(refs))
	for i, ref := range refs {
		entry, err := s.LookUp(ctx, ref)
		out[i] = backend.Resolution{ID: entry.ID, Environment: entry.Environment, Scope: entry.Scope}
		if err != nil {
			out[i].Err = backend.AsError(err)
		}
	}
	return out, nil
}

// explainDenial adds to the error for a missing right how to plan without it. That comes first: another
// role is not the remedy for the token of a pull request.
func explainDenial(err error) error {
	if !errors.Is(err, backend.ErrDenied) {
		return err
	}
	e := *backend.AsError(err)
	return e.WithHint("for a plan that is never applied, as in a pull request, set ephemeral_values = %q in the provider "+
		"block; otherwise: %s", session.UnknownValues, e.Hint)
}

// refusedByTerraform says why a Terraform string cannot hold a value as it is, or returns "". Terraform changes the
// text of every string to the Unicode normalization form C.
func refusedByTerraform(r backend.Resolution) string {
	text := r.Value.Expose()
	switch {
	case !utf8.Valid(text):
	case !norm.NFC.IsNormal(text), (r.JSON || isStructured(text)) && !normalJSON(text):
		return "is not in the Unicode normalization form C (NFC), and Terraform would change it"
	}
	return ""
}

// normalJSON reports whether the decoded strings of a JSON text are in normalization form C. An escape such as \u0301
// can hide that one is not.
func normalJSON(text []byte) bool {
	if !bytes.Contains(text, []byte(`\u`)) {
		return true // the text itself was checked
	}
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if err != nil {
			return true
		}
		if s, ok := token.(string); ok && !norm.NFC.IsNormalString(s) {
			return false
		}
	}
}

// warnIfChanging warns if this plan changes a value that it has just read, or which entry has the name: a copy of the
// value would stay old until the next apply. The remedy says how Terraform reads the value after the change. The value
// of a version with a number or a tag stays what it is.
func warnIfChanging(
	s *session.Session, ref backend.Ref, r resolved, remedy string, at path.Path, diags *diag.Diagnostics,
) {
	if r.Err != nil || r.planned || r.withheld || ref.Version != "" && ref.Version != backend.PreviousVersion {
		return
	}
	what := fmt.Sprintf("the value of %s %s", ref.Kind, backend.Quote(ref.Name))
	switch {
	case s.Plan.ChangesValue(r.ID):
	case s.Plan.Redirects(ref, r.Resolution):
		what = fmt.Sprintf("which %s has the name %s in environment %s", ref.Kind, backend.Quote(ref.Name),
			backend.Quote(ref.Environment))
	default:
		return
	}
	diags.AddAttributeWarning(at, "Value changes in this plan", fmt.Sprintf(
		"This plan changes %s, and this ephemeral resource has read the value before the change.\n\n"+
			"%s Terraform then reads the value after the change.", what, remedy))
}

// versionOf is the expression of the version that a reference to a changing secret must name.
func versionOf(ref backend.Ref) string {
	if ref.Version == backend.PreviousVersion {
		return "pouncet_secret.example.version - 1"
	}
	return "pouncet_secret.example.version"
}

// isPlanned reports whether an entry, or its environment, does not exist yet because this Terraform plan creates it.
func isPlanned(ctx context.Context, s *session.Session, ref backend.Ref, r backend.Resolution) (bool, error) {
	if r.Err == nil || !errors.Is(r.Err, backend.ErrNotFound) || willLackVersion(s, ref, r) {
		return false, nil
	}
	return s.Plan.WillProvide(ctx, ref)
}
