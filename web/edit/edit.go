// SPDX-License-Identifier: MPL-2.0

// Package edit has the forms that create and change secrets and scoped values.
package edit

import (
	"embed"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/entry"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed *.html
var files embed.FS

var (
	secretPage = site.NewTemplate(files, "secret.html", "parts.html")
	valuePage  = site.NewTemplate(files, "value.html", "parts.html")
)

// Register adds the pages.
func Register(s *site.Site) {
	in := site.Root + "p/{project}/e/{environment}/"
	s.Handle("GET "+in+"new", func(q *site.Request) error { return newSecret(q, false) })
	s.Handle("POST "+in+"new", func(q *site.Request) error { return newSecret(q, true) })
	s.Handle("GET "+in+"new-value", func(q *site.Request) error { return newValue(q, false) })
	s.Handle("POST "+in+"new-value", func(q *site.Request) error { return newValue(q, true) })
	at := site.Root + "p/{project}/"
	s.Handle("GET "+at+"secret/{id}/edit", func(q *site.Request) error { return editSecret(q, false) })
	s.Handle("POST "+at+"secret/{id}/edit", func(q *site.Request) error { return editSecret(q, true) })
	s.Handle("POST "+at+"check", check)
	s.Handle("GET "+at+"value/{id}/edit", func(q *site.Request) error { return editValue(q, false) })
	s.Handle("POST "+at+"value/{id}/edit", func(q *site.Request) error { return editValue(q, true) })
}

// form is what a form shows: what was typed or, at first, what the entry has. It never holds a value.
type form struct {
	New                             bool
	Entry                           backend.Object
	Action, Back                    string
	Name, Scope, Type, Description  string
	Visibility, Expires, Rotation   string
	Note, Draft, Labels             string
	Drafted                         string // the change that others have put into the draft, as the person has seen it
	Protected                       bool
	Edition                         int64
	KeyIsFixed                      bool
	Types, Drafts                   []backend.Object
	Fields                          []field // of the type; none for one text
	Error                           *backend.Error
	Conflict                        *site.Conflict
	Opened                          *opened // what the form began with; nil if that is the entry as it is now
	Uses                            []backend.Object
	MoreUses                        string // than these; "" for none
	Environment                     string
	JSON, LinkSecret, LinkField, As string // of a scoped value
	Secrets                         []backend.Object
}

// At returns the message of the error if it is about an attribute.
func (f form) At(attribute string) string {
	if f.Error != nil && f.Error.Attribute == attribute {
		return f.Error.Error()
	}
	return ""
}

// shownAt are the attributes whose errors the forms show at a field.
var shownAt = []string{"name", "value", "type", "description", "expires_at", "rotation_days", "scope", "note", "json",
	"link", "draft", "visibility", "labels"}

// Other returns the error if it is about no field.
func (f form) Other() *backend.Error {
	if f.Error == nil || f.Conflict != nil {
		return nil
	}
	if slices.Contains(shownAt, f.Error.Attribute) || strings.HasPrefix(f.Error.Attribute, ofField) {
		return nil
	}
	return f.Error
}

func newSecret(q *site.Request, sent bool) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	f := newForm(q, place)
	if err := f.prepare(q, place); err != nil {
		return err
	}
	title := site.Text("edit.new")
	if sent {
		f.read(q)
	}
	if !sent || onlyShows(q) {
		return q.Render(secretPage, site.Page{Title: title, Section: "entries", Place: place, Data: f})
	}
	c := backend.Change{Op: backend.OpCreate, Kind: backend.KindSecret, Project: place.Project.Name,
		Environment: place.Environment, Scope: f.Scope, Name: f.Name}
	out, err := f.send(q, &c)
	if err != nil {
		return f.again(q, err, secretPage, site.Page{Title: title, Section: "entries", Place: place})
	}
	return f.done(q, place, out, "created")
}

// newForm returns the form of a new secret.
func newForm(q *site.Request, place *site.Place) form {
	f := form{New: true, Action: place.In("new"), Back: place.In(), Environment: place.Environment,
		Scope: backend.ProjectScope, Type: q.R.FormValue("type"), Name: q.R.URL.Query().Get("name")}
	if p := place.Project.Policy; p != nil {
		f.Visibility = string(p.DefaultVisibility)
	}
	return f
}

// gone answers a form whose entry somebody else has deleted: with the form of a new one, and with what was typed.
func gone(q *site.Request, kind backend.Kind) error {
	q.R.SetPathValue("environment", q.R.PostFormValue("environment"))
	place, err := q.Place()
	if err != nil {
		return err
	}
	f, page, title := newForm(q, place), secretPage, site.Text("edit.new")
	if kind == backend.KindScopedValue {
		f.Action, page, title = place.In("new-value"), valuePage, site.Text("value.new")
		err = f.prepareValue(q, place)
	} else {
		err = f.prepare(q, place)
	}
	if err != nil {
		return err
	}
	f.read(q)
	f.Error = backend.Errorf(backend.CodeNotFound, "somebody else has deleted the %s, and nothing was saved", kind).
		WithHint("what you typed is here, except the value: create it again, or restore it from the page Deleted")
	return q.RenderStatus(http.StatusConflict, page, site.Page{Title: title, Section: "entries", Place: place, Data: f})
}

