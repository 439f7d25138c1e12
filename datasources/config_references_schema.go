// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/boolvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

const configReferencesDescription = "Reads configuration files, and reports for each environment which references " +
	"resolve to no entry. Use the result in the precondition of a resource, which fails the plan, or in a `check` " +
	"block, which warns.\n\n" +
	"The data source reads metadata only, and no secret value. It looks up a reference as `pouncet render` does: " +
	"scope before project, exact environment before `*`. It follows a scoped value that links to a secret. It does " +
	"not check whether a secret has the field that a reference names, nor which variables `env_var` can read.\n\n" +
	"Do not set `depends_on`, and do not use an attribute of a resource as an argument. Terraform would then read " +
	"the files only after everything is applied. Pass entries that are only planned through `declared`, from a local " +
	"value."

func (*configReferences) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := fileArguments()
	maps.Copy(attributes, referenceArguments())
	maps.Copy(attributes, map[string]schema.Attribute{
		"references": resultList("All references, in the order of the files, once for each environment in which they "+
			"are checked.", nil),
		"missing": resultList("References that resolve to no entry and have no default.", missingAttributes),
		"unknown": resultList("References that cannot be checked, because their project cannot be read or their "+
			"version is not known.", unknownAttributes),
		"ok": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether `missing` and `unknown` are " +
			"both empty."},
		"summary": schema.StringAttribute{
			Computed: true, MarkdownDescription: "Text for an error message: one line for each reference in " +
				"`missing` and `unknown`, or `ok` if both are empty.",
		},
	})
	resp.Schema = schema.Schema{MarkdownDescription: configReferencesDescription, Attributes: attributes}
}

func stringList(description string, validators ...validator.List) schema.ListAttribute {
	return schema.ListAttribute{
		Optional: true, ElementType: types.StringType, MarkdownDescription: description, Validators: validators,
	}
}

// fileArguments returns the arguments that select the files.
func fileArguments() map[string]schema.Attribute {
	onlyWithPath := listvalidator.AlsoRequires(path.MatchRoot("path"))
	return map[string]schema.Attribute{
		"paths": stringList("Paths of the files. Start them with `path.module`, for example with the function "+
			"`fileset`. Exactly one of `paths` and `path` is required.",
			listvalidator.ExactlyOneOf(path.MatchRoot("path")), listvalidator.SizeAtLeast(1)),
		"path": schema.StringAttribute{
			Optional: true, MarkdownDescription: "Folder that contains the files. Start it with `path.module`. " +
				"Exactly one of `paths` and `path` is required.",
			Validators: []validator.String{stringvalidator.ExactlyOneOf(path.MatchRoot("paths"))},
		},
		"include": stringList("Patterns of the files in `path`, in the syntax of `fileset`. Defaults to `**/*.yaml` "+
			"and `**/*.yml`.",
			onlyWithPath, listvalidator.SizeAtLeast(1)),
		"exclude": stringList("Patterns of files in `path` to leave out. Defaults to `**/.*/**`, which matches "+
			"hidden folders such as `.git` and `.terraform`.",
			onlyWithPath),
	}
}

// referenceArguments returns the arguments that say how to look up the references.
func referenceArguments() map[string]schema.Attribute {
	optional := func(description string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: description}
	}
	return map[string]schema.Attribute{
		"project": optional("Project of references that name none. Defaults to the project of the provider."),
		"scope": optional("Scope of references that name none: `project`, `app/<name>` or `pipeline/<name>`. " +
			"Defaults to `project`."),
		"environments": stringList("Environments in which to check references that name none. Defaults to all "+
			"environments of the project.", listvalidator.SizeAtLeast(1)),
		"missing_ok": stringList("Entries that may be missing, in the form `name` or `environment/name`."),
		"declared": schema.ListNestedAttribute{
			Optional: true,
			MarkdownDescription: "Entries that this configuration declares. They and their environments count as " +
				"existing, even if they are only planned. A plan can then add an entry together with the first file " +
				"that uses it.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"kind": schema.StringAttribute{
					Optional: true, MarkdownDescription: "`secret` or `scoped_value`. Defaults to `secret`.",
					Validators: []validator.String{
						stringvalidator.OneOf(string(backend.KindSecret), string(backend.KindScopedValue)),
					},
				},
				"name":        schema.StringAttribute{Required: true, MarkdownDescription: "Name of the entry."},
				"environment": optional("Environment of the entry. Defaults to `*`."),
				"scope":       optional("Scope of the entry. Defaults to `project`."),
				"from_secret": optional("Name of the secret that a scoped value links to."),
			}},
		},
		"declared_only": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Whether only the entries in `declared` count, among those of this project. An " +
				"entry that the plan deletes is then missing already. Use it if the configuration declares every " +
				"entry that the files use.",
			Validators: []validator.Bool{boolvalidator.AlsoRequires(path.MatchRoot("declared"))},
		},
	}
}

