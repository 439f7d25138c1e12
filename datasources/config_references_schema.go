// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"context"
	"errors"
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
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

func (*configReferences) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	strs := func(description string, validators ...validator.List) schema.ListAttribute {
		return schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: description, Validators: validators}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads configuration files for references, and tells for each environment which of them nothing satisfies: for the precondition of a resource, which fails the plan, or a `check`, which warns. " +
			"It looks at metadata only, and opens no value. An entry is looked up as `pouncet render` would: the nearest scope first and, within it, the exact environment before `*`; a scoped value that links to a secret is followed.\n\n" +
			"What it cannot see is not judged: whether a secret has the field that a reference asks for, and which variables `env_var` will find.\n\n" +
			"Give it neither `depends_on` nor a condition of its own, and no argument that names a resource: Terraform would read the files only after everything is applied. " +
			"What is only planned belongs into `declared`, by way of a local value.",
		Attributes: map[string]schema.Attribute{
			"project":      schema.StringAttribute{Optional: true, MarkdownDescription: "Project of references that name none. Default: the provider's."},
			"scope":        schema.StringAttribute{Optional: true, MarkdownDescription: "Scope of references that name none: `project` (the default), `app/<name>` or `pipeline/<name>`."},
			"environments": strs("Environments to check references in that name none. Default: all of the project.", listvalidator.SizeAtLeast(1)),
			"paths":        strs("Paths of files, as `fileset` gives them behind `path.module`. Exactly one of `paths` and `path` is needed.", listvalidator.ExactlyOneOf(path.MatchRoot("path")), listvalidator.SizeAtLeast(1)),
			"path": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Folder in which to look for files. Begin it with `path.module`.",
				Validators: []validator.String{stringvalidator.ExactlyOneOf(path.MatchRoot("paths"))},
			},
			"include":    strs("Patterns of files in `path`, as for `fileset`. Default: `**/*.yaml` and `**/*.yml`.", listvalidator.AlsoRequires(path.MatchRoot("path")), listvalidator.SizeAtLeast(1)),
			"exclude":    strs("Patterns of files in `path` that are left out. Default: `**/.*/**`, which is `.git`, `.terraform` and their like.", listvalidator.AlsoRequires(path.MatchRoot("path"))),
			"missing_ok": strs("Entries that may be missing, as `name` or `environment/name`."),
			"declared": schema.ListNestedAttribute{
				Optional: true,
				MarkdownDescription: "Entries that this configuration declares. They count as there, and so do their environments, also while they are only planned: " +
					"what a plan adds together with its first use is then not missing.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"kind": schema.StringAttribute{
						Optional: true, MarkdownDescription: "`secret` (the default) or `scoped_value`.",
						Validators: []validator.String{stringvalidator.OneOf(string(backend.KindSecret), string(backend.KindScopedValue))},
					},
					"name":        schema.StringAttribute{Required: true, MarkdownDescription: "Its name."},
					"environment": schema.StringAttribute{Optional: true, MarkdownDescription: "Its environment. Default: `*`."},
					"scope":       schema.StringAttribute{Optional: true, MarkdownDescription: "Its scope. Default: `project`."},
					"from_secret": schema.StringAttribute{Optional: true, MarkdownDescription: "Of a scoped value: name of the secret that it links to."},
				}},
			},
			"declared_only": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Whether nothing but `declared` counts, of this project: what the plan is about to remove is then missing already. " +
					"For configurations that declare all that their files use.",
				Validators: []validator.Bool{boolvalidator.AlsoRequires(path.MatchRoot("declared"))},
			},
			"references": results("All references, in the order of the files, once for each environment that they are checked in.", nil),
			"missing":    results("Those that nothing satisfies, and that have no default.", missingAttributes),
			"unknown":    results("Those that could not be told: neither missing nor fine.", unknownAttributes),
			"ok":         schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether nothing is missing, and nothing unknown."},
			"summary":    schema.StringAttribute{Computed: true, MarkdownDescription: "What is missing or unknown, one line each, for an error message; `ok` if there is nothing."},
		},
	}
}