// onlyShows reports whether a form that was sent is to be shown again, with what was typed: another type was chosen, or
// the session had ended.
func onlyShows(q *site.Request) bool {
	return q.R.PostFormValue("do") == "type" || q.R.PostFormValue(site.Restored) != ""
}

// prepare reads what the choices of a form are.
func (f *form) prepare(q *site.Request, place *site.Place) error {
	var err error
	if f.Types, err = q.List(backend.Query{Kind: backend.KindSecretType, Project: place.Project.Name}); err != nil {
		return err
	}
	for _, t := range f.Types {
		if t.Name == f.Type {
			f.Fields = fieldsOf(t.Schema)
		}
	}
	f.Drafts, err = q.List(backend.Query{Kind: backend.KindDraft, Project: place.Project.Name})
	return err
}

// read takes over what was typed, except the value.
func (f *form) read(q *site.Request) {
	v := func(name string) string { return strings.ReplaceAll(q.R.PostFormValue(name), "\r\n", "\n") }
	if f.New {
		f.Scope = v("scope")
		if f.Scope == "" {
			f.Scope = backend.ProjectScope
		}
	}
	if !f.KeyIsFixed {
		f.Name = v("name")
	}
	f.Description, f.Visibility, f.Expires = v("description"), v("visibility"), v("expires")
	f.Labels = v("labels")
	f.Rotation, f.Note, f.Protected = v("rotation"), v("note"), v("protected") != ""
	f.Draft = strings.TrimSpace(v("draft"))
	f.JSON, f.LinkSecret, f.LinkField, f.As = v("json"), v("secret"), v("field"), v("as")
	for i := range f.Fields {
		if n := &f.Fields[i]; !n.Secret {
			n.Typed = v(ofField + n.Name)
		}
	}
	if n, err := strconv.ParseInt(v("edition"), 10, 64); err == nil {
		f.Edition = n
	}
}

// send makes the change of a form. It sets only what differs from what the form began with, so that a form that is sent
// twice asks for the same change.
func (f *form) send(q *site.Request, c *backend.Change) (backend.Outcome, error) {
	was := f.began()
	if f.New || !isSame(f.Description, was.Description) {
		c.Description = &f.Description
	}
	if f.Type != was.Type {
		c.Type = &f.Type
	}
	if f.Visibility != "" && f.Visibility != was.Visibility {
		v := backend.Visibility(f.Visibility)
		c.Visibility = &v
	}
	if f.Protected != was.Protected {
		c.Protected = &f.Protected
	}
	if f.Note != "" {
		c.Note = &f.Note
	}
	if f.Expires != was.Expires {
		at := time.Time{}
		if f.Expires != "" {
			var err error
			if at, err = time.Parse(time.DateOnly, f.Expires); err != nil {
				return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "the date is not valid").
					WithHint("write it as 2027-01-31").At("expires_at")
			}
		}
		c.ExpiresAt = &at
	}
	if f.Rotation != was.Rotation {
		days := 0
		if f.Rotation != "" {
			var err error
			if days, err = strconv.Atoi(strings.TrimSpace(f.Rotation)); err != nil {
				return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "the number of days is not valid").
					WithHint("write a whole number, or leave the field empty").At("rotation_days")
			}
		}
		c.RotationDays = &days
	}
	if err := f.setLabels(c); err != nil {
		return backend.Outcome{}, err
	}
	if err := f.setValue(q, c); err != nil {
		return backend.Outcome{}, err
	}
	return f.apply(q, *c)
}

// apply makes a change, or adds it to the draft.
func (f *form) apply(q *site.Request, c backend.Change) (backend.Outcome, error) {
	if !f.New && !changes(c) {
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "No changes to save")
	}
	if f.Draft != "" && !f.New {
		q.Staging(&c, f.Draft)
	}
	out, err := q.Apply(backend.ChangeSet{Changes: []backend.Change{c}, Draft: f.Draft})
	if err != nil {
		f.Drafted, err = q.StagedByOthers(f.Entry, f.Draft, err)
		return backend.Outcome{}, err
	}
	return out[0], nil
}

// changes reports whether a change sets anything.
func changes(c backend.Change) bool {
	if c.Rename != nil || !c.Value.IsZero() || c.Generate != nil {
		return true
	}
	for _, a := range backend.AttributeTable {
		if a.Name != "note" && a.Given(&c) {
			return true
		}
	}
	return false
}

// setLabels sets the labels if others were typed.
func (f *form) setLabels(c *backend.Change) error {
	if isSame(f.Labels, f.began().Labels) {
		return nil
	}
	labels, err := labelsOf(f.Labels)
	if err != nil {
		return err
	}
	c.Labels = labels
	return nil
}

