// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

type parseURI struct{}

func newParseURI() function.Function { return parseURI{} }

func (parseURI) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "parse_uri"
}

func (parseURI) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The parts of a reference URI",
		MarkdownDescription: "Splits a URI such as `pouncet://project/environment/[app/x/|pipeline/x/]name[#field]" +
			"[?version=3]` into its parts. It does not resolve the URI. The result is an object with `project`, " +
			"`environment`, `scope`, `name`, `field` and `version`. A part that the URI does not name is null. The " +
			"project and the environment can be `-`, which also gives null. A URI that is not valid is an error.",
		Parameters: []function.Parameter{function.StringParameter{
			Name: "uri", MarkdownDescription: "The URI of a secret.",
		}},
		Return: function.ObjectReturn{AttributeTypes: targetTypes(nil)},
	}
}

func (parseURI) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var uri string
	if resp.Error = req.Arguments.Get(ctx, &uri); resp.Error != nil {
		return
	}
	ref, err := expr.ParseURI(uri)
	if err != nil {
		resp.Error = argumentError(err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, types.ObjectValueMust(targetTypes(nil), targetValues(ref.Target, nil)))
}
