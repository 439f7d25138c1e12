// SPDX-License-Identifier: MPL-2.0

package tokens

import (
	"errors"
	"net/http"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/grants"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// removal is what the page to delete a token shows.
type removal struct {
	token
	Own   bool // the person has signed in with this token
	Typed string
	Wrong bool // the typed name is not the name
	Error *backend.Error
}

// remove shows what ends with a token, and deletes it if its name was typed.
func remove(q *site.Request, sent bool) error {
	id := q.R.PathValue("id")
	d, err := removalOf(q, id)
	if errors.Is(err, backend.ErrNotFound) && sent && q.R.PostFormValue("name") != "" && backend.IsID(id) {
		// A form that is sent twice: the first time may have deleted the token.
		if send(q, id) == nil {
			return q.Redirect(site.Root+"tokens", "deleted")
		}
	}
	if err != nil {
		return err
	}
	p := site.Page{Title: site.Text("delete.title", d.Name), Section: "tokens"}
	if !sent {
		p.Data = d
		return q.Render(deletePage, p)
	}
	d.Typed = q.R.PostFormValue("name")
	if d.Wrong = d.Typed != d.Name; !d.Wrong {
		switch err := send(q, id); {
		case err == nil:
			return q.Redirect(site.Root+"tokens", "deleted")
		case !site.IsUsers(err):
			return err
		default:
			d.Error = backend.AsError(err)
		}
	}
	p.Data = d
	return q.RenderStatus(http.StatusUnprocessableEntity, deletePage, p)
}

func send(q *site.Request, id string) error {
	_, err := q.Change(backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, ID: id})
	return err
}

// removalOf returns the token with an id, with its rights.
func removalOf(q *site.Request, id string) (removal, error) {
	assignments, tokens, err := grants.Read(q)
	if err != nil {
		return removal{}, err
	}
	for _, t := range tokens {
		if t.ID == id {
			return removal{token: token{t, grants.Of(assignments, t.ID)}, Own: q.Principal.ID == id}, nil
		}
	}
	return removal{}, backend.Errorf(backend.CodeNotFound, "the token does not exist").WithHint("go back to the list")
}
