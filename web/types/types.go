// SPDX-License-Identifier: MPL-2.0

// Package types has the pages with the secret types of a project.
package types

import (
	"bytes"
	"embed"
	"encoding/json"
	"net/http"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed *.html
var files embed.FS

var (
	listPage = site.NewTemplate(files, "types.html")
	typePage = site.NewTemplate(files, "type.html")
)

// Register adds the pages.
func Register(s *site.Site) {
	s.Section("types")
	at := site.Root + "p/{project}/"
	s.Handle("GET "+at+"types", list)
	s.Handle("GET "+at+"types/{key}", func(q *site.Request) error { return show(q, false) })
	s.Handle("POST "+at+"types/{key}", func(q *site.Request) error { return show(q, true) })
	s.Handle("GET "+at+"new-type", func(q *site.Request) error { return create(q, false) })
	s.Handle("POST "+at+"new-type", func(q *site.Request) error { return create(q, true) })
	s.Handle("POST "+at+"check-type", check)
}

func list(q *site.Request) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	all, err := q.List(backend.Query{Kind: backend.KindSecretType, Project: place.Project.Name})
	if err != nil {
		return err
	}
	return q.Render(listPage, site.Page{Title: site.Text("types.title"), Section: "types", Place: place, Data: all})
}

// form is what the page of a type shows, or what was typed.
type form struct {
	New                                     bool
	Type                                    backend.Object
	Key, DisplayName, Description, SchemaIs string
	Example                                 string
	Error                                   *backend.Error
}

// Failed returns the error for the fields of the form.
func (f form) Failed() site.FormError {
	return site.FormError{Error: f.Error, Fields: []string{"name", "key", "schema", "display_name", "description"}}
}

// example is the schema that a new type begins with.
const example = `{
  "type": "object",
  "properties": {
    "username": {"type": "string"},
    "password": {"type": "string", "minLength": 12}
  },
  "required": ["username", "password"],
  "additionalProperties": false
}`

func (f *form) read(q *site.Request) {
	f.DisplayName, f.Description = q.R.PostFormValue("display_name"), q.R.PostFormValue("description")
	f.SchemaIs, f.Example = q.R.PostFormValue("schema"), q.R.PostFormValue("example")
	if f.New {
		f.Key = q.R.PostFormValue("key")
	}
}

// change returns the change that sets what was typed.
func (f *form) change(project string) (backend.Change, error) {
	c := backend.Change{Op: backend.OpCreate, Kind: backend.KindSecretType, Project: project, Name: f.Key}
	if !f.New {
		c = backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecretType, ID: f.Type.ID}
	}
	if !json.Valid([]byte(f.SchemaIs)) {
		return c, backend.Errorf(backend.CodeInvalid, "invalid JSON").
			WithHint("the schema is a JSON Schema of the draft 2020-12").At("schema")
	}
	if f.DisplayName != f.Type.DisplayName {
		c.DisplayName = &f.DisplayName
	}
	if f.Description != f.Type.Description {
		c.Description = &f.Description
	}
	if f.New || !backend.EqualJSON(f.Type.Schema, json.RawMessage(f.SchemaIs)) {
		c.Schema = json.RawMessage(f.SchemaIs)
	}
	if !f.New && c.DisplayName == nil && c.Description == nil && c.Schema == nil {
		return c, backend.Errorf(backend.CodeInvalid, "No changes to save")
	}
	return c, nil
}

func create(q *site.Request, sent bool) error {
	return edit(q, form{New: true, SchemaIs: example}, sent)
}

func show(q *site.Request, sent bool) error {
	got, err := q.Query(backend.Query{Kind: backend.KindSecretType, Project: q.R.PathValue("project"),
		Name: q.R.PathValue("key")})
	if err != nil {
		return err
	}
	if len(got.Objects) == 0 {
		return backend.Errorf(backend.CodeNotFound, "secret type %s does not exist", backend.Quote(q.R.PathValue("key"))).
			WithHint("go back to the list")
	}
	t := got.Objects[0]
	return edit(q, form{Type: t, Key: t.Name, DisplayName: t.DisplayName, Description: t.Description,
		SchemaIs: indented(t.Schema)}, sent)
}

func indented(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}

func edit(q *site.Request, f form, sent bool) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	status := http.StatusOK
	if sent {
		f.read(q)
	}
	if sent && q.R.PostFormValue(site.Restored) == "" {
		c, err := f.change(place.Project.Name)
		if err == nil {
			_, err = q.Change(c)
		}
		switch {
		case err == nil:
			return q.Redirect(place.Path("types", f.Key), "saved")
		case !site.IsUsers(err):
			return err
		}
		f.Error, status = backend.AsError(err), http.StatusUnprocessableEntity
	}
	return q.RenderStatus(status, typePage, site.Page{Title: site.Text("types.title"), Section: "types", Place: place,
		Data: f})
}

// check tries a schema without saving it, together with an example value, while they are typed.
func check(q *site.Request) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	f := form{New: true}
	f.read(q)
	f.Key = "check_of_a_schema"
	c, err := f.change(place.Project.Name)
	if err == nil {
		set := backend.ChangeSet{DryRun: true, Changes: []backend.Change{c}}
		if f.Example != "" {
			set.Changes = append(set.Changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindSecret,
				Project: place.Project.Name, Environment: backend.AnyEnvironment, Name: "check_of_an_example", Type: &f.Key,
				Value: backend.PlaintextString(f.Example)})
		}
		var out []backend.Outcome
		out, err = q.Service.Apply(q.Context(), set)
		for _, o := range out {
			if err == nil && o.Err != nil {
				err = o.Err
			}
		}
	}
	p := site.Page{Place: place, Data: &backend.Error{}}
	if err != nil {
		p.Data = backend.AsError(err)
	}
	return q.RenderPart(typePage, "checked", p)
}
