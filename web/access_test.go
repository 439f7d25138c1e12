// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// TestAccessSaysWhoMayDoWhatAndWhy asks the page who has rights, gives some with a review, and takes them away.
func TestAccessSaysWhoMayDoWhatAndWhy(t *testing.T) {
	d, _ := newServers(t)
	root, _ := d.newToken("root", backend.RoleAdmin, backend.Person)
	for _, name := range []string{"nightly", "ada", "lone"} {
		d.newToken(name, backend.RoleNone, backend.Workload)
	}
	d.must(environment("prod"), secret("dev", "web_key", canary),
		backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "team", Members: []string{"token:ada"}})
	d.post("/ui/sign-in", url.Values{"code": {root}}).is(t, 200, "/access\"")
	d.get("/ui/access").is(t, 200, "root", "the role of the token", "No binding yet", "team")

	v := url.Values{"to": {"group:team"}, "role": {"runtime"}, "at": {"default/dev"}, "names": {"db_*"},
		"name": {"team-dev"}, "do": {"review"}}
	review := d.post("/ui/access/new", v).is(t, 200, "This binding gives", "token:ada", ">resolve<", "default/dev db_*",
		"1 secret:", "db_password")
	review.lacks(t, "web_key")
	if page, _ := d.service.Query(t.Context(), backend.Query{Kind: backend.KindBinding}); len(page.Objects) > 0 {
		t.Fatal("the review has made the binding")
	}
	v.Set("do", "create")
	v.Set("form", review.field(t, "form"))
	d.post("/ui/access/new", v).is(t, 200, "This binding gives") // not without what was seen
	v.Set("seen", review.field(t, "seen"))
	d.post("/ui/access/new", v).is(t, 200, "Created.", "team-dev", "binding team-dev, for group team")
	d.post("/ui/access/new", url.Values{"to": {"token:nightly"}, "role": {"viewer"}, "name": {"team-dev"}}).
		is(t, 422, "already exists", `value="team-dev"`)
	d.post("/ui/access/new", url.Values{"to": {"token:nightly"}, "role": {"viewer"}, "at": {"default/nowhere"},
		"name": {"x"}}).is(t, 422, "does not exist")

	who := func(query string) string { return d.get("/ui/access?"+query).is(t, 200).body }
	for query, want := range map[string]string{
		"right=resolve&at=default/dev&name=db_password": "root ada", "right=resolve&at=default/dev&name=web_key": "root",
		"right=resolve&at=default/prod": "root", "right=write&at=default/dev": "root", "who=team": "ada", "who=lone": "",
		"at=default/dev": "root ada",
	} {
		body := who(query)
		body, _, _ = strings.Cut(body, `id="h-bindings"`)
		for _, name := range []string{"root", "ada", "nightly", "lone"} {
			row := regexp.MustCompile(`class="key"><bdi>` + name + `<`).MatchString(body)
			if row != strings.Contains(want, name) {
				t.Errorf("%s: %s is listed: %v", query, name, row)
			}
		}
	}
	d.get("/ui/access?at=default/nowhere").is(t, 200, "does not exist")
	d.get("/ui/access?at=nowhere").is(t, 200, "project &#34;nowhere&#34; does not exist")
	d.get("/ui/access?right=zz").is(t, 200, "right &#34;zz&#34; is not valid")
	d.get(d.path(d.object(backend.KindSecret, "db_password"), "")).is(t, 200, "Who may have the value", ">ada<",
		"binding team-dev, for group team")

	page, err := d.service.Query(t.Context(), backend.Query{Kind: backend.KindBinding, Name: "team-dev"})
	if err != nil || len(page.Objects) != 1 {
		t.Fatal(page, err)
	}
	at := "/ui/access/bindings/" + page.Objects[0].ID + "/delete"
	form := d.get(at).is(t, 200, "takes away", "ada", "resolve", "no other binding").form(t, "/delete", "")
	d.post(at, form).is(t, 200, "Deleted.", "No binding yet")
	d.get(at).is(t, 404, "does not exist")
}

