// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// nameRule describes the rule in the documentation of both functions.
const nameRule = "A name has 1 to 256 letters, digits, `_` and `-`. It does not start with `-`, and it is not a " +
	"UUID. The policy of a project can have further rules, which the function does not know."

type validName struct{}

func newValidName() function.Function { return validName{} }

func (validName) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "valid_name"
}

func (validName) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Whether a name is allowed",
		MarkdownDescription: "Returns whether a secret or a scoped value can have this name. " +
			"Use it in the `condition` of a validation. " + nameRule,
		Parameters: []function.Parameter{function.StringParameter{Name: "name", MarkdownDescription: "The name."}},
		Return:     function.BoolReturn{},
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
		Summary: "Why a name is not valid",
		MarkdownDescription: "Returns a sentence that says why no secret or scoped value can have this name, and which " +
			"names are allowed. Returns an empty string if the name is allowed. Use it in the `error_message` of a " +
			"validation. " + nameRule,
		Parameters: []function.Parameter{function.StringParameter{Name: "name", MarkdownDescription: "The name."}},
		Return:     function.StringReturn{},
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
