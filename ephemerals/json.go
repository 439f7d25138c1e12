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

// decoded returns a JSON value as a Terraform value, as jsondecode does. A value counts as JSON if it is an object or
// a list, or if the backend says so. Everything else is null: a password of digits is a string that only looks like a
// number.
func decoded(ctx context.Context, r backend.Resolution) types.Dynamic {
	text := bytes.TrimSpace(r.Value.Expose())
	if !isStructured(text) && !r.JSON {
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

// isStructured reports whether a text looks like a JSON object or list.
func isStructured(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// terraformValue converts a decoded JSON value. A list becomes a tuple, and an object keeps the type of each
// attribute, because their elements can have different types.
func terraformValue(ctx context.Context, v any) attr.Value {
	switch v := v.(type) {
	case string:
		return types.StringValue(v)
	case bool:
		return types.BoolValue(v)
	case json.Number:
		// Terraform computes with 512 bits.
		if f, _, err := big.ParseFloat(v.String(), 10, 512, big.ToNearestEven); err == nil {
			return types.NumberValue(f)
		}
		return types.StringValue(v.String())
	case []any:
		elements, elementTypes := make([]attr.Value, len(v)), make([]attr.Type, len(v))
		for i, e := range v {
			elements[i] = terraformValue(ctx, e)
			elementTypes[i] = elements[i].Type(ctx)
		}
		return types.TupleValueMust(elementTypes, elements)
	case map[string]any:
		attributes, attributeTypes := make(map[string]attr.Value, len(v)), make(map[string]attr.Type, len(v))
		for name, e := range v {
			attributes[name] = terraformValue(ctx, e)
			attributeTypes[name] = attributes[name].Type(ctx)
		}
		return types.ObjectValueMust(attributeTypes, attributes)
	}
	return types.DynamicNull()
}
