// SPDX-License-Identifier: MPL-2.0

// Package functions holds the provider's functions: the reference language, at
// hand in any expression. They look at text alone. None of them resolves
// anything or needs a backend, so they work before the provider is configured,
// in a variable's validation as well as in a plan.
//
// # Limits
//
// A function cannot know what exists: parse_references says what a text refers
// to, and the data source pouncet_config_references whether that is there.
package functions

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// All are the functions that the provider registers.
func All() []func() function.Function {
	return []func() function.Function{newParseReferences, newParseURI, newValidName, newNameError}
}

// argumentError says what is wrong with the first argument, which is the only
// one that any of them has.
func argumentError(text string) *function.FuncError { return function.NewArgumentFuncError(0, text) }

// targetTypes are what parse_uri and parse_references both say of a reference.
func targetTypes(more map[string]attr.Type) map[string]attr.Type {
	out := map[string]attr.Type{
		"project": types.StringType, "environment": types.StringType, "scope": types.StringType,
		"name": types.StringType, "field": types.StringType, "version": types.StringType,
	}
	for name, t := range more {
		out[name] = t
	}
	return out
}

func targetValues(t interpolate.Target, more map[string]attr.Value) map[string]attr.Value {
	out := map[string]attr.Value{
		"project": orNull(t.Project), "environment": orNull(t.Environment), "scope": orNull(t.Scope),
		"name": types.StringValue(t.Name), "field": orNull(t.Field), "version": orNull(t.Version),
	}
	for name, v := range more {
		out[name] = v
	}
	return out
}

// orNull is null for what a reference does not say, which is then the run's to choose.
func orNull(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

// kindName is the kind of a reference as its users see it.
func kindName(k backend.Kind) string {
	if k == "" {
		return "environment_variable"
	}
	return string(k)
}
