// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"html"
	"maps"
	"net/url"
	"regexp"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// edited returns the fields of the form of an entry, with changes.
func (d *dashboard) edited(o backend.Object, changes url.Values) url.Values {
	d.Helper()
	page := d.get(d.path(o, "/edit")).is(d.T, 200)
	form := url.Values{"form": {page.field(d.T, "form")}, "edition": {page.field(d.T, "edition")}, "name": {o.Name},
		"description": {o.Description}, "visibility": {string(o.Visibility)}, "json": {string(o.JSON)}}
	maps.Copy(form, changes)
	return form
}

func TestLabelsAreEdited(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindScopedValue, Project: backend.DefaultProject,
		Environment: "dev", Name: "region", JSON: []byte("1")})
	for _, kind := range []backend.Kind{backend.KindSecret, backend.KindScopedValue} {
		name := map[backend.Kind]string{backend.KindSecret: "db_password", backend.KindScopedValue: "region"}[kind]
		o := func() backend.Object { return d.object(kind, name) }
		d.post(d.path(o(), "/edit"), d.edited(o(), url.Values{"labels": {"team=payments\r\ncost center=42\r\n"}})).
			is(t, 200, "Saved.", "payments", "cost center", "42")
		want := map[string]string{"team": "payments", "cost center": "42"}
		if !maps.Equal(o().Labels, want) {
			t.Fatalf("the labels are %v", o().Labels)
		}
		// A mistake changes nothing, and what was typed is there.
		d.post(d.path(o(), "/edit"), d.edited(o(), url.Values{"labels": {"team"}})).
			is(t, 422, "is not a valid label", "as team=payments", ">\nteam</textarea>")
		if !maps.Equal(o().Labels, want) {
			t.Errorf("the labels are %v", o().Labels)
		}
		// Somebody else changes them while the form is open, and this person changes another field only.
		form := d.edited(o(), url.Values{"labels": {"cost center=42\r\nteam=payments"}, "description": {"of the shop"}})
		form.Set("was", d.get(d.path(o(), "/edit")).unescaped(t, "was"))
		d.must(backend.Change{Op: backend.OpUpdate, Kind: kind, ID: o().ID, Labels: map[string]string{"team": "risk"}})
		d.post(d.path(o(), "/edit"), form).is(t, 422, "Labels", "team=risk")
		d.post(d.path(o(), "/edit"), d.edited(o(), url.Values{"labels": {""}})).is(t, 200, "Saved.")
		if len(o().Labels) > 0 {
			t.Errorf("the labels are %v", o().Labels)
		}
	}
	d.post("/ui/p/default/e/dev/new", url.Values{"name": {"fresh"}, "value": {canary}, "labels": {"team=a"}}).
		is(t, 200, "Created.")
	if got := d.object(backend.KindSecret, "fresh").Labels; got["team"] != "a" {
		t.Errorf("a new secret has the labels %v", got)
	}
}

func TestTagsAreSetMovedAndRemoved(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.must(secret("dev", "db_password", canary+"2"))
	o := d.object(backend.KindSecret, "db_password")
	tags := func(tag, version string) answer {
		edition := d.get(d.path(o, "")).field(t, "edition")
		return d.post(d.path(o, "/tags"), url.Values{"tag": {tag}, "version": {version}, "edition": {edition}})
	}
	is := func(want map[string]int64) {
		t.Helper()
		if got := d.object(backend.KindSecret, "db_password").Tags; !maps.Equal(got, want) {
			t.Fatalf("the tags are %v, want %v", got, want)
		}
	}
	tags("stable", "1").is(t, 200, "Saved.", "Remove tag stable")
	is(map[string]int64{"stable": 1})
	tags("stable", "2").is(t, 200)
	tags("old", "1").is(t, 200)
	is(map[string]int64{"stable": 2, "old": 1})
	tags("", "1").is(t, 409, "a name for the version is required")
	tags("no such version", "1").is(t, 409, "no such version", `value="no such version"`, "<option selected>1")
	tags("other", "7").is(t, 409)
	tags("other", "x").is(t, 409, "a version is required")
	is(map[string]int64{"stable": 2, "old": 1})
	tags("stable", "0").is(t, 200)
	is(map[string]int64{"old": 1})

	viewer, _ := newServers(t)
	token, _ := viewer.newToken("eve", backend.RoleViewer, backend.Person)
	viewer.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200)
	o = viewer.object(backend.KindSecret, "db_password")
	viewer.get(viewer.path(o, "")).is(t, 200).lacks(t, "Set tag")
	viewer.post(viewer.path(o, "/tags"), url.Values{"tag": {"stable"}, "version": {"1"}, "edition": {"1"}}).
		is(t, 409, "permission denied")
	if got := viewer.object(backend.KindSecret, "db_password").Tags; len(got) > 0 {
		t.Errorf("a viewer has set %v", got)
	}
}

// TestRuleOfDuplicates sets what a write does if another secret has the same value.
func TestRuleOfDuplicates(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	rules := func(duplicates string) url.Values {
		page := d.get("/ui/p/default/quotas").is(t, 200, "If another secret has the same value")
		form := url.Values{"duplicates": {duplicates}}
		for _, name := range []string{"max_secrets", "max_value_bytes", "max_name_length", "recovery_days", "max_versions",
			"version_days"} {
			form.Set(name, page.input(t, name))
		}
		return form
	}
	fresh := func(name string) answer {
		return d.post("/ui/p/default/e/dev/new", url.Values{"name": {name}, "value": {canary}})
	}
	fresh("first").is(t, 200, "Created.")
	d.post("/ui/p/default/quotas", rules("note")).is(t, 200, "Saved.", `value="note" selected`)
	fresh("second").is(t, 200, "Another secret of the project has the same value")
	d.post("/ui/p/default/quotas", rules("refuse")).is(t, 200, "Saved.", `value="refuse" selected`)
	fresh("third").is(t, 422, "same value").lacks(t, canary)
	d.post("/ui/p/default/quotas", rules("perhaps")).is(t, 422, "is not a valid value of duplicates")
	d.post("/ui/p/default/quotas", rules("allow")).is(t, 200, "Saved.", `value="allow" selected`)
	fresh("third").is(t, 200, "Created.")
}

// input returns what a field of a page has.
func (a answer) input(t *testing.T, name string) string {
	t.Helper()
	m := regexp.MustCompile(`name="` + name + `"[^>]* value="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("the page has no field %s:\n%s", name, a.body)
	}
	return m[1]
}

// unescaped returns the value of a hidden field as a browser sends it.
func (a answer) unescaped(t *testing.T, name string) string {
	t.Helper()
	return html.UnescapeString(a.field(t, name))
}
