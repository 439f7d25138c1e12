// SPDX-License-Identifier: MPL-2.0

package ephemerals

import (
	"bytes"
	"context"
	"encoding/json"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// decoded is the value in Terraform's types, as jsondecode gives it, where it
// is JSON: an object or a list, or anything that the backend says is JSON. A
// password of digits is a string that only looks like a number: it gives null.
func decoded(ctx context.Context, r backend.Resolution) types.Dynamic {
	text := bytes.TrimSpace(r.Value.Expose())
	structured := len(text) > 0 && (text[0] == '{' || text[0] == '[')
	if !structured && !r.JSON {
		return types.DynamicNull()
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() || v == nil {
		return types.DynamicNull()
	}
	return types.DynamicValue(terraformValue(ctx, v))
}

// terraformValue has lists become tuples and objects keep a type for each of
// their attributes: their elements need not be alike.
func terraformValue(ctx context.Context, v any) attr.Value {
	switch v := v.(type) {
	case string:
		return types.StringValue(v)
	case bool:
		return types.BoolValue(v)
	case json.Number:
		// The precision is Terraform's own.
		if f, _, err := big.ParseFloat(v.String(), 10, 512, big.ToNearestEven); err == nil {
			return types.NumberValue(f)
		}
		return types.StringValue(v.String())
	case []any:
		elements, kinds := make([]attr.Value, len(v)), make([]attr.Type, len(v))
		for i, e := range v {
			elements[i] = terraformValue(ctx, e)
			kinds[i] = elements[i].Type(ctx)
		}
		return types.TupleValueMust(kinds, elements)
	case map[string]any:
		attributes, kinds := make(map[string]attr.Value, len(v)), make(map[string]attr.Type, len(v))
		for name, e := range v {
			attributes[name] = terraformValue(ctx, e)
			kinds[name] = attributes[name].Type(ctx)
		}
		return types.ObjectValueMust(kinds, attributes)
	}
	return types.DynamicNull()
}
