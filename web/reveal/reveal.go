// SPDX-License-Identifier: MPL-2.0

// Package reveal shows the value of a secret to a person, for a moment.
package reveal

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/json"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed reveal.html
var files embed.FS

var page = site.NewTemplate(files, "reveal.html")

// Seconds is how long a value is shown.
const Seconds = 30

// Register adds the page.
func Register(s *site.Site) {
	s.Handle("POST "+site.Root+"p/{project}/secret/{id}/reveal", show)
	s.Handle("GET "+site.Root+"p/{project}/secret/{id}/reveal", back)
}

// copies is the field do of a form that copies the value without showing it.
const copies = "copy"

// shown is what the page shows. Without a value it asks for the credential.
type shown struct {
	Secret  backend.Object
	Value   string
	Asks    bool
	Copies  bool // the person wants to copy the value, and not to see it
	Binary  bool // the value is in base64
	Seconds int
	Error   *backend.Error
	Back    string
}

// back leads who reloads the page of a value, or presses Enter in the address, to the page of the secret.
func back(q *site.Request) error {
	o, err := q.Object(backend.KindSecret, q.R.PathValue("id"))
	if err != nil {
		return err
	}
	return q.Redirect(site.EntryPath(o), "")
}

func show(q *site.Request) error {
	o, err := q.Object(backend.KindSecret, q.R.PathValue("id"))
	if err != nil {
		return err
	}
	place, err := q.Place()
	if err != nil {
		return err
	}
	place.Environment = o.Environment
	d := shown{Secret: o, Seconds: Seconds, Back: site.EntryPath(o), Copies: q.R.PostFormValue("do") == copies}
	asJSON := q.R.Header.Get("Accept") == "application/json"
	p := site.Page{Title: site.Text("reveal.title", o.Name), Section: "entries", Place: place}
	confirmed, err := q.IsConfirmed()
	if !confirmed {
		d.Asks = true
		if err != nil {
			d.Error = backend.AsError(err)
		}
		p.Data = d
		return q.RenderStatus(site.StatusOfConfirmation(err), page, p)
	}
	if d.Copies && !asJSON && q.MayReveal(place, o) && o.Visibility != backend.Restricted {
		// A page cannot copy by itself, and must not show the value instead.
		return q.Redirect(d.Back, "confirmed")
	}
	value, err := valueOf(q, o)
	if err == nil && d.Copies && !asJSON {
		err = backend.Errorf(backend.CodeDenied, "permission denied") // the rights have changed meanwhile
	}
	if err != nil {
		return err
	}
	q.NotCompressed()
	d.Value, d.Binary = text(value, !d.Copies)
	if asJSON {
		q.W.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(q.W).Encode(map[string]any{"value": d.Value, "seconds": d.Seconds, "binary": d.Binary})
	}
	// Without JavaScript, the header leaves the page after its time.
	q.W.Header().Set("Refresh", "30; url="+q.URL(d.Back))
	p.Data = d
	return q.Render(page, p)
}

// valueOf resolves the value of a secret, for a person.
func valueOf(q *site.Request, o backend.Object) (backend.Resolution, error) {
	ref, err := backend.RevealRef(q.Context(), q.Service, o)
	if err != nil {
		return backend.Resolution{}, err
	}
	got, err := q.Service.Resolve(q.Context(), []backend.Ref{ref})
	switch {
	case err != nil:
		return backend.Resolution{}, err
	case got[0].Err != nil:
		return backend.Resolution{}, got[0].Err
	case got[0].ID != o.ID:
		return backend.Resolution{}, backend.Errorf(backend.CodeConflict, "secret %s was replaced by another one",
			backend.Quote(o.Name)).WithHint("go back to the list")
	}
	return got[0], nil
}

// text returns a value as text. A binary value is in base64, and JSON is indented if a person is to read it.
func text(r backend.Resolution, indent bool) (value string, binary bool) {
	raw := r.Value.Expose()
	if !utf8.Valid(raw) {
		return base64.StdEncoding.EncodeToString(raw), true
	}
	var indented bytes.Buffer
	if indent && r.JSON && json.Indent(&indented, raw, "", "  ") == nil {
		return indented.String(), false
	}
	return string(raw), false
}
