// SPDX-License-Identifier: MPL-2.0

// Package access has the pages that say who may do what and why, and that give and take away rights.
package access

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/web/grants"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed *.html
var files embed.FS

var (
	listPage   = site.NewTemplate(files, "access.html", "reasons.html")
	newPage    = site.NewTemplate(files, "binding.html")
	deletePage = site.NewTemplate(files, "delete.html")
)

// Register adds the pages.
func Register(s *site.Site) {
	s.Section("access")
	at := site.Root + "access"
	s.Handle("GET "+at, list)
	s.Handle("GET "+at+"/new", func(q *site.Request) error { return add(q, false) })
	s.Handle("POST "+at+"/new", func(q *site.Request) error { return add(q, true) })
	s.Handle("GET "+at+"/bindings/{id}/delete", func(q *site.Request) error { return remove(q, false) })
	s.Handle("POST "+at+"/bindings/{id}/delete", func(q *site.Request) error { return remove(q, true) })
}

// pageSize is how many reasons a page has.
const pageSize = 200

// question is what the page is asked: who has a right at a place, or what somebody has.
type question struct{ Right, At, Name, Who string }

// Asked reports whether the page is asked anything.
func (f question) Asked() bool { return f != question{} }

// Page returns the address of another page of the answer.
func (f question) Page(n int) string {
	v := url.Values{"page": {strconv.Itoa(n)}}
	for name, text := range map[string]string{"right": f.Right, "at": f.At, "name": f.Name, "who": f.Who} {
		if text != "" {
			v.Set(name, text)
		}
	}
	return "?" + v.Encode()
}

// answers is what the page shows.
type answers struct {
	question
	Rights   []backend.Right
	Places   []string
	Reasons  []access.Assignment
	Number   int // of the page, from 1
	Last     int // the number of the last page
	Bindings []backend.Object
	Groups   []backend.Object
	Roles    []backend.Object
	Error    *backend.Error
}

func list(q *site.Request) error {
	v := q.R.URL.Query()
	a := answers{Rights: backend.Rights, question: question{Right: v.Get("right"), At: v.Get("at"), Name: v.Get("name"),
		Who: strings.TrimSpace(v.Get("who"))}}
	all, _, err := grants.Read(q)
	if err != nil {
		return err
	}
	for kind, to := range map[backend.Kind]*[]backend.Object{backend.KindBinding: &a.Bindings,
		backend.KindGroup: &a.Groups, backend.KindRole: &a.Roles} {
		if *to, err = q.List(backend.Query{Kind: kind}); err != nil {
			return err
		}
	}
	if a.Places, err = grants.Places(q); err != nil {
		return err
	}
	if a.Reasons, err = a.answer(q, all); err != nil {
		if !site.IsUsers(err) {
			return err
		}
		a.Error = backend.AsError(err)
	}
	a.Last = max((len(a.Reasons)+pageSize-1)/pageSize, 1)
	a.Number = 1
	if n, err := strconv.Atoi(v.Get("page")); err == nil {
		a.Number = min(max(n, 1), a.Last)
	}
	a.Reasons = a.Reasons[(a.Number-1)*pageSize : min(a.Number*pageSize, len(a.Reasons))]
	return q.Render(listPage, site.Page{Title: site.Text("access.title"), Section: "access", Data: a})
}

// answer selects the reasons that the question asks for.
func (f question) answer(q *site.Request, all []access.Assignment) ([]access.Assignment, error) {
	at := backend.Place{Scope: backend.ProjectScope, Name: f.Name}
	if f.Right != "" && !slices.Contains(backend.Rights, backend.Right(f.Right)) {
		return nil, backend.Errorf(backend.CodeInvalid, "right %s is not valid", backend.Quote(f.Right)).
			WithHint("choose a right from the list")
	}
	if f.At != "" {
		var err error
		if at, err = placeOf(q, f.At); err != nil {
			return nil, err
		}
		at.Name = f.Name
	}
	return slices.DeleteFunc(all, func(a access.Assignment) bool {
		switch {
		case f.Who != "" && !strings.Contains(a.Token.Name, f.Who) && !strings.Contains(a.Group, f.Who):
			return true
		case f.Right != "" && !a.Has(backend.Right(f.Right)):
			return true
		}
		return f.At != "" && !slices.ContainsFunc(f.rights(a), func(r backend.Right) bool { return a.Meets(r, at) })
	}), nil
}

// rights returns the rights of an assignment that the question is about.
func (f question) rights(a access.Assignment) []backend.Right {
	if f.Right != "" {
		return []backend.Right{backend.Right(f.Right)}
	}
	return a.Grant.Rights
}

