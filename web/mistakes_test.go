// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"maps"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// mistake checks that the field of a page has the focus, and is described by its error.
func (a answer) mistake(t *testing.T, field, text string) {
	t.Helper()
	a.lacks(t, canary)
	tag := regexp.MustCompile(`<(?:input|textarea|select)[^>]* name="` + field + `"[^>]*>`).FindString(a.body)
	by := regexp.MustCompile(`aria-describedby="(?:[^" ]* )?([^" ]+-error)"`).FindStringSubmatch(tag)
	if by == nil || !strings.Contains(tag, `aria-invalid="true"`) || !strings.Contains(tag, " autofocus") {
		t.Fatalf("the field %s is not marked: %s", field, tag)
	}
	at := regexp.MustCompile(`id="` + by[1] + `" role="alert">([^<]*)`).FindStringSubmatch(a.body)
	if at == nil || at[1] == "" || !strings.Contains(at[1], text) || strings.Count(a.body, " autofocus") != 1 {
		t.Fatalf("the error of the field %s is %q, want %q", field, at, text)
	}
}

// TestMistakesHaveTheFocus sends forms with a mistake. The field has the focus, and is described by its error.
func TestMistakesHaveTheFocus(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	secret := url.Values{"name": {"fresh"}, "value": {canary}, "scope": {"project"}}
	value := url.Values{"name": {"fresh"}, "as": {"json"}, "json": {"1"}, "scope": {"project"}}
	for _, wrong := range []struct {
		page, field, typed string
		form               url.Values
	}{{"new", "name", "a b", secret}, {"new", "value", "", secret}, {"new", "expires", "x", secret},
		{"new", "rotation", "x", secret}, {"new", "labels", "novalue", secret}, {"new", "scope", "app/", secret},
		{"new", "visibility", "hidden", secret}, {"new", "draft", "a b", secret},
		{"new-value", "json", "{", value}, {"new-value", "name", "", value}} {
		form := maps.Clone(wrong.form)
		form.Set(wrong.field, wrong.typed)
		d.post("/ui/p/default/e/dev/"+wrong.page, form).is(t, 422).mistake(t, wrong.field, "")
	}
}

// TestNoticesSayWhatHappened opens links that claim that something was done, and sends forms.
func TestNoticesSayWhatHappened(t *testing.T) {
	d, _ := newServers(t)
	root, _ := d.newToken("root", backend.RoleAdmin, backend.Person)
	viewer, _ := d.newToken("eve", backend.RoleViewer, backend.Person)
	d.post("/ui/sign-in", url.Values{"code": {root}}).is(t, 200)
	const list = "/ui/p/default/e/dev"
	for _, done := range []string{"deleted", "saved", "confirmed", "deployed"} {
		d.get(list+"?done="+done).lacks(t, "notice good")
	}
	d.post(list+"/new", url.Values{"name": {"fresh"}, "value": {canary}}).is(t, 200, "notice good", "Created.")
	d.get(list).lacks(t, "notice good")
	o := d.object(backend.KindSecret, "db_password")
	d.post(d.path(o, "/reveal"), url.Values{"do": {"copy"}}).is(t, 200, "Copy the value now").lacks(t, canary)
	restricted := secret("dev", "hidden", canary)
	restricted.Visibility = ptr(backend.Restricted)
	never := d.must(restricted)[0].Object
	d.post(d.path(never, "/reveal"), url.Values{"do": {"copy"}}).is(t, 403).lacks(t, "Confirmed.", canary)
	d.browser, d.base = newBrowser(), ""
	d.post("/ui/sign-in", url.Values{"code": {viewer}}).is(t, 200)
	d.post(d.path(o, "/reveal"), url.Values{"do": {"copy"}}).is(t, 403).lacks(t, "Confirmed.", canary)
	d.get(d.path(o, "")).lacks(t, "Confirmed.")
}

// TestWhoSeesNoProjectLearnsWhatToDo opens the page Projects with a token without a right, and without projects.
func TestWhoSeesNoProjectLearnsWhatToDo(t *testing.T) {
	d, _ := newServers(t)
	root, _ := d.newToken("root", backend.RoleAdmin, backend.Person)
	none, _ := d.newToken("eve", backend.RoleNone, backend.Person)
	d.post("/ui/sign-in", url.Values{"code": {root}}).is(t, 200)
	d.get("/ui/projects").is(t, 200).lacks(t, "No project that you may see")
	d.browser, d.base = newBrowser(), ""
	d.post("/ui/sign-in", url.Values{"code": {none}}).is(t, 200)
	d.get("/ui/projects").is(t, 200, "No project that you may see", "Ask a person with the role admin").
		lacks(t, "default", "Add a project")
}

// TestSearchThatIsTooLongIsReportedAtTheField searches for more bytes than the backend accepts, but for fewer
// characters.
func TestSearchThatIsTooLongIsReportedAtTheField(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	long := "/ui/p/default/e/dev?q=" + url.QueryEscape(strings.Repeat("é", 200))
	d.get(long).is(t, 422, "éé").mistake(t, "q", "the limit is 256")
	r := d.request("GET", long, nil)
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Target", "results")
	d.send(r).is(t, 200, `id="results"`, `id="q-error" role="alert"`, "the limit is 256").lacks(t, "<html")
}