// The attributes of the results.
var (
	reasonAttribute = schema.StringAttribute{
		Computed: true, MarkdownDescription: "Reason why the reference is in this list.",
	}
	referenceAttributes = map[string]schema.Attribute{
		"file": schema.StringAttribute{Computed: true, MarkdownDescription: "Path of the file."},
		"line": schema.Int64Attribute{Computed: true, MarkdownDescription: "Line, starting at 1."},
		"column": schema.Int64Attribute{Computed: true, MarkdownDescription: "Column in characters, starting at " +
			"1."},
		"expression": schema.StringAttribute{Computed: true, MarkdownDescription: "Expression as it is written in " +
			"the file."},
		"kind": schema.StringAttribute{
			Computed: true, MarkdownDescription: "`secret`, `scoped_value` or `environment_variable`.",
		},
		"name": schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the entry or variable."},
		"environment": schema.StringAttribute{Computed: true, MarkdownDescription: "Environment in which the " +
			"reference is checked. Null for an environment variable."},
	}
	missingAttributes = map[string]schema.Attribute{
		"reason": reasonAttribute,
		"environments_that_have_it": schema.ListAttribute{
			Computed: true, ElementType: types.StringType, MarkdownDescription: "Environments that have an entry of " +
				"this name.",
		},
		"near": schema.StringAttribute{Computed: true, MarkdownDescription: "Existing name that is close to this " +
			"one, if no environment has an entry of this name. Otherwise null."},
	}
	unknownAttributes = map[string]schema.Attribute{"reason": reasonAttribute}
)

// resultList returns an attribute with a list of references that have further attributes.
func resultList(description string, further map[string]schema.Attribute) schema.ListNestedAttribute {
	attributes := maps.Clone(referenceAttributes)
	maps.Copy(attributes, further)
	return schema.ListNestedAttribute{
		Computed: true, MarkdownDescription: description,
		NestedObject: schema.NestedAttributeObject{Attributes: attributes},
	}
}

func elementType(l schema.ListNestedAttribute) types.ObjectType {
	return l.NestedObject.Type().(types.ObjectType)
}

var (
	referenceType = elementType(resultList("", nil))
	missingType   = elementType(resultList("", missingAttributes))
	unknownType   = elementType(resultList("", unknownAttributes))
)

// setResults sets the computed attributes of the model.
func (c *configCheck) setResults() {
	references, missing, unknown := []attr.Value{}, []attr.Value{}, []attr.Value{}
	var lines []string
	for _, r := range c.results {
		references = append(references, types.ObjectValueMust(referenceType.AttrTypes, r.values(nil)))
		further := map[string]attr.Value{"reason": types.StringValue(r.Reason)}
		switch r.Rule {
		case review.Missing, review.MissingField:
			existsIn := make([]attr.Value, len(r.ExistsIn))
			for i, e := range r.ExistsIn {
				existsIn[i] = types.StringValue(e)
			}
			further["environments_that_have_it"] = types.ListValueMust(types.StringType, existsIn)
			further["near"] = optionalString(r.Suggestion)
			missing = append(missing, types.ObjectValueMust(missingType.AttrTypes, r.values(further)))
			lines = append(lines, r.line())
		case review.Unknown, review.Unchecked:
			unknown = append(unknown, types.ObjectValueMust(unknownType.AttrTypes, r.values(further)))
			lines = append(lines, r.line())
		}
	}
	c.model.References = types.ListValueMust(referenceType, references)
	c.model.Missing = types.ListValueMust(missingType, missing)
	c.model.Unknown = types.ListValueMust(unknownType, unknown)
	c.model.OK = types.BoolValue(len(lines) == 0)
	c.model.Summary = types.StringValue(cmp.Or(strings.Join(lines, "\n"), "ok"))
}

func (r checkedReference) values(further map[string]attr.Value) map[string]attr.Value {
	values := map[string]attr.Value{
		"file":        types.StringValue(r.Pos.File),
		"line":        types.Int64Value(int64(r.Pos.Line)),
		"column":      types.Int64Value(int64(r.Pos.Column)),
		"expression":  types.StringValue(r.Expression),
		"kind":        types.StringValue(cmp.Or(string(r.Kind), "environment_variable")),
		"name":        types.StringValue(r.Name),
		"environment": optionalString(r.environment),
	}
	maps.Copy(values, further)
	return values
}

// line returns the line of the summary: the position, the reason, and a hint.
func (r checkedReference) line() string {
	s := fmt.Sprintf("%s: %s", r.Pos, r.Reason)
	if hint := suggest.MissingHint(r.ExistsIn, r.Suggestion, ""); hint != "" {
		s += "; " + hint
	}
	return s
}