// placeOf returns the place that PROJECT or PROJECT/ENVIRONMENT names, with names instead of ids.
func placeOf(q *site.Request, text string) (backend.Place, error) {
	project, environment, _ := strings.Cut(text, "/")
	at := backend.Place{Project: project, Environment: environment, Scope: backend.ProjectScope}
	if environment == "" {
		at.Scope = ""
		known, err := q.Query(backend.Query{Kind: backend.KindProject, Name: project})
		if err == nil && len(known.Objects) == 0 {
			err = backend.Errorf(backend.CodeNotFound, "project %s does not exist", backend.Quote(project)).
				WithHint("choose a place from the list")
		}
		return at, err
	}
	all, err := q.List(backend.Query{Kind: backend.KindEnvironment, Project: project})
	if err != nil {
		return at, err
	}
	found := environment == backend.AnyEnvironment
	for _, e := range all {
		found = found || e.Name == environment
		at.Protected = at.Protected || e.Protected && (e.Name == environment || environment == backend.AnyEnvironment)
	}
	if !found {
		return at, backend.Errorf(backend.CodeNotFound, "environment %s does not exist in project %q",
			backend.Quote(environment), project).WithHint("choose a place from the list")
	}
	return at, nil
}

// binding is what the form of a new binding shows, and its review.
type binding struct {
	Name, To, Role, At, Names, Description string
	Principals                             []string // tokens without a role, and groups
	Roles                                  []backend.Object
	Places                                 []string
	Review                                 *review
	Asks                                   bool // the credential is asked for again
	Error                                  *backend.Error
}

// review is what a binding gives, before it is made.
type review struct {
	Rights    []backend.Right
	Members   []string // of the group
	Protected bool     // the environment
	Entries   []backend.Object
	Total     int
	Where     string
}

// Seen returns what a binding gives as a short text, which the form sends back: the role or the group can change before
// the person decides.
func (r review) Seen() (string, error) {
	text, err := json.Marshal([]any{r.Rights, r.Members, r.Protected, r.Where})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

func (b *binding) grant() backend.Grant {
	project, environment, _ := strings.Cut(b.At, "/")
	return backend.Grant{Role: b.Role, To: b.To, Where: backend.Where{Project: project, Environment: environment,
		Names: b.Names}}
}

// add shows the form of a binding, then its review, and makes it.
func add(q *site.Request, sent bool) error {
	b := &binding{To: q.R.URL.Query().Get("to"), At: q.R.URL.Query().Get("at"), Role: string(backend.RoleViewer)}
	if err := b.load(q); err != nil {
		return err
	}
	p := site.Page{Title: site.Text("access.add"), Section: "access", Data: b}
	if !sent {
		return q.Render(newPage, p)
	}
	v := func(name string) string { return strings.TrimSpace(q.R.PostFormValue(name)) }
	b.Name, b.To, b.Role, b.At, b.Names, b.Description = v("name"), v("to"), v("role"), v("at"), v("names"),
		v("description")
	g := b.grant()
	c := backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: b.Name, Grant: &g}
	if b.Description != "" {
		c.Description = &b.Description
	}
	made, err := b.send(q, c)
	switch {
	case made:
		return q.Redirect(site.Root+"access", "created")
	case b.Asks && err == nil:
		return q.RenderStatus(site.StatusOfConfirmation(b.refused()), newPage, p)
	case err == nil && b.Error != nil:
		return q.RenderStatus(http.StatusConflict, newPage, p)
	case err == nil:
		return q.Render(newPage, p)
	case !site.IsUsers(err):
		return err
	}
	b.Error, b.Review = backend.AsError(err), nil
	return q.RenderStatus(422, newPage, p)
}

// send makes the binding if its review was seen as it is now. Otherwise it tries the change, and reviews it.
func (b *binding) send(q *site.Request, c backend.Change) (made bool, err error) {
	seen := q.R.PostFormValue("seen")
	if q.R.PostFormValue("do") != "create" || q.R.PostFormValue(site.Restored) != "" || seen == "" {
		out, err := q.Apply(backend.ChangeSet{DryRun: true, Changes: []backend.Change{c}})
		if err == nil && out[0].Err != nil {
			err = out[0].Err
		}
		if err != nil {
			return false, err
		}
		return false, b.look(q)
	}
	if err := b.look(q); err != nil {
		return false, err
	}
	if now, err := b.Review.Seen(); err != nil || now != seen {
		b.Error = backend.Errorf(backend.CodeConflict, "%s", site.Text("conflict.changed")).
			WithHint("%s", site.Text("conflict.look"))
		return false, err
	}
	// It gives rights, as the creation of a token does.
	confirmed, err := q.IsConfirmed()
	if confirmed {
		_, err := q.Change(c)
		return err == nil, err
	}
	if b.Asks = true; err != nil {
		b.Error = backend.AsError(err)
	}
	return false, nil
}

