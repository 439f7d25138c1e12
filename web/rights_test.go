// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// recorder is an audit log that a test can read, and that can fail.
type recorder struct {
	next  *audit.Log
	lines []string
	fails error
}

var _ site.Audit = (*recorder)(nil)

func (r *recorder) SignedIn(ctx context.Context) error {
	p, _ := backend.PrincipalFrom(ctx)
	r.lines = append(r.lines, "ok "+p.Name+" "+backend.OriginFrom(ctx).Address)
	if r.fails != nil {
		return r.fails
	}
	return r.next.SignedIn(ctx)
}

func (r *recorder) Refused(ctx context.Context, verb backend.Verb, err error) {
	p, _ := backend.PrincipalFrom(ctx)
	r.lines = append(r.lines, string(verb)+" refused "+p.Name+" "+backend.OriginFrom(ctx).Address)
	r.next.Refused(ctx, verb, err)
}

// TestSignInsAreRecorded signs in, fails to, and fails to confirm a session.
func TestSignInsAreRecorded(t *testing.T) {
	d, _ := newServers(t)
	token, _ := d.newToken("ada", backend.RoleAdmin, backend.Person)
	d.post("/ui/sign-in", url.Values{"code": {"pnct_wrong"}}).is(t, 401)
	d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200)
	d.now = d.now.Add(11 * time.Minute)
	o := d.object(backend.KindSecret, "db_password")
	d.post(d.path(o, "/reveal"), url.Values{"code": {"pnct_wrong"}}).is(t, 401)
	want := []string{"sign-in refused  127.0.0.1", "ok ada 127.0.0.1", "sign-in refused ada 127.0.0.1"}
	if !slices.Equal(d.audit.lines, want) {
		t.Errorf("the records are %q", d.audit.lines)
	}
	// Without the record nobody gets a session.
	d.browser, d.base = newBrowser(), ""
	d.audit.fails = backend.Errorf(backend.CodeUnavailable, "the audit log cannot be written")
	d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 503, "cannot be written")
	d.get("/ui/p/default/e/dev").is(t, 200, "Sign in").lacks(t, "db_password")
	if errors.Is(d.audit.fails, backend.ErrDenied) {
		t.Fatal("not this error")
	}
}

// bind gives a token a role at a place.
func bind(name, role, token string, where backend.Where) backend.Change {
	return backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: name,
		Grant: &backend.Grant{Role: role, To: backend.ToToken + token, Where: where}}
}

// TestEachRoleSeesOnlyWhatItMay compares the buttons of a page with the rights of the person there.
func TestEachRoleSeesOnlyWhatItMay(t *testing.T) {
	d, _ := newServers(t)
	protected := environment("prod")
	protected.Protected = ptr(true)
	d.must(protected, secret("dev", "web_key", canary), secret("prod", "db_password", canary))
	d.newToken("root", backend.RoleAdmin, backend.Person)
	inDev := backend.Where{Project: "default", Environment: "dev"}
	tokens := map[string]string{}
	for _, role := range []backend.Role{backend.RoleAdmin, backend.RoleEditor, backend.RoleRevealer, backend.RoleViewer} {
		tokens[string(role)], _ = d.newToken(string(role), role, backend.Person)
	}
	for _, name := range []string{"bound-viewer", "bound-editor", "db-editor", "unprotected"} {
		tokens[name], _ = d.newToken(name, backend.RoleNone, backend.Person)
	}
	names := inDev
	names.Names = "db_*"
	d.must(bind("a", "viewer", "bound-viewer", inDev), bind("b", "editor", "bound-editor", inDev),
		bind("c", "viewer", "db-editor", inDev), bind("d", "editor", "db-editor", names),
		bind("e", "editor", "unprotected", backend.Where{Project: "default"}),
		bind("f", "viewer", "unprotected", backend.Where{Project: "default", Environment: "prod"}))
	dev, web := d.object(backend.KindSecret, "db_password"), d.object(backend.KindSecret, "web_key")
	const list, prod, add = "/ui/p/default/e/dev", "/ui/p/default/e/prod", "/e/dev/new\""
	for who, want := range map[string]string{
		"admin":  "add edit edit-web show tokens project prod-add",
		"editor": "add edit edit-web prod-add", "revealer": "show", "viewer": "",
		"bound-viewer": "", "bound-editor": "add edit edit-web", "db-editor": "add edit", "unprotected": "add edit edit-web",
	} {
		d.browser, d.base = newBrowser(), ""
		d.post("/ui/sign-in", url.Values{"code": {tokens[who]}}).is(t, 200)
		var shown []string
		see := func(what, page, text string) {
			if strings.Contains(d.get(page).body, text) {
				shown = append(shown, what)
			}
		}
		see("add", list, add)
		see("edit", list, dev.ID+"/edit")
		see("edit-web", list, web.ID+"/edit")
		see("show", d.path(dev, ""), "data-reveal")
		see("tokens", list, "/tokens\"")
		see("project", "/ui/projects", "Add project")
		see("prod-add", prod, "/e/prod/new\"")
		if got := strings.Join(shown, " "); got != want {
			t.Errorf("%s sees %q, want %q", who, got, want)
		}
	}
}

