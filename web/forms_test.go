// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// everything returns all objects of the backend, as JSON.
func (d *dashboard) everything() string {
	d.Helper()
	var out []backend.Object
	for _, q := range []backend.Query{{Kind: backend.KindProject}, {Kind: backend.KindToken},
		{Kind: backend.KindBinding}, {Kind: backend.KindEnvironment, Project: "default"},
		{Kind: backend.KindSecret, Project: "default"}, {Kind: backend.KindScopedValue, Project: "default"},
		{Kind: backend.KindSecretType, Project: "default"}, {Kind: backend.KindDraft, Project: "default"},
		{Kind: backend.KindSecret, Project: "default", Deleted: true}} {
		all, err := backend.ListAll(d.Context(), d.service, q)
		if err != nil {
			d.Fatal(err)
		}
		out = append(out, all...)
	}
	text, err := json.Marshal(out)
	if err != nil {
		d.Fatal(err)
	}
	return string(text)
}

// TestEveryFormReportsAtTheField sends each form with wrong inputs. The error is at a field, which is marked. What was
// typed stays, but for secrets, and nothing is changed.
func TestEveryFormReportsAtTheField(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.newToken("lone", backend.RoleNone, backend.Person)
	o := d.object(backend.KindSecret, "db_password")
	entry := d.path(o, "")
	edition := d.get(entry+"/edit").field(t, "edition")
	with := func(base url.Values, name, value string) url.Values {
		out := url.Values{}
		for k, v := range base {
			out[k] = v
		}
		out.Set(name, value)
		return out
	}
	secret := url.Values{"name": {"fresh"}, "value": {canary}, "description": {"typed <b>"}}
	edit := url.Values{"name": {"db_password"}, "value": {canary}, "description": {"typed <b>"}, "edition": {edition},
		"environment": {"dev"}, "was": {""}}
	value := url.Values{"name": {"fresh"}, "as": {"json"}, "json": {"1"}, "description": {"typed <b>"}}
	kind := url.Values{"key": {"fresh"}, "schema": {`{"type":"string"}`}, "description": {"typed <b>"}}
	token := url.Values{"name": {"fresh"}, "role": {"viewer"}, "for": {"person"}, "where": {""}}
	binding := url.Values{"name": {"fresh"}, "to": {"token:lone"}, "role": {"viewer"}, "at": {"default/dev"},
		"description": {"typed <b>"}, "do": {"review"}}
	rules := d.rules()
	long := strings.Repeat("x", 257)
	before := d.everything()
	for page, h := range map[string]struct {
		base  url.Values
		wrong map[string][]string
	}{
		"/ui/p/default/e/dev/new": {secret, map[string][]string{"name": {"", "a b", long, "<img src=x>", "\u202e", "🔑"},
			"value": {"", strings.Repeat("v", 65537)}, "expires": {"31.1.2027", "2027-02-30"},
			"rotation": {"-1", "x", "1.5"}, "visibility": {"hidden"}, "scope": {"appx", "app/"}, "labels": {"novalue"},
			"draft": {"a b", long}, "description": {strings.Repeat("d", 5000)}}},
		entry + "/edit": {edit, map[string][]string{"name": {"", "a b", long}, "expires": {"x"}, "rotation": {"4000"},
			"labels": {"novalue"}, "draft": {"a b"}}},
		"/ui/p/default/e/dev/new-value": {value, map[string][]string{"name": {"", "a b"}, "json": {"", "{", "[1,]"},
			"labels": {"novalue"}, "scope": {"x/y/z"}}},
		"/ui/p/default/new-type": {kind, map[string][]string{"key": {"", "a b", long, "api_key"}, "schema": {"", "{", "[]",
			`{"type":"objekt"}`, `{"$ref":"https://evil.example/x"}`}, "display_name": {"\u202e"},
			"description": {strings.Repeat("d", 5000)}}},
		"/ui/tokens": {token, map[string][]string{"name": {"", "a b", "lone"}, "role": {"king", ""}, "for": {"dog", ""},
			"where": {"nowhere", "default/nowhere"}, "end": {"x", "2001-01-01"}}},
		"/ui/access/new": {binding, map[string][]string{"name": {"", "a b"}, "to": {"lone", "token:nobody", "group:nobody"},
			"role": {"king"}, "at": {"nowhere", "default/nowhere"}, "names": {"db_[", strings.Repeat("n", 300)},
			"description": {strings.Repeat("d", 5000)}}},
		"/ui/p/default/quotas": {rules, map[string][]string{"max_secrets": {"many", "-1"}, "name_pattern": {"("},
			"immutable_names": {"perhaps"}}},
		"/ui/projects":  {url.Values{}, map[string][]string{"name": {"", "a b", "default", "*"}}},
		entry + "/tags": {url.Values{"version": {"1"}, "edition": {edition}}, map[string][]string{"tag": {"", "a b", "7"}}},
		entry + "/delete": {url.Values{"edition": {edition}}, map[string][]string{"key": {"", "db-password", "DB_PASSWORD"},
			"draft": {"a b"}}},
	} {
		for name, values := range h.wrong {
			for _, w := range values {
				form := with(h.base, name, w)
				if page == entry+"/delete" && name == "draft" {
					form.Set("key", "db_password")
				}
				got := d.post(page, form)
				where := page + " " + name + "=" + w[:min(len(w), 30)]
				if got.StatusCode != 422 && got.StatusCode != 409 {
					t.Errorf("%s: status %d", where, got.StatusCode)
				}
				if !regexp.MustCompile(`(?s)aria-invalid="true".*class="error"[^>]* role="alert"`).MatchString(got.body) {
					t.Errorf("%s: no field is marked, or has the error:\n%s", where,
						regexp.MustCompile(`(?s)<div class="notice bad.*?</div>`).FindString(got.body))
				}
				if strings.Contains(got.body, canary) {
					t.Errorf("%s: the value is on the page", where)
				}
				for typed := range form {
					text := html.EscapeString(form.Get(typed))
					if typed == "description" && !strings.Contains(strings.ReplaceAll(got.body, "&#43;", "+"), text) {
						t.Errorf("%s: %s is not kept", where, typed)
					}
				}
				if after := d.everything(); after != before {
					t.Fatalf("%s has changed something:\n%s\n%s", where, before, after)
				}
			}
		}
	}
}