// setValue sets the value of a secret from its field, or from the fields of its type.
func (f *form) setValue(q *site.Request, c *backend.Change) error {
	if q.R.PostFormValue("generate") != "" {
		c.Generate = &backend.Generate{}
		for name, typed := range q.R.PostForm {
			isValue := name == "value" || strings.HasPrefix(name, ofField)
			if isValue && strings.Join(typed, "") != "" {
				return backend.Errorf(backend.CodeInvalid, "a value was typed, and one is to be generated").
					WithHint("leave the value empty, or do not generate one").At("value")
			}
		}
		return nil
	}
	if len(f.Fields) > 0 && q.R.PostFormValue("raw") == "" {
		value, given, err := valueOf(f.Fields, q.R.PostFormValue)
		for i := range f.Fields {
			n := &f.Fields[i]
			n.Missing = (given || f.New) && n.Required && q.R.PostFormValue(ofField+n.Name) == ""
		}
		if err != nil || !given {
			return err
		}
		c.Value = backend.NewPlaintext(value)
		return nil
	}
	// Browsers send the end of a line as CR LF, whatever was typed.
	if typed := strings.ReplaceAll(q.R.PostFormValue("value"), "\r\n", "\n"); typed != "" {
		c.Value = backend.PlaintextString(typed)
	}
	return nil
}

// again shows the form again with an error, and with what was typed except the value.
func (f form) again(q *site.Request, err error, t site.Template, p site.Page) error {
	if !site.IsUsers(err) {
		return err
	}
	f.Error = backend.AsError(err)
	ofForm := f.Error.Attribute == site.SentBefore || f.Error.Attribute == site.Drafted
	if f.Error.Code == backend.CodeConflict && !ofForm && !f.New {
		now, err := q.Object(f.Entry.Kind, f.Entry.ID)
		if err != nil {
			return err
		}
		was := f.began()
		f.Entry, f.Edition, f.Opened = now, now.Edition, nil
		f.keepPresent(was)
		f.Conflict = f.conflict(was)
	}
	p.Data = f
	return q.RenderStatus(http.StatusUnprocessableEntity, t, p)
}

func (f form) done(q *site.Request, place *site.Place, out backend.Outcome, done string) error {
	if f.Draft != "" {
		return q.Redirect(place.Path("drafts", f.Draft), "staged")
	}
	if len(out.SameValue) > 0 {
		done = "samevalue"
	}
	return q.Redirect(site.EntryPath(out.Object), done)
}

func editSecret(q *site.Request, sent bool) error {
	o, err := q.Object(backend.KindSecret, q.R.PathValue("id"))
	if errors.Is(err, backend.ErrNotFound) && sent {
		return gone(q, backend.KindSecret)
	}
	if err != nil {
		return err
	}
	place, err := q.Place()
	if err != nil {
		return err
	}
	place.Environment = o.Environment
	f := form{Entry: o, Action: site.EntryPath(o, "edit"), Back: site.EntryPath(o), Name: o.Name, Scope: o.Scope,
		Type: o.Type, Description: o.Description, Visibility: string(o.Visibility), Expires: dateOf(o.ExpiresAt),
		Rotation: rotationOf(o), Labels: labelsText(o.Labels), Protected: o.Protected, Edition: o.Edition,
		Environment: o.Environment,
		KeyIsFixed:  place.Project.Policy != nil && place.Project.Policy.ImmutableNames}
	if q.R.Form.Has("type") || q.R.URL.Query().Has("type") || q.R.PostFormValue("form") != "" {
		f.Type = q.R.FormValue("type")
	}
	if sent && f.Type == f.wasOpened(q).Type {
		f.Type = o.Type // somebody else may have changed it: then the fields of the present one are shown
	}
	if err := f.prepare(q, place); err != nil {
		return err
	}
	if f.Uses, f.MoreUses, err = entry.Uses(q, o, ""); err != nil {
		return err
	}
	p := site.Page{Title: site.Text("edit.title", o.Name), Section: "entries", Place: place, Data: f}
	if !sent {
		return q.Render(secretPage, p)
	}
	return f.save(q, place, secretPage, p, (*form).send)
}

// save makes the change of a form that was opened for an entry, and answers.
func (f form) save(
	q *site.Request, place *site.Place, t site.Template, p site.Page,
	send func(*form, *site.Request, *backend.Change) (backend.Outcome, error),
) error {
	f.read(q)
	was := f.wasOpened(q)
	f.Opened = &was
	if onlyShows(q) {
		p.Data = f
		return q.Render(t, p)
	}
	c := backend.Change{Op: backend.OpUpdate, Kind: f.Entry.Kind, ID: f.Entry.ID, Edition: &f.Edition}
	if !f.KeyIsFixed && f.Name != was.Name {
		c.Rename = &f.Name
	}
	out, err := send(&f, q, &c)
	if err != nil {
		return f.again(q, err, t, p)
	}
	return f.done(q, place, out, "saved")
}

func dateOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

func rotationOf(o backend.Object) string {
	if o.RotationDays == 0 {
		return ""
	}
	return strconv.Itoa(o.RotationDays)
}
