// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Conversions between Terraform's values and the backend's.

// asUpdate turns a change that creates an object into one that updates it, if the object has an id.
func asUpdate(c *backend.Change, id, oldName, newName types.String) {
	if !id.IsNull() {
		c.Op, c.ID, c.Name, c.Rename = backend.OpUpdate, id.ValueString(), "", changedString(oldName, newName)
	}
}

// optionalString returns an optional attribute. The backend keeps an absent one as "".
func optionalString(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

// changedString returns the planned value of an attribute if it differs from the old one, and nil otherwise. A null
// value equals "".
func changedString(old, planned types.String) *string {
	if planned.IsUnknown() || old.ValueString() == planned.ValueString() {
		return nil
	}
	value := planned.ValueString()
	return &value
}

// changedLabels returns the planned labels if they differ from the old ones. It returns nil if they are equal or not
// all known, and an empty map if the plan removes all labels.
func changedLabels(old, planned types.Map) map[string]string {
	if planned.IsUnknown() || old.Equal(planned) {
		return nil
	}
	out := map[string]string{}
	for k, v := range planned.Elements() {
		if v.IsUnknown() {
			return nil
		}
		out[k] = v.(types.String).ValueString()
	}
	return out
}

// labelsValue returns the attribute for labels. Without labels it is null, unless the configuration has an empty map.
func labelsValue(ctx context.Context, labels map[string]string, old types.Map, diags *diag.Diagnostics) types.Map {
	if len(labels) == 0 && len(old.Elements()) == 0 {
		if old.IsUnknown() {
			return types.MapNull(types.StringType)
		}
		return old
	}
	value, d := types.MapValueFrom(ctx, types.StringType, maps.Clone(labels))
	diags.Append(d...)
	return value
}

// jsonValue returns the attribute for a JSON text of the backend. It keeps the old text if both mean the same, so that
// different white space is not drift.
func jsonValue(old jsontypes.Normalized, text json.RawMessage) jsontypes.Normalized {
	if text == nil {
		return jsontypes.NewNormalizedNull()
	}
	if !old.IsNull() && !old.IsUnknown() && equalJSON(old.ValueString(), string(text)) {
		return old
	}
	return jsontypes.NewNormalizedValue(string(text))
}

// keepEquivalentJSON plans the JSON text of the state if the configured text means the same.
type keepEquivalentJSON struct{}

func (keepEquivalentJSON) Description(context.Context) string {
	return "JSON that means the same is not a change."
}

func (m keepEquivalentJSON) MarkdownDescription(ctx context.Context) string {
	return m.Description(ctx)
}

func (keepEquivalentJSON) PlanModifyString(
	_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse,
) {
	if req.StateValue.IsNull() || req.PlanValue.IsNull() || req.PlanValue.IsUnknown() {
		return
	}
	if equalJSON(req.StateValue.ValueString(), req.PlanValue.ValueString()) {
		resp.PlanValue = req.StateValue
	}
}

// equalJSON reports whether two JSON texts mean the same. White space, the order of keys and the form of numbers do not
// matter: Terraform writes 1e3 as 1000 when it generates a configuration.
func equalJSON(a, b string) bool {
	x, okX := canonicalJSON(a)
	y, okY := canonicalJSON(b)
	return okX && okY && x == y
}

// canonicalJSON returns a text that is equal for equal documents.
func canonicalJSON(text string) (string, bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // a float64 would make large numbers equal that are not
	var document any
	if decoder.Decode(&document) != nil {
		return "", false
	}
	out, err := json.Marshal(canonicalNumbers(document))
	return string(out), err == nil
}

func canonicalNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, element := range v {
			v[key] = canonicalNumbers(element)
		}
	case []any:
		for i, element := range v {
			v[i] = canonicalNumbers(element)
		}
	case json.Number:
		return canonicalNumber(v)
	}
	return v
}

// canonicalNumber returns a number as an integer without zeros at its end, and an exponent. It does not compute the
// number, which could have a million digits.
func canonicalNumber(n json.Number) json.Number {
	mantissa, exponentText, _ := strings.Cut(strings.ToLower(n.String()), "e")
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent, err := strconv.ParseInt(cmp.Or(exponentText, "0"), 10, 32)
	if err != nil {
		return n // beyond any use: only an equal text is equal
	}
	exponent -= int64(len(fraction))
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	significant := strings.TrimRight(digits, "0")
	exponent += int64(len(digits) - len(significant))
	return json.Number(fmt.Sprintf("%s%se%d", sign, significant, exponent))
}

// isKnown reports whether a set and all of its elements are known.
func isKnown(set types.Set) bool {
	return !set.IsUnknown() && !slices.ContainsFunc(set.Elements(), func(v attr.Value) bool { return v.IsUnknown() })
}

// isKnownMap reports whether a map and all of its elements are known.
func isKnownMap(m types.Map) bool {
	for _, v := range m.Elements() {
		if v.IsUnknown() {
			return false
		}
	}
	return !m.IsUnknown()
}

// stringMap returns the elements of a map, and nil for an empty one.
func stringMap(m types.Map) map[string]string {
	if len(m.Elements()) == 0 {
		return nil
	}
	out := map[string]string{}
	for k, v := range m.Elements() {
		out[k] = v.(types.String).ValueString()
	}
	return out
}

// stringSet returns texts as a set.
func stringSet[T ~string](ctx context.Context, texts []T, diags *diag.Diagnostics) types.Set {
	value, d := types.SetValueFrom(ctx, types.StringType, append([]T{}, texts...))
	diags.Append(d...)
	return value
}

// setElements returns the elements of a set, and an empty list for an empty one.
func setElements[T ~string](set types.Set) []T {
	out := []T{}
	for _, v := range set.Elements() {
		out = append(out, T(v.(types.String).ValueString()))
	}
	return out
}
