// SPDX-License-Identifier: MPL-2.0

// Package tokens has the page with the tokens of a server, and the one that deletes a token.
package tokens

import (
	"cmp"
	"embed"
	"net/http"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/web/grants"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed *.html
var files embed.FS

var (
	page       = site.NewTemplate(files, "tokens.html")
	deletePage = site.NewTemplate(files, "delete.html")
)

// Register adds the pages.
func Register(s *site.Site) {
	s.Section("tokens")
	at := site.Root + "tokens"
	s.Handle("GET "+at, func(q *site.Request) error { return show(q, list{}) })
	s.Handle("POST "+at, add)
	s.Handle("GET "+at+"/{id}/delete", func(q *site.Request) error { return remove(q, false) })
	s.Handle("POST "+at+"/{id}/delete", func(q *site.Request) error { return remove(q, true) })
}

// list is what the page shows.
type list struct {
	Tokens                      []token
	Roles                       []backend.Role
	Places                      []string // PROJECT or PROJECT/ENVIRONMENT, for a token with one role at one place
	Name, Role, For, End, Where string   // what was typed
	Session                     bool     // the person has signed in at an issuer, and creates no tokens
	Asks                        bool     // the credential is asked for again
	Status                      int      // of the answer; 0 for the status of the error
	New                         string   // the token that was created: it is shown once
	Error                       *backend.Error
}

// Failed returns the error for the fields of the form.
func (l list) Failed() site.FormError {
	return site.FormError{Error: l.Error, Fields: []string{"name", "role", "principal", "expires_at", "project",
		"environment", "grant.project", "grant.environment"}}
}

// token is a token with its rights, as ROLE@PROJECT/ENVIRONMENT.
type token struct {
	backend.Object
	Rights []string
}

func show(q *site.Request, l list) error {
	if l.Role == "" {
		l.Role = string(backend.RoleViewer) // the one with the fewest rights
	}
	if err := l.load(q); err != nil {
		return err
	}
	status := http.StatusOK
	if l.Error != nil || l.Asks {
		status = cmp.Or(l.Status, http.StatusUnprocessableEntity)
	}
	if l.New != "" {
		q.NotCompressed()
	}
	return q.RenderStatus(status, page, site.Page{Title: site.Text("nav.tokens"), Section: "tokens", Data: l})
}

// load reads the tokens with their rights, and what the form offers.
func (l *list) load(q *site.Request) error {
	assignments, tokens, err := grants.Read(q)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		l.Tokens = append(l.Tokens, token{t, grants.Of(assignments, t.ID)})
	}
	for _, r := range backend.Roles {
		if r != backend.RoleNone { // such a token could do nothing
			l.Roles = append(l.Roles, r)
		}
	}
	l.Session = q.Principal.Trust != ""
	l.Places, err = grants.Places(q)
	return err
}

// add creates a token.
func add(q *site.Request) error {
	l := list{Name: strings.TrimSpace(q.R.PostFormValue("name")), Role: q.R.PostFormValue("role"),
		For: q.R.PostFormValue("for"), End: q.R.PostFormValue("end"), Where: q.R.PostFormValue("where")}
	if q.R.PostFormValue(site.Restored) != "" {
		return show(q, l)
	}
	confirmed, err := q.IsConfirmed()
	if !confirmed {
		l.Asks, l.Status = true, site.StatusOfConfirmation(err)
		if err != nil {
			l.Error = backend.AsError(err)
		}
		return show(q, l)
	}
	if err := l.create(q); err != nil {
		if !site.IsUsers(err) {
			return err
		}
		l.Error = backend.AsError(err)
		if l.Error.Code == backend.CodeExists {
			// The form may have been sent twice, and then the first answer had the token.
			l.Error.Hint = site.Text("tokens.exists")
		}
	}
	return show(q, l)
}

// create creates the token that the form describes.
func (l *list) create(q *site.Request) error {
	role, kind := backend.Role(l.Role), backend.PrincipalKind(l.For)
	token, hash := access.NewToken()
	c := backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: l.Name, Role: &role, Principal: &kind,
		TokenHash: hash}
	if l.End != "" {
		at, err := time.Parse(time.DateOnly, l.End)
		if err != nil {
			return backend.Errorf(backend.CodeInvalid, "the date is not valid").WithHint("write it as 2027-01-31").
				At("expires_at")
		}
		c.ExpiresAt = &at
	}
	changes := []backend.Change{c}
	if l.Where != "" {
		none := backend.RoleNone
		changes[0].Role = &none
		project, environment, _ := strings.Cut(l.Where, "/")
		changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: l.Name + "-1",
			Grant: &backend.Grant{Role: l.Role, To: backend.ToToken + l.Name,
				Where: backend.Where{Project: project, Environment: environment}}})
	}
	// Without the id of the form: each attempt has another token, and two of them must not be taken for one.
	_, err := q.Service.Apply(q.Context(), backend.ChangeSet{Changes: changes})
	if err == nil {
		l.New = token
	}
	return err
}
