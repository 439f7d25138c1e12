// SPDX-License-Identifier: MPL-2.0

package edit

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// field is one field of the form of a secret type.
type field struct {
	Name, Title, Description string
	Kind                     string   // "text", "number", "boolean", "choice" or "json"
	Choices                  []string // of a choice
	Required                 bool
	Secret                   bool   // what is typed is masked, and not shown again
	Long                     bool   // has several lines
	Typed                    string // of a field that is not secret
	Missing                  bool   // it is required, and was left empty
}

// schema is what a form takes from a JSON Schema. The backend checks the value against all of it.
type schema struct {
	Type        json.RawMessage
	Title       string
	Description string
	Properties  json.RawMessage
	Required    []string
	Enum        []json.RawMessage
	Format      string
	WriteOnly   *bool
	Default     json.RawMessage
}

// notSecret are the names of fields that are shown while they are typed, and kept after an error, unless the schema
// says otherwise. An address is not among them: it can have a password or a key in it.
var notSecret = []string{"host", "hostname", "port", "user", "username", "database", "dbname", "region", "schema",
	"sslmode", "ssl_mode", "engine", "email", "from", "client_id", "account", "project", "tenant_id", "access_key_id"}

// isSecret reports whether what is typed into a field is masked and not sent back. The schema decides. If it does not
// say, every field is secret except those with well-known names, choices and booleans.
func isSecret(name string, p schema) bool {
	switch {
	case p.WriteOnly != nil && *p.WriteOnly, p.Format == "password":
		return true
	case p.WriteOnly != nil:
		return false
	}
	kind := kindOf(p)
	return kind != "choice" && kind != "boolean" && !slices.Contains(notSecret, strings.ToLower(name))
}

// maxFields limits the fields of a form. A type with more has one field for the whole value.
const maxFields = 200

// fieldsOf returns the fields of the form for a type, in the order of its schema. It returns none for a schema that is
// no object with properties, and for one with too many: the form then has one field for the whole value.
func fieldsOf(text []byte) []field {
	var s schema
	if json.Unmarshal(text, &s) != nil || len(s.Properties) == 0 {
		return nil
	}
	var all map[string]schema
	if json.Unmarshal(s.Properties, &all) != nil || len(all) > maxFields {
		return nil
	}
	var out []field
	for _, name := range membersOf(s.Properties) {
		p := all[name]
		f := field{Name: name, Title: p.Title, Description: p.Description, Required: slices.Contains(s.Required, name),
			Secret: isSecret(name, p)}
		if f.Title == "" {
			f.Title = name
		}
		f.Kind = kindOf(p)
		if f.Kind == "choice" {
			for _, e := range p.Enum {
				var choice string
				_ = json.Unmarshal(e, &choice)
				f.Choices = append(f.Choices, choice)
			}
		}
		lower := strings.ToLower(name)
		f.Long = f.Kind == "json" || strings.Contains(lower, "key") && strings.Contains(lower, "private") ||
			strings.Contains(lower, "cert") || strings.Contains(lower, "pem")
		out = append(out, f)
	}
	return out
}

func kindOf(p schema) string {
	var one string
	_ = json.Unmarshal(p.Type, &one)
	text := len(p.Enum) > 0
	for _, e := range p.Enum {
		text = text && bytes.HasPrefix(bytes.TrimSpace(e), []byte(`"`))
	}
	switch {
	case text:
		return "choice"
	case one == "string":
		return "text"
	case one == "integer" || one == "number":
		return "number"
	case one == "boolean":
		return "boolean"
	}
	return "json"
}

// membersOf returns the names of the members of a JSON object in their order.
func membersOf(object json.RawMessage) []string {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var names []string
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return names
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return names
		}
		names = append(names, name)
	}
	return names
}

// ofField begins the attribute of an error about one field of a value. The name of the field follows.
const ofField = "value."

// AtField returns what is wrong with a field of the value. The backend says what is wrong with the whole value, in
// words: only a field that is missing is known then.
func (f form) AtField(of field) string {
	if f.At("value") != "" && of.Missing {
		return site.Text("edit.missing")
	}
	return f.At(ofField + of.Name)
}

// Missing reports whether a required field of the value was left empty.
func (f form) Missing() bool {
	return slices.ContainsFunc(f.Fields, func(of field) bool { return of.Missing })
}

// valueOf makes the value of a typed secret from the fields of its form. It is not given if all fields are empty.
func valueOf(fields []field, typed func(string) string) (value []byte, given bool, err error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, f := range fields {
		text := strings.ReplaceAll(typed(ofField+f.Name), "\r\n", "\n")
		if text == "" {
			continue
		}
		member := json.RawMessage(text)
		if f.Kind == "text" || f.Kind == "choice" {
			if member, err = encode(text); err != nil {
				return nil, false, err
			}
		} else if !json.Valid(member) {
			return nil, false, backend.Errorf(backend.CodeInvalid, "the field %s is not valid", backend.Quote(f.Name)).
				WithHint("%s", site.Text("edit.kind."+f.Kind)).At(ofField + f.Name)
		}
		if given {
			b.WriteByte(',')
		}
		given = true
		name, err := encode(f.Name)
		if err != nil {
			return nil, false, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(member)
	}
	b.WriteByte('}')
	return b.Bytes(), given, nil
}

// encode returns a text as JSON, without the escapes for HTML.
func encode(text string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "encoding a field: %w", err).At("value")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// check tries the value of a typed secret without writing it, while it is typed.
func check(q *site.Request) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	f := form{Type: q.R.PostFormValue("type")}
	c := backend.Change{Op: backend.OpCreate, Kind: backend.KindSecret, Project: place.Project.Name,
		Environment: q.R.PostFormValue("environment"), Name: "check_of_a_value", Type: &f.Type}
	if !q.May(c.Op, c.Kind, place.At(c.Environment)) {
		return backend.Errorf(backend.CodeDenied, "permission denied")
	}
	if err := f.prepare(q, place); err != nil {
		return err
	}
	p := site.Page{Place: place}
	err = f.setValue(q, &c)
	if err == nil && c.Value.IsZero() {
		return q.RenderPart(secretPage, "checked", p)
	}
	if err == nil {
		var out []backend.Outcome
		out, err = q.Service.Apply(q.Context(), backend.ChangeSet{Changes: []backend.Change{c}, DryRun: true})
		if err == nil && out[0].Err != nil {
			err = out[0].Err
		}
	}
	if err != nil {
		if e := backend.AsError(err); e.Attribute == "value" || strings.HasPrefix(e.Attribute, ofField) {
			p.Data = e
		}
	} else {
		p.Data = &backend.Error{}
	}
	return q.RenderPart(secretPage, "checked", p)
}