// TestTokensShowTheirRights lists roles and bindings, and creates a token for one place.
func TestTokensShowTheirRights(t *testing.T) {
	d, _ := newServers(t)
	admin, _ := d.newToken("root", backend.RoleAdmin, backend.Person)
	d.post("/ui/sign-in", url.Values{"code": {admin}}).is(t, 200)
	d.get("/ui/tokens").is(t, 200, ">admin<", "<option>default/dev</option>").lacks(t, "<option>none</option>")
	v := url.Values{"name": {"nightly"}, "role": {"viewer"}, "where": {"default/dev"}, "for": {"workload"}}
	got := d.post("/ui/tokens", v).is(t, 200, "pnct_", ">viewer@default/dev<")
	d.post("/ui/tokens", url.Values{"name": {"other"}, "role": {"editor"}, "where": {""}, "for": {"person"}}).
		is(t, 200, ">editor<")
	_, token, _ := strings.Cut(got.body, "pnct_")
	token, _, _ = strings.Cut(token, "<")
	d.browser, d.base = newBrowser(), ""
	d.post("/ui/sign-in", url.Values{"code": {"pnct_" + token}}).is(t, 200, "db_password").lacks(t, "Add Secret")
}

// TestReviewOfADraftIsForWhoOnlyLooks has a token that may see a draft, and not deploy it.
func TestReviewOfADraftIsForWhoOnlyLooks(t *testing.T) {
	d, _ := newServers(t)
	if _, err := d.service.Apply(t.Context(), backend.ChangeSet{Draft: "release",
		Changes: []backend.Change{secret("dev", "next", canary)}}); err != nil {
		t.Fatal(err)
	}
	token, _ := d.newToken("bea", backend.RoleNone, backend.Person)
	d.must(bind("bea-1", "viewer", "bea", backend.Where{Project: "default"}))
	d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200)
	d.get("/ui/p/default/drafts/release").is(t, 200, "next").lacks(t, "permission denied", "Deploy all")
}

// TestDraftOffersWhatItsReaderMayDo has drafts with changes in an environment that an editor of another one may not
// see.
func TestDraftOffersWhatItsReaderMayDo(t *testing.T) {
	d, _ := newServers(t)
	root, _ := d.newToken("root", backend.RoleAdmin, backend.Person)
	d.must(environment("test"))
	for draft, changes := range map[string][]backend.Change{"hidden": {secret("test", "one", canary)},
		"mixed":   {secret("dev", "two", canary), secret("test", "three", canary)},
		"visible": {secret("dev", "four", canary)}, "empty": {secret("dev", "five", canary)}} {
		if _, err := d.service.Apply(t.Context(), backend.ChangeSet{Draft: draft, Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	staged, err := d.service.Query(t.Context(), backend.Query{Kind: backend.KindDraftChange, Project: "default",
		Draft: "empty"})
	if err != nil {
		t.Fatal(err)
	}
	d.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindDraftChange, ID: staged.Objects[0].ID})
	editor, _ := d.newToken("bea", backend.RoleNone, backend.Person)
	d.must(bind("bea-1", "editor", "bea", backend.Where{Project: "default", Environment: "dev"}))
	for _, c := range []struct {
		who, draft, want string
	}{{editor, "hidden", "none"}, {editor, "mixed", "two maynot"}, {editor, "visible", "four deploy discard"},
		{editor, "empty", "none"}, {root, "hidden", "one deploy discard"}, {root, "mixed", "two three deploy discard"},
		{root, "empty", "none discard"}} {
		d.browser, d.base = newBrowser(), ""
		d.post("/ui/sign-in", url.Values{"code": {c.who}}).is(t, 200)
		page := d.get("/ui/p/default/drafts/"+c.draft).is(t, 200)
		page.lacks(t, "permission denied")
		var shown []string
		for _, text := range [][2]string{{"none", "no changes that you may see"}, {"one", "<bdi>one<"},
			{"two", "<bdi>two<"}, {"three", "<bdi>three<"}, {"four", "<bdi>four<"}, {"deploy", `value="deploy"`},
			{"discard", `value="discard"`}, {"maynot", "You may not deploy"}} {
			if strings.Contains(page.body, text[1]) {
				shown = append(shown, text[0])
			}
		}
		if got := strings.Join(shown, " "); got != c.want {
			t.Errorf("the draft %s of %.10s shows %q, want %q", c.draft, c.who, got, c.want)
		}
	}
}
