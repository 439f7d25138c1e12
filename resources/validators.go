// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// ruleValidator applies a rule of the backend to a string.
type ruleValidator struct {
	description string
	summary     string
	check       func(s string) *backend.Error
}

// validName accepts a name for an object of a kind.
func validName(kind backend.Kind) validator.String {
	return ruleValidator{
		description: "must be 1 to 256 letters, digits, _ and -, not starting with -",
		summary:     "Invalid name",
		check:       func(s string) *backend.Error { return backend.CheckName(kind, s) },
	}
}

var validScope = ruleValidator{
	description: "must be project, app/<name> or pipeline/<name>",
	summary:     "Invalid scope",
	check:       backend.CheckScope,
}

// ValidAlphabet accepts the alphabet of a generated value.
var ValidAlphabet validator.String = ruleValidator{
	description: "must be 10 to 1024 characters, each once",
	summary:     "Invalid alphabet",
	check:       backend.CheckAlphabet,
}

// ValidProject accepts the name or the id of a project, which may not exist yet.
var ValidProject validator.String = ruleValidator{
	description: "must be the name or id of a project",
	summary:     "Invalid project",
	check: func(s string) *backend.Error {
		if backend.IsID(s) {
			return nil
		}
		return backend.CheckName(backend.KindProject, s)
	},
}

// validBase64 accepts a value in base64, and the empty string: it keeps the present value. The error never shows the
// value.
var validBase64 = ruleValidator{
	description: "must be base64",
	summary:     "Invalid value_base64_wo",
	check: func(s string) *backend.Error {
		if _, err := base64.StdEncoding.DecodeString(s); err != nil {
			return backend.Errorf(backend.CodeInvalid, "the value is not valid base64").
				WithHint("use filebase64() for a file, or base64encode() for a text")
		}
		return nil
	},
}

// validKMSKey accepts the URI of a KMS key. It does not call the KMS.
var validKMSKey = ruleValidator{
	description: "must be the URI of a KMS key",
	summary:     "Invalid kms_key",
	check: func(s string) *backend.Error {
		if _, err := kms.Open(context.Background(), s); err != nil {
			return backend.AsError(err)
		}
		return nil
	},
}

// nameOf accepts the name of another object, or one of the other values. It says so if the configuration has the
// object's id instead, which is a common mistake.
func nameOf(kind backend.Kind, others ...string) validator.String {
	return ruleValidator{
		description: fmt.Sprintf("must be the name of the %s, not its id", kind),
		summary:     fmt.Sprintf("Invalid %s", kind),
		check: func(s string) *backend.Error {
			switch {
			case slices.Contains(others, s):
				return nil
			case backend.IsID(s):
				return backend.Errorf(backend.CodeInvalid, "%s is an id, but this argument takes the name of the %s",
					backend.Quote(s), kind).WithHint("write pouncet_%s.<label>.name instead of .id", kind)
			}
			return backend.CheckName(kind, s)
		},
	}
}

func (v ruleValidator) Description(context.Context) string { return v.description }

func (v ruleValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v ruleValidator) ValidateString(
	_ context.Context, req validator.StringRequest, resp *validator.StringResponse,
) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := v.check(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, v.summary, session.Detail(err))
	}
}
