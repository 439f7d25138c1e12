// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
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
		Summary: "What a YAML text refers to",
		MarkdownDescription: "Lists the references to secrets, scoped values and environment variables in a YAML text, in the order of the text, without resolving any. " +
			"Each is an object:\n\n" +
			"- `expression`: as it is written, braces included;\n" +
			"- `kind`: `secret`, `scoped_value` or `environment_variable`;\n" +
			"- `name`;\n" +
			"- `project`, `environment`, `scope`, `field`, `version`: null where the reference does not say, and leaves it to whoever renders;\n" +
			"- `default`: whether it has one, which stands in when the entry is missing;\n" +
			"- `line`, `column`: where the expression begins, from 1, in characters.\n\n" +
			"Templates of others (Helm, Jinja, GitHub Actions) are passed over, and so are comments. A reference that is wrong is an error, and all that are wrong are told at once.",
		Parameters: []function.Parameter{function.StringParameter{
			Name: "text", MarkdownDescription: "YAML text, as `file()` reads it; of one document or several.",
		}},
		Return: function.ListReturn{ElementType: referenceType},
	}
}

func (parseReferences) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text string
	if resp.Error = req.Arguments.Get(ctx, &text); resp.Error != nil {
		return
	}
	doc, err := interpolate.Scan(interpolate.File{Name: "text", Data: []byte(text)})
	if err != nil {
		resp.Error = argumentError(err.Error())
		return
	}
	found := []attr.Value{}
	for _, r := range doc.References() {
		found = append(found, types.ObjectValueMust(referenceType.AttrTypes, targetValues(r.Target, map[string]attr.Value{
			"expression": types.StringValue(r.Expression), "kind": types.StringValue(kindName(r.Kind)), "default": types.BoolValue(r.HasDefault),
			"line": types.Int64Value(int64(r.Pos.Line)), "column": types.Int64Value(int64(r.Pos.Column)),
		})))
	}
	resp.Error = resp.Result.Set(ctx, types.ListValueMust(referenceType, found))
}