// The attributes of results.
var (
	reasonAttribute     = schema.StringAttribute{Computed: true, MarkdownDescription: "Why."}
	referenceAttributes = map[string]schema.Attribute{
		"file":        schema.StringAttribute{Computed: true, MarkdownDescription: "Path of the file."},
		"line":        schema.Int64Attribute{Computed: true, MarkdownDescription: "Line, from 1."},
		"column":      schema.Int64Attribute{Computed: true, MarkdownDescription: "Column, from 1, in characters."},
		"expression":  schema.StringAttribute{Computed: true, MarkdownDescription: "The expression as it is written."},
		"kind":        schema.StringAttribute{Computed: true, MarkdownDescription: "`secret`, `scoped_value` or `environment_variable`."},
		"name":        schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the entry or variable."},
		"environment": schema.StringAttribute{Computed: true, MarkdownDescription: "Environment that it is checked in; null of an environment variable."},
	}
	missingAttributes = map[string]schema.Attribute{
		"reason":                    reasonAttribute,
		"environments_that_have_it": schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Environments that do have an entry of that name."},
		"near":                      schema.StringAttribute{Computed: true, MarkdownDescription: "A name that was perhaps meant, where no environment has this one; otherwise null."},
	}
	unknownAttributes = map[string]schema.Attribute{"reason": reasonAttribute}
)

func results(description string, more map[string]schema.Attribute) schema.ListNestedAttribute {
	attributes := maps.Clone(referenceAttributes)
	maps.Copy(attributes, more)
	return schema.ListNestedAttribute{Computed: true, MarkdownDescription: description, NestedObject: schema.NestedAttributeObject{Attributes: attributes}}
}

func typeOf(l schema.ListNestedAttribute) types.ObjectType {
	return l.NestedObject.Type().(types.ObjectType)
}

var (
	referenceRow = typeOf(results("", nil))
	missingRow   = typeOf(results("", missingAttributes))
	unknownRow   = typeOf(results("", unknownAttributes))
)

// fill sets the results.
func (c *configCheck) fill() {
	m := c.model
	for _, r := range c.rows {
		c.references = append(c.references, types.ObjectValueMust(referenceRow.AttrTypes, r.values(nil)))
		reason := map[string]attr.Value{"reason": types.StringValue(r.Reason)}
		switch r.Rule {
		case review.Missing, review.MissingField:
			elsewhere := make([]attr.Value, len(r.ExistsIn))
			for i, e := range r.ExistsIn {
				elsewhere[i] = types.StringValue(e)
			}
			reason["environments_that_have_it"] = types.ListValueMust(types.StringType, elsewhere)
			reason["near"] = optionalString(r.Near)
			c.missing = append(c.missing, types.ObjectValueMust(missingRow.AttrTypes, r.values(reason)))
			c.lines = append(c.lines, r.line())
		case review.Unknown, review.Unchecked:
			c.unknowns = append(c.unknowns, types.ObjectValueMust(unknownRow.AttrTypes, r.values(reason)))
			c.lines = append(c.lines, r.line())
		}
	}
	list := func(kind types.ObjectType, values []attr.Value) types.List {
		if values == nil {
			values = []attr.Value{}
		}
		return types.ListValueMust(kind, values)
	}
	m.References, m.Missing, m.Unknown = list(referenceRow, c.references), list(missingRow, c.missing), list(unknownRow, c.unknowns)
	m.OK, m.Summary = types.BoolValue(len(c.lines) == 0), types.StringValue("ok")
	if len(c.lines) > 0 {
		m.Summary = types.StringValue(strings.Join(c.lines, "\n"))
	}
}

func (r row) values(more map[string]attr.Value) map[string]attr.Value {
	kind := string(r.Kind)
	if kind == "" {
		kind = "environment_variable"
	}
	values := map[string]attr.Value{
		"file": types.StringValue(r.Pos.File), "line": types.Int64Value(int64(r.Pos.Line)), "column": types.Int64Value(int64(r.Pos.Column)),
		"expression": types.StringValue(r.Expression), "kind": types.StringValue(kind), "name": types.StringValue(r.Name), "environment": optionalString(r.environment),
	}
	maps.Copy(values, more)
	return values
}

// line is one line of the summary: the place, what is wrong, and the way out.
func (r row) line() string {
	s := fmt.Sprintf("%s: %s", r.Pos, r.Reason)
	switch {
	case len(r.ExistsIn) > 0:
		s += "; it exists in " + strings.Join(r.ExistsIn, ", ")
	case r.Near != "":
		s += "; did you mean " + r.Near + "?"
	}
	return s
}

func optionalString(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

func readError(name string, err error) error {
	return backend.Errorf(backend.CodeNotFound, "reading %s: %w", backend.Quote(name), err).
		WithHint("begin paths with path.module: otherwise they are relative to the folder that Terraform runs in").At("paths")
}

func problemsOf(err error) (problems interpolate.Problems) {
	errors.As(err, &problems)
	return problems
}
