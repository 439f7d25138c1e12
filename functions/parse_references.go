// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/scan"
)

type parseReferences struct{}

func newParseReferences() function.Function { return parseReferences{} }

var referenceType = types.ObjectType{AttrTypes: targetTypes(map[string]attr.Type{
	"expression": types.StringType, "kind": types.StringType, "default": types.BoolType,
	"line": types.Int64Type, "column": types.Int64Type,
})}

func (parseReferences) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "parse_references"
}

func (parseReferences) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The references in a YAML text",
		MarkdownDescription: "Lists the references to secrets, scoped values and environment variables in a YAML text, in " +
			"the order of the text. It does not resolve them. Each reference is an object:\n\n" +
			"- `expression`: the text of the reference, with its braces;\n" +
			"- `kind`: `secret`, `scoped_value` or `environment_variable`;\n" +
			"- `name`: the name of the secret, value or variable;\n" +
			"- `project`, `environment`, `scope`, `field`, `version`: null if the reference does not name them, so that " +
			"the command that renders the text chooses them;\n" +
			"- `default`: whether the reference has a default for a missing entry;\n" +
			"- `line`, `column`: the position of the expression, counted from 1, in characters.\n\n" +
			"The function ignores comments and the templates of other tools, such as Helm, Jinja and GitHub Actions. " +
			"References that are not valid are an error, which lists all of them.",
		Parameters: []function.Parameter{function.StringParameter{
			Name: "text", MarkdownDescription: "YAML text with one or more documents, for example from `file()`.",
		}},
		Return: function.ListReturn{ElementType: referenceType},
	}
}

func (parseReferences) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text string
	if resp.Error = req.Arguments.Get(ctx, &text); resp.Error != nil {
		return
	}
	doc, err := scan.Read(scan.File{Name: "text", Unnamed: true, Data: []byte(text)})
	if err != nil {
		resp.Error = argumentError(err.Error())
		return
	}
	references := []attr.Value{}
	for _, r := range doc.References() {
		values := targetValues(r.Target, map[string]attr.Value{
			"expression": types.StringValue(r.Expression), "kind": types.StringValue(kindName(r.Kind)),
			"default": types.BoolValue(r.HasDefault),
			"line":    types.Int64Value(int64(r.Pos.Line)), "column": types.Int64Value(int64(r.Pos.Column)),
		})
		references = append(references, types.ObjectValueMust(referenceType.AttrTypes, values))
	}
	resp.Error = resp.Result.Set(ctx, types.ListValueMust(referenceType, references))
}