// TestAccessIsForWhoMayBind signs in a viewer.
func TestAccessIsForWhoMayBind(t *testing.T) {
	d, _ := newServers(t)
	token, _ := d.newToken("eve", backend.RoleViewer, backend.Person)
	d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200).lacks(t, "/access\"")
	d.get("/ui/access").is(t, 403)
	d.post("/ui/access/new", url.Values{"to": {"token:eve"}, "role": {"admin"}, "name": {"x"}, "do": {"create"}}).
		is(t, 403)
	d.get(d.path(d.object(backend.KindSecret, "db_password"), "")).is(t, 200).lacks(t, "Who may have the value")
}

// TestSessionsAreListedAndEnded signs in with two tokens.
func TestSessionsAreListedAndEnded(t *testing.T) {
	d, _ := newServers(t)
	admin, _ := d.newToken("root", backend.RoleAdmin, backend.Person)
	token, _ := d.newToken("eve", backend.RoleViewer, backend.Person)
	eve := *d
	eve.browser = newBrowser()
	eve.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200, "eve")
	d.now = d.now.Add(time.Second)
	d.post("/ui/sign-in", url.Values{"code": {admin}}).is(t, 200, "root")
	eve.get("/ui/sessions").is(t, 200, "this one", "eve").lacks(t, "root")
	page := d.get("/ui/sessions").is(t, 200, "this one", "eve", "root", "127.0.0.1")
	ids := regexp.MustCompile(`name="id" value="([^"]+)"`).FindAllStringSubmatch(page.body, -1)
	if len(ids) != 2 {
		t.Fatalf("%d sessions", len(ids))
	}
	eve.post("/ui/sessions", url.Values{"id": {ids[0][1]}}).is(t, 404, "does not exist") // a session of root
	d.post("/ui/sessions", url.Values{"id": {ids[1][1]}}).is(t, 200, "The session has ended.").lacks(t, ">eve<")
	eve.get("/ui/sessions").is(t, 200, "Sign in").lacks(t, "this one")
	d.post("/ui/sessions", url.Values{"id": {ids[0][1]}}).is(t, 200, "Sign in") // its own
}

// TestAccessForWhoMayBindInOneProject has a token that may bind in one project, and not list all tokens.
func TestAccessForWhoMayBindInOneProject(t *testing.T) {
	d, _ := newServers(t)
	d.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindProject, Name: "shop"})
	token, _ := d.newToken("lead", backend.RoleNone, backend.Person)
	_, mate := d.newToken("mate", backend.RoleNone, backend.Workload)
	d.newToken("stranger", backend.RoleNone, backend.Workload)
	d.must(bind("lead-1", "admin", "lead", backend.Where{Project: "default"}),
		bind("mate-1", "viewer", "mate", backend.Where{Project: "default", Environment: "dev"}),
		bind("stranger-1", "viewer", "stranger", backend.Where{Project: "shop"}))
	d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200, "/access\"", "/tokens\"")
	d.get("/ui/access").is(t, 200, ">mate<", "mate-1").lacks(t, "stranger")
	d.get("/ui/access/new").is(t, 200, "token: and its id").lacks(t, "stranger")
	v := url.Values{"to": {"token:" + mate}, "role": {"editor"}, "at": {"default/dev"}, "name": {"mate-2"},
		"do": {"create"}}
	v.Set("seen", d.post("/ui/access/new", v).is(t, 200).field(t, "seen"))
	d.post("/ui/access/new", v).is(t, 200, "Created.", "mate-2")
	v.Set("at", "shop")
	v.Set("name", "mate-3")
	v.Del("seen")
	d.post("/ui/access/new", v).is(t, 422)
	d.get("/ui/tokens").is(t, 200, "Add token").lacks(t, "stranger")
	d.get(d.path(d.object(backend.KindSecret, "db_password"), "")).is(t, 200, "Who may have the value", ">lead<")
}
