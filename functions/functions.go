// SPDX-License-Identifier: MPL-2.0

// Package functions holds the provider's functions. They make the reference
// language available in every Terraform expression. A function only reads its
// argument. It resolves nothing and needs no backend, so it works before the
// provider is configured, for example in the validation of a variable.
//
// # Limits
//
// A function does not know which secrets exist. parse_references lists the
// references in a text; the data source pouncet_config_references checks them.
package functions

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// All returns the functions that the provider registers.
func All() []func() function.Function {
	return []func() function.Function{newParseReferences, newParseURI, newValidName, newNameError}
}

// argumentError returns an error about the first argument. Each function has
// exactly one.
func argumentError(text string) *function.FuncError {
	return function.NewArgumentFuncError(0, backend.Printable(text))
}

// targetTypes returns the attributes that parse_uri and parse_references both
// have, and more.
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

func targetValues(t expr.Target, more map[string]attr.Value) map[string]attr.Value {
	out := map[string]attr.Value{
		"project": orNull(t.Project), "environment": orNull(t.Environment), "scope": orNull(t.Scope),
		"name": types.StringValue(t.Name), "field": orNull(t.Field), "version": orNull(t.Version),
	}
	for name, v := range more {
		out[name] = v
	}
	return out
}

// orNull returns null for a part that the reference does not name. The command
// that renders the file chooses it.
func orNull(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

// kindName returns the kind of a reference as users see it.
func kindName(k backend.Kind) string {
	if k == "" {
		return "environment_variable"
	}
	return string(k)
}
