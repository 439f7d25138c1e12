// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// hidden returns the hidden fields of a page.
func (a answer) hidden() url.Values {
	out := url.Values{}
	field := regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`)
	for _, m := range field.FindAllStringSubmatch(a.body, -1) {
		out.Set(m[1], html.UnescapeString(m[2]))
	}
	return out
}

// backToForm signs in on the page that was the answer to a form, and returns the form that is shown again.
func (d *dashboard) backToForm(lost answer, credential string) answer {
	d.Helper()
	form := lost.hidden()
	form.Set("code", credential)
	d.base = ""
	back := d.post("/ui/sign-in", form).is(d.T, 200, "Go back to your form")
	at := regexp.MustCompile(`<form action="([^"]+)" method="post"><input type="hidden" name="restored"`).
		FindStringSubmatch(back.body)
	if at == nil {
		d.Fatalf("the page to sign in does not lead back:\n%s", back.body)
	}
	d.base = regexp.MustCompile("^/ui/~[a-z0-9]+").FindString(at[1])
	return d.post(strings.Replace(at[1], d.base, "/ui", 1), back.hidden())
}

// TestFormsAreKeptWhenTheSessionEnds sends each form without a session, signs in, and goes back to the form: it has
// what was typed, except secrets, and nothing was changed.
func TestFormsAreKeptWhenTheSessionEnds(t *testing.T) {
	d, _ := newServers(t)
	admin, _ := d.newToken("root", backend.RoleAdmin, backend.Person)
	d.newToken("lone", backend.RoleNone, backend.Person)
	d.post("/ui/sign-in", url.Values{"code": {admin}}).is(t, 200)
	rules := d.rules()
	rules.Set("max_secrets", "77")
	rules.Set("immutable_names", "yes")
	o := d.object(backend.KindSecret, "db_password")
	for page, h := range map[string]struct {
		typed url.Values
		shown []string
	}{
		"/ui/tokens": {url.Values{"name": {"late"}, "role": {"editor"}, "where": {"default/dev"}, "for": {"workload"},
			"end": {"2040-01-31"}, "code": {canary}}, []string{`value="late"`, "<option selected>editor<",
			"<option selected>default/dev<", `value="workload" selected`, `value="2040-01-31"`}},
		"/ui/access/new": {url.Values{"name": {"late"}, "to": {"token:lone"}, "role": {"viewer"}, "at": {"default/dev"},
			"names": {"db_*"}, "description": {"why <b>"}, "do": {"create"}}, []string{"This binding gives", "late",
			"token:lone", "default/dev db_*", "why &lt;b&gt;"}},
		"/ui/projects":         {url.Values{"name": {"late"}, "project": {"default"}}, []string{`value="late"`}},
		"/ui/p/default/quotas": {rules, []string{`value="77"`, `value="yes" selected`}},
		"/ui/p/default/e/dev/new": {url.Values{"name": {"late"}, "value": {canary}, "labels": {"team=late"}},
			[]string{`value="late"`, "team=late</textarea>"}},
		"/ui/p/default/e/dev/new-value": {url.Values{"name": {"late"}, "as": {"json"}, "json": {`"x"`}},
			[]string{`value="late"`, "&#34;x&#34;</textarea>"}},
		"/ui/p/default/new-type": {url.Values{"name": {"late"}, "key": {"late"}, "schema": {`{"type":"string"}`}},
			[]string{`{&#34;type&#34;:&#34;string&#34;}</textarea>`}},
		d.path(o, "/edit"): {url.Values{"name": {"late"}, "value": {canary}, "description": {"late"}, "edition": {"1"},
			"environment": {"dev"}}, []string{`value="late"`, "late</textarea>"}},
	} {
		d.now = d.now.Add(40 * time.Minute)
		lost := d.post(page, h.typed)
		if lost.StatusCode != 401 || !strings.Contains(lost.body, "What you typed is kept") {
			t.Errorf("%s: status %d, and what was typed is not kept", page, lost.StatusCode)
			continue
		}
		lost.lacks(t, canary)
		got := d.backToForm(lost, admin)
		got.is(t, 200, h.shown...).lacks(t, canary, "Created.", "Saved.", "pnct_")
	}
	if d.policy().MaxSecrets == 77 {
		t.Error("a form that was to be shown again was sent")
	}
	for kind, want := range map[backend.Kind]int{backend.KindToken: 3, backend.KindBinding: 0, backend.KindEnvironment: 1,
		backend.KindScopedValue: 0} {
		q := backend.Query{Kind: kind}
		if kind == backend.KindEnvironment || kind == backend.KindScopedValue {
			q.Project = backend.DefaultProject
		}
		got, err := d.service.Query(t.Context(), q)
		if err != nil || len(got.Objects) != want {
			t.Errorf("there are %d of the kind %s: %v", len(got.Objects), kind, err)
		}
	}
}

