// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// jsonFlag is the flag --json[=FIELDS]. true and false are no names of fields.
type jsonFlag struct{ a *app }

func (f jsonFlag) Set(text string) error {
	on, err := strconv.ParseBool(text)
	switch {
	case err == nil:
		f.a.json, f.a.fields = on, nil
	case isFieldList(text):
		f.a.json, f.a.fields = true, strings.Split(text, ",")
	default:
		return errors.New("not a list of fields")
	}
	return nil
}

// isFieldList reports whether a text is a list of names, with commas between them.
func isFieldList(text string) bool {
	isBad := func(name string) bool {
		return name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != ""
	}
	return !slices.ContainsFunc(strings.Split(text, ","), isBad)
}

func (f jsonFlag) String() string {
	if f.a == nil || !f.a.json {
		return "false"
	}
	if f.a.fields == nil {
		return "true"
	}
	return strings.Join(f.a.fields, ",")
}

func (f jsonFlag) Type() string { return "fields" }

// asksForJSON reports whether some arguments ask for JSON, even if the flags before could not be parsed.
func asksForJSON(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		value, ok := strings.CutPrefix(arg, "--json=")
		on, err := strconv.ParseBool(value)
		return arg == "--json" || ok && (on || err != nil)
	})
}

// withFields are the commands that print fields of their JSON only. All of them only read: a wrong name of a field must
// not be noticed after a change.
var withFields = []string{"list", "show", "history", "whoami", "version", "resolve", "reveal", "refs", "doctor",
	"compare", "diff", "report"}

// lists are the keys of the JSON of commands that list objects.
var lists = []string{"objects", "versions", "owners", "profiles", "references", "findings", "records"}

// checkFields refuses names of fields for a command that does not choose them.
func (a *app) checkFields(c *cobra.Command) error {
	if a.fields != nil && !slices.Contains(withFields, c.Name()) {
		return usage(c, "%s does not choose fields of its JSON", c.CommandPath()).withHint("use --json without fields")
	}
	return nil
}

// chooseFields returns the JSON of a command with the fields of --json=FIELDS only. They are the fields of each
// object in a list, and otherwise the fields of the JSON itself. A field that an object does not have is null.
func chooseFields(v any, fields []string) (any, error) {
	if m, ok := v.(map[string]any); ok {
		for _, key := range lists {
			if m[key] == nil {
				continue
			}
			objects, err := chooseInList(m[key], fields)
			m[key] = objects
			return m, err
		}
		if err := checkNames(fields, slices.Sorted(maps.Keys(m))); err != nil {
			return nil, err
		}
	}
	return chosen(v, fields)
}

func chooseInList(list any, fields []string) (any, error) {
	if err := checkNames(fields, jsonNames(reflect.TypeOf(list).Elem())); err != nil {
		return nil, err
	}
	out := []any{}
	for i := range reflect.ValueOf(list).Len() {
		object, err := chosen(reflect.ValueOf(list).Index(i).Interface(), fields)
		if err != nil {
			return nil, err
		}
		out = append(out, object)
	}
	return out, nil
}

// chosen returns some fields of v.
func chosen(v any, fields []string) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(v)
	all := map[string]json.RawMessage{}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "this command has no fields to choose").
			WithHint("use --json without fields")
	}
	out := map[string]json.RawMessage{}
	for _, name := range fields {
		out[name] = all[name]
		if all[name] == nil {
			out[name] = json.RawMessage("null")
		}
	}
	return out, nil
}

// checkNames returns an error that names the fields that do not exist.
func checkNames(fields, known []string) error {
	for _, name := range fields {
		if !slices.Contains(known, name) {
			return &usageError{backend.Errorf(backend.CodeInvalid, "field %s does not exist", backend.Quote(name)).
				WithHint("%s", suggest.Hint(suggest.Name(name, known), "the fields are "+strings.Join(known, ", ")))}
		}
	}
	return nil
}

// jsonNames returns the names that the fields of a struct have in JSON, sorted.
func jsonNames(t reflect.Type) []string {
	var names []string
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			names = append(names, jsonNames(f.Type)...)
		case f.IsExported() && name != "-" && name != "":
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
