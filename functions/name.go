// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// nameRule is the rule as both functions describe it.
const nameRule = "A name has 1 to 256 letters, digits, `_` and `-`, does not begin with `-`, and does not have the form of an id (a UUID). " +
	"A project's policy may ask for more, which only its backend knows."

type validName struct{}

func newValidName() function.Function { return validName{} }

func (validName) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "valid_name"
}

func (validName) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "Whether a name is allowed",
		MarkdownDescription: "Whether a secret or a scoped value may have this name: for the `condition` of a validation. " + nameRule,
		Parameters:          []function.Parameter{function.StringParameter{Name: "name", MarkdownDescription: "The name."}},
		Return:              function.BoolReturn{},
	}
}

func (validName) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var name string
	if resp.Error = req.Arguments.Get(ctx, &name); resp.Error != nil {
		return
	}
	resp.Error = resp.Result.Set(ctx, backend.CheckName(backend.KindSecret, name) == nil)
}

type nameError struct{}

func newNameError() function.Function { return nameError{} }

func (nameError) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "name_error"
}

func (nameError) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "Why a name is not allowed",
		MarkdownDescription: "Why no secret or scoped value may have this name, in a sentence that names the way out; empty if one may: for the `error_message` of a validation. " + nameRule,
		Parameters:          []function.Parameter{function.StringParameter{Name: "name", MarkdownDescription: "The name."}},
		Return:              function.StringReturn{},
	}
}

func (nameError) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var name string
	if resp.Error = req.Arguments.Get(ctx, &name); resp.Error != nil {
		return
	}
	reason := ""
	if err := backend.CheckName(backend.KindSecret, name); err != nil {
		reason = err.Error() + "."
	}
	resp.Error = resp.Result.Set(ctx, reason)
}