// TestKeptRulesTakeNothingBack has somebody else change rules before the kept form is saved.
func TestKeptRulesTakeNothingBack(t *testing.T) {
	d, _ := newServers(t)
	admin, _ := d.newToken("root", backend.RoleAdmin, backend.Person)
	d.post("/ui/sign-in", url.Values{"code": {admin}}).is(t, 200)
	kept := d.rules()
	kept.Set("max_secrets", "77")
	d.now = d.now.Add(40 * time.Minute)
	lost := d.post("/ui/p/default/quotas", kept).is(t, 401)
	yes, pattern, versions := true, "^[a-z_]+$", 5
	d.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
		Policy: &backend.PolicyChange{ForbidFingerprints: &yes, NamePattern: &pattern, MaxVersions: &versions}})
	d.post("/ui/p/default/quotas", d.backToForm(lost, admin).rules(t)).is(t, 200, "Saved.")
	p := d.policy()
	if p.MaxSecrets != 77 || !p.ForbidFingerprints || p.NamePattern != pattern || p.MaxVersions != versions {
		t.Errorf("the rules are %+v", p)
	}
}

// TestKeptFormIsEmptyWhereItWas has a session that ends after somebody has emptied fields.
func TestKeptFormIsEmptyWhereItWas(t *testing.T) {
	d, _ := newServers(t)
	admin, _ := d.newToken("root", backend.RoleAdmin, backend.Person)
	d.post("/ui/sign-in", url.Values{"code": {admin}}).is(t, 200)
	kind := "api_key"
	o := d.object(backend.KindSecret, "db_password")
	d.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: o.ID, Type: &kind})
	edit := d.path(o, "/edit")
	chosen := `<option value="api_key" selected>`
	d.get(edit).is(t, 200, chosen)
	d.now = d.now.Add(40 * time.Minute)
	lost := d.post(edit, url.Values{"name": {"db_password"}, "type": {""}, "description": {"late"}})
	d.backToForm(lost, admin).is(t, 200, "late</textarea>").lacks(t, chosen)
}

// TestConfirmingAtAnIssuerKeepsTheForm gives a role when the last sign-in is too long ago.
func TestConfirmingAtAnIssuerKeepsTheForm(t *testing.T) {
	c := newCompany(t)
	_, lone := c.newToken("lone", backend.RoleNone, backend.Person) // that ada may not list
	c.signedIn(c.comes(c.back(c.start(nil))))
	c.now = c.now.Add(11 * time.Minute)
	typed := url.Values{"name": {"late"}, "to": {"token:" + lone}, "role": {"viewer"}, "at": {"default/dev"},
		"names": {"db_*"}, "description": {"why <b>"}, "do": {"create"}}
	typed.Set("seen", c.post("/ui/access/new", typed).is(t, 200).field(t, "seen"))
	asked := c.post("/ui/access/new", typed).is(t, 401, "Confirm with company", "with what you have typed")
	form := asked.hidden() // the button sends the whole form to the page to sign in
	c.person(map[string]any{"auth_time": c.now.Unix()})
	c.base = ""
	back := c.comes(c.back(c.start(form))).is(t, 200, "Go back to your form")
	c.base = regexp.MustCompile(`form action="(/ui/~[a-z0-9]+)/access/new"`).FindStringSubmatch(back.body)[1]
	review := c.post("/ui/access/new", back.hidden()).is(t, 200, "This binding gives", "default/dev db_*", "why &lt;b&gt;")
	page, err := c.service.Query(t.Context(), backend.Query{Kind: backend.KindBinding, Name: "late"})
	if err != nil || len(page.Objects) > 0 {
		t.Fatal("a form that was to be shown again was sent")
	}
	send := review.hidden()
	send.Set("do", "create")
	c.post("/ui/access/new", send).is(t, 200, "Created.", "late")
}