// TestFormsWithoutWhatWasSeenChangeNothing sends the forms that change what the person has seen, without saying what
// that was.
func TestFormsWithoutWhatWasSeenChangeNothing(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.newToken("lone", backend.RoleNone, backend.Person)
	d.must(secret("dev", "db_password", "second"))
	if _, err := d.service.Apply(t.Context(), backend.ChangeSet{Draft: "release",
		Changes: []backend.Change{secret("dev", "next", canary)}}); err != nil {
		t.Fatal(err)
	}
	o := d.object(backend.KindSecret, "db_password")
	const draft = "/ui/p/default/drafts/release"
	id := d.get(draft).form(t, "/release", `value="deploy"`).Get("id")
	d.must(bind("lone-1", "viewer", "lone", backend.Where{Project: "default"}))
	bindings, err := d.service.Query(t.Context(), backend.Query{Kind: backend.KindBinding})
	if err != nil {
		t.Fatal(err)
	}
	before := d.everything()
	for _, f := range []struct {
		page string
		form url.Values
	}{{draft, url.Values{"do": {"deploy"}, "id": {id}}}, {draft, url.Values{"do": {"discard"}, "id": {id}}},
		{draft, url.Values{"do": {"refresh"}, "id": {id}}}, {d.path(o, "/rollback"), url.Values{"version": {"1"}}},
		{d.path(o, "/tags"), url.Values{"version": {"1"}, "tag": {"stable"}}},
		{d.path(o, "/delete"), url.Values{"key": {"db_password"}}},
		{"/ui/access/bindings/" + bindings.Objects[0].ID + "/delete", url.Values{}}} {
		page, form := f.page, f.form
		for _, seen := range []string{"", "x", "1.5", "99999999999999999999", "77"} {
			form.Set("revision", seen)
			form.Set("expect", seen)
			form.Set("edition", seen)
			if got := d.post(page, form); got.StatusCode < 400 {
				t.Errorf("%s with %q: status %d", page, seen, got.StatusCode)
			}
		}
	}
	if d.everything() != before {
		t.Error("something was changed")
	}
}
