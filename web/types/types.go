// SPDX-License-Identifier: MPL-2.0

// Package types has the pages with the secret types of a project.
package types

import (
	"bytes"
	"embed"
	"encoding/json"
	"net/http"
	"strings"

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
	Edition                                 int64  // that the person has seen
	Began                                   opened // what the form showed when it was opened
	Conflict                                *site.Conflict
	Error                                   *backend.Error
}

// opened is what a form showed when it was opened. The form sends it back.
type opened struct{ DisplayName, Description, Schema string }

func openedFrom(t backend.Object) opened {
	return opened{t.DisplayName, t.Description, indented(t.Schema)}
}

// formOf returns the form of a type as it is now.
func formOf(t backend.Object) form {
	o := openedFrom(t)
	return form{Type: t, Key: t.Name, DisplayName: o.DisplayName, Description: o.Description, SchemaIs: o.Schema,
		Edition: t.Edition, Began: o}
}

// Was returns the text of the hidden field of the form.
func (f form) Was() (string, error) {
	text, err := json.Marshal(f.Began)
	return string(text), err
}

// Other returns the error if it is about no field, and no conflict.
func (f form) Other() *backend.Error {
	if f.Conflict != nil {
		return nil
	}
	return f.Failed().Other()
}

// Failed returns the error for the fields of the form.
func (f form) Failed() site.FormError {
	return site.FormError{Error: f.Error,
		Fields: []string{"name", "key", "schema", "display_name", "description", "example"}}
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
	v := func(name string) string { return strings.ReplaceAll(q.R.PostFormValue(name), "\r\n", "\n") }
	f.DisplayName, f.Description, f.SchemaIs, f.Example = v("display_name"), v("description"), v("schema"), v("example")
	if f.New {
		f.Key = v("key")
		return
	}
	var was opened
	if json.Unmarshal([]byte(v("was")), &was) == nil {
		f.Began = was
	}
	if n := q.Seen("edition"); n != nil {
		f.Edition = *n
	}
}

// change returns the change that sets what was typed.
func (f *form) change(project string) (backend.Change, error) {
	c := backend.Change{Op: backend.OpCreate, Kind: backend.KindSecretType, Project: project, Name: f.Key}
	if !f.New {
		c = backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecretType, ID: f.Type.ID, Edition: &f.Edition}
	}
	if !json.Valid([]byte(f.SchemaIs)) {
		return c, backend.Errorf(backend.CodeInvalid, "invalid JSON").
			WithHint("the schema is a JSON Schema of the draft 2020-12").At("schema")
	}
	if f.DisplayName != f.Began.DisplayName {
		c.DisplayName = &f.DisplayName
	}
	if f.Description != f.Began.Description {
		c.Description = &f.Description
	}
	if f.New || !backend.EqualJSON(json.RawMessage(f.Began.Schema), json.RawMessage(f.SchemaIs)) {
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
	if len(got.Objects) == 0 && sent {
		return edit(q, form{New: true, Key: q.R.PathValue("key"), Error: backend.Errorf(backend.CodeNotFound,
			"somebody else has deleted or renamed the secret type, and nothing was saved").
			WithHint("what you typed is here: create it again, or go back to the list")}, true)
	}
	if len(got.Objects) == 0 {
		return backend.Errorf(backend.CodeNotFound, "secret type %s does not exist", backend.Quote(q.R.PathValue("key"))).
			WithHint("go back to the list")
	}
	return edit(q, formOf(got.Objects[0]), sent)
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
	switch {
	case f.Error != nil:
		status = http.StatusConflict
	case sent && q.R.PostFormValue(site.Restored) == "":
		c, err := f.change(place.Project.Name)
		if err == nil {
			err = f.save(q, place.Project.Name, c)
		}
		switch {
		case err == nil:
			return q.Redirect(place.Path("types", f.Key), "saved")
		case !site.IsUsers(err):
			return err
		}
		f.Error, status = backend.AsError(err), http.StatusUnprocessableEntity
		if err := f.look(q); err != nil {
			return err
		}
	}
	return q.RenderStatus(status, typePage, site.Page{Title: site.Text("types.title"), Section: "types", Place: place,
		Data: f})
}

// save makes the change, unless an example was typed that does not fit.
func (f form) save(q *site.Request, project string, c backend.Change) error {
	if strings.TrimSpace(f.Example) != "" {
		if isOfExample, err := f.try(q, project); isOfExample {
			return backend.AsError(err).At("example")
		}
	}
	_, err := q.Change(c)
	return err
}

// look finds out whether somebody else has changed the type since the form was opened. Then the fields that the person
// did not touch get what they are now.
func (f *form) look(q *site.Request) error {
	if f.New || f.Error.Code != backend.CodeConflict || f.Error.Attribute == site.SentBefore {
		return nil
	}
	now, err := q.Object(backend.KindSecretType, f.Type.ID)
	if err != nil || now.Edition == f.Edition {
		return err
	}
	shown := openedFrom(now)
	f.Conflict = &site.Conflict{Is: site.Text("edit.conflict.nowvalue", now.Name), At: now.UpdatedAt,
		Next: site.Text("edit.conflict.all")}
	var names []string
	for _, x := range []struct {
		label    string
		typed    *string
		was, now string
	}{{"types.display", &f.DisplayName, f.Began.DisplayName, shown.DisplayName},
		{"field.description", &f.Description, f.Began.Description, shown.Description},
		{"types.schema", &f.SchemaIs, f.Began.Schema, shown.Schema}} {
		if x.was == x.now {
			continue
		}
		names = append(names, site.Text(x.label))
		switch *x.typed {
		case x.was:
			*x.typed = x.now
		case x.now:
		default:
			f.Conflict.Theirs = append(f.Conflict.Theirs, site.Theirs{Label: site.Text(x.label), Text: x.now})
		}
	}
	f.Conflict.Changed = strings.Join(names, ", ")
	f.Type, f.Edition, f.Began = now, now.Edition, shown
	return nil
}

// check tries a schema without saving it, together with an example value, while they are typed.
func check(q *site.Request) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	f := form{New: true}
	f.read(q)
	p := site.Page{Place: place, Data: &backend.Error{}}
	if _, err := f.try(q, place.Project.Name); err != nil {
		p.Data = backend.AsError(err)
	}
	return q.RenderPart(typePage, "checked", p)
}

// triedKey is the key of a type that is tried, which no message shows.
const triedKey = "check_of_a_schema"

// try tries the schema and the example, and changes nothing. It reports whether an error is that the example does not
// fit.
func (f form) try(q *site.Request, project string) (isOfExample bool, err error) {
	f.New, f.Key = true, triedKey
	c, err := f.change(project)
	if err != nil {
		return false, err
	}
	set := backend.ChangeSet{DryRun: true, Changes: []backend.Change{c}}
	if f.Example != "" {
		set.Changes = append(set.Changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindSecret, Project: project,
			Environment: backend.AnyEnvironment, Name: "check_of_an_example", Type: &f.Key,
			Value: backend.PlaintextString(f.Example)})
	}
	out, err := q.Service.Apply(q.Context(), set)
	if err != nil {
		return false, err
	}
	for i, o := range out {
		if o.Err != nil {
			e := *o.Err
			e.Message = strings.Replace(e.Message, " of secret type "+backend.Quote(triedKey), "", 1)
			return i > 0 && e.Attribute == "value", &e
		}
	}
	return false, nil
}