// Failed returns the error for the fields of the form.
func (b *binding) Failed() site.FormError {
	return site.FormError{Error: b.Error, Fields: []string{"name", "grant", "grant.to", "grant.role", "grant.names",
		"project", "environment", "grant.project", "grant.environment", "description"}}
}

// refused returns why the credential was refused; nil if none was given.
func (b *binding) refused() error {
	if b.Error == nil {
		return nil
	}
	return b.Error
}

// load reads what the form offers.
func (b *binding) load(q *site.Request) error {
	var err error
	if b.Principals, err = grants.Principals(q); err != nil {
		return err
	}
	if b.Roles, err = q.List(backend.Query{Kind: backend.KindRole}); err != nil {
		return err
	}
	b.Places, err = grants.Places(q)
	return err
}

// mostReviewed is how many entries a review names.
const mostReviewed = 10

// look fills the review: the rights, who gets them, and the entries that they are for now.
func (b *binding) look(q *site.Request) error {
	r := &review{Where: grants.Where(b.grant().Where)}
	for _, role := range b.Roles {
		if role.Name == b.Role {
			r.Rights = role.Rights
		}
	}
	if name, ok := strings.CutPrefix(b.To, backend.ToGroup); ok {
		got, err := q.Query(backend.Query{Kind: backend.KindGroup, Name: name})
		if err != nil {
			return err
		}
		for _, g := range got.Objects {
			r.Members = g.Members
		}
	}
	project, environment, ok := strings.Cut(b.At, "/")
	if ok {
		at, err := placeOf(q, b.At)
		if err != nil {
			return err
		}
		r.Protected = at.Protected
		all, err := q.List(backend.Query{Kind: backend.KindSecret, Project: project, Environment: environment})
		if err != nil {
			return err
		}
		given := access.Grant{Rights: r.Rights, Where: b.grant().Where}
		for _, o := range all {
			at.Name, at.Scope = o.Name, o.Scope
			if access.DecideSome([]access.Grant{given}, backend.RightSee, at) {
				if r.Total++; r.Total <= mostReviewed {
					r.Entries = append(r.Entries, o)
				}
			}
		}
	}
	b.Review = r
	return nil
}

// removal is what the page to delete a binding shows.
type removal struct {
	Binding backend.Object
	Rights  []backend.Right
	Members []string
	// Left are the other reasons why those who lose the rights have rights.
	Left  []access.Assignment
	Error *backend.Error
}

// remove shows what the deletion of a binding takes away, and deletes it.
func remove(q *site.Request, sent bool) error {
	var failed error
	if sent { // at first, because a form that is sent twice has deleted the binding
		if q.Seen("edition") == nil {
			return site.Incomplete()
		}
		_, failed = q.Change(backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, ID: q.R.PathValue("id"),
			Edition: q.Seen("edition")})
		if failed == nil {
			return q.Redirect(site.Root+"access", "deleted")
		}
		if !site.IsUsers(failed) {
			return failed
		}
	}
	got, err := q.Query(backend.Query{Kind: backend.KindBinding, ID: q.R.PathValue("id")})
	if err != nil {
		return err
	}
	if len(got.Objects) == 0 {
		return backend.Errorf(backend.CodeNotFound, "the binding does not exist").WithHint("go back to the list")
	}
	d := removal{Binding: got.Objects[0]}
	p := site.Page{Title: site.Text("delete.title", d.Binding.Name), Section: "access"}
	if failed != nil {
		d.Error = site.ChangedMeanwhile(failed, q.Seen("edition"), d.Binding.Edition)
	}
	if err := d.look(q); err != nil {
		return err
	}
	p.Data = d
	status := 200
	if d.Error != nil {
		status = 422
	}
	return q.RenderStatus(status, deletePage, p)
}

// look finds who loses which rights, and what else gives them rights.
func (d *removal) look(q *site.Request) error {
	all, _, err := grants.Read(q)
	if err != nil {
		return err
	}
	losers := map[string]bool{}
	for _, a := range all {
		if a.Binding == d.Binding.Name {
			d.Rights = a.Grant.Rights
			losers[a.Token.ID] = true
			if a.Group != "" {
				d.Members = append(d.Members, a.Token.Name)
			}
		}
	}
	for _, a := range all {
		if losers[a.Token.ID] && a.Binding != d.Binding.Name {
			d.Left = append(d.Left, a)
		}
	}
	slices.SortFunc(d.Left, func(a, b access.Assignment) int {
		return cmp.Or(strings.Compare(a.Token.Name, b.Token.Name), strings.Compare(a.Binding, b.Binding))
	})
	return nil
}
