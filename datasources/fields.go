// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"reflect"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// field is one computed attribute of an object.
type field struct {
	name        string
	description string
	attrType    attr.Type
	value       func(o backend.Object) attr.Value
}

// attributeNames are the fields whose names differ from those in backend.AttributeTable.
var attributeNames = map[string]string{"deletion_protection": "protected", "value_json": "json", "from_secret": "link"}

// withTableFields adds a field for every row of backend.AttributeTable that a kind has and that fields do not contain.
// A new attribute therefore appears in its data sources by itself.
func withTableFields(kind backend.Kind, fields []field) []field {
	for _, a := range backend.AttributeTable {
		present := slices.ContainsFunc(fields, func(f field) bool {
			return f.name == a.Name || attributeNames[f.name] == a.Name
		})
		if present || !slices.Contains(a.Kinds, kind) {
			continue
		}
		switch zero := reflect.ValueOf(a.Get(&backend.Object{})); zero.Kind() {
		case reflect.String:
			fields = append(fields, stringField(a.Name, a.Doc, func(o backend.Object) string {
				return reflect.ValueOf(a.Get(&o)).String()
			}))
		case reflect.Bool:
			fields = append(fields, boolField(a.Name, a.Doc, func(o backend.Object) bool { return a.Get(&o).(bool) }))
		case reflect.Int:
			fields = append(fields, numberField(a.Name, a.Doc, func(o backend.Object) int64 {
				return int64(a.Get(&o).(int))
			}))
		case reflect.Struct:
			fields = append(fields, timeField(a.Name, a.Doc, func(o backend.Object) time.Time {
				return a.Get(&o).(time.Time)
			}))
		}
	}
	return fields
}

// attribute returns the field as an attribute of a schema.
func (f field) attribute() schema.Attribute {
	switch t := f.attrType.(type) {
	case types.ListType:
		return schema.ListAttribute{Computed: true, ElementType: t.ElemType, MarkdownDescription: f.description}
	case types.MapType:
		return schema.MapAttribute{Computed: true, ElementType: t.ElemType, MarkdownDescription: f.description}
	case types.ObjectType:
		return schema.ObjectAttribute{Computed: true, AttributeTypes: t.AttrTypes, MarkdownDescription: f.description}
	}
	switch f.attrType {
	case types.Int64Type:
		return schema.Int64Attribute{Computed: true, MarkdownDescription: f.description}
	case types.BoolType:
		return schema.BoolAttribute{Computed: true, MarkdownDescription: f.description}
	}
	return schema.StringAttribute{Computed: true, MarkdownDescription: f.description}
}

func fieldAttributes(fields []field) map[string]schema.Attribute {
	attributes := map[string]schema.Attribute{}
	for _, f := range fields {
		attributes[f.name] = f.attribute()
	}
	return attributes
}

// objectValues returns the fields of each object as a list of objects.
func objectValues(fields []field, objects []backend.Object) types.List {
	objectType := types.ObjectType{AttrTypes: map[string]attr.Type{}}
	for _, f := range fields {
		objectType.AttrTypes[f.name] = f.attrType
	}
	list := make([]attr.Value, len(objects))
	for i, o := range objects {
		values := make(map[string]attr.Value, len(fields))
		for _, f := range fields {
			values[f.name] = f.value(o)
		}
		list[i] = types.ObjectValueMust(objectType.AttrTypes, values)
	}
	return types.ListValueMust(objectType, list)
}

// objectFields returns the fields that every object has, then the others, and then the rest of backend.AttributeTable.
func objectFields(kind backend.Kind, others ...field) []field {
	common := []field{
		stringField("id", "UUID of the object. It does not change when the object is renamed.",
			func(o backend.Object) string { return o.ID }),
		stringField("description", "Description of the object.",
			func(o backend.Object) string { return o.Description }),
		mapField("labels", "Labels of the object.", func(o backend.Object) map[string]string { return o.Labels }),
		timeField("created_at", "Time at which the object was created (RFC 3339, UTC).",
			func(o backend.Object) time.Time { return o.CreatedAt }),
	}
	return withTableFields(kind, append(common, others...))
}

// mapField returns a field with texts by name.
func mapField(name, description string, value func(o backend.Object) map[string]string) field {
	return field{name, description, types.MapType{ElemType: types.StringType}, func(o backend.Object) attr.Value {
		elements := map[string]attr.Value{}
		for k, v := range value(o) {
			elements[k] = types.StringValue(v)
		}
		return types.MapValueMust(types.StringType, elements)
	}}
}

// stringField returns a field that is null if the value is "".
func stringField(name, description string, value func(o backend.Object) string) field {
	return field{name, description, types.StringType, func(o backend.Object) attr.Value {
		return optionalString(value(o))
	}}
}

// timeField returns a field that is null if the value is the zero time.
func timeField(name, description string, value func(o backend.Object) time.Time) field {
	return stringField(name, description, func(o backend.Object) string {
		if t := value(o); !t.IsZero() {
			return t.Format(time.RFC3339)
		}
		return ""
	})
}

func numberField(name, description string, value func(o backend.Object) int64) field {
	return field{name, description, types.Int64Type, func(o backend.Object) attr.Value {
		return types.Int64Value(value(o))
	}}
}

func boolField(name, description string, value func(o backend.Object) bool) field {
	return field{name, description, types.BoolType, func(o backend.Object) attr.Value {
		return types.BoolValue(value(o))
	}}
}

func optionalString(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}
