// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

var (
	formElement = regexp.MustCompile(`(?s)<form ([^>]*)>(.*?)</form>`)
	formOptions = regexp.MustCompile(`(?s)<option([^>]*)>(.*?)</option>`)
	attributes  = regexp.MustCompile(`([a-z-]+)(?:="([^"]*)")?`)
)

func attributesOf(text string) map[string]string {
	out := map[string]string{}
	for _, m := range attributes.FindAllStringSubmatch(text, -1) {
		out[m[1]] = html.UnescapeString(m[2])
	}
	return out
}

// form returns the fields of the form of a page whose action ends with a text and whose source has another, as a
// browser sends them.
func (a answer) form(t *testing.T, action, has string) url.Values {
	t.Helper()
	for _, f := range formElement.FindAllStringSubmatch(a.body, -1) {
		if strings.HasSuffix(attributesOf(f[1])["action"], action) && strings.Contains(f[2], has) {
			return fieldsOfForm(f[2])
		}
	}
	t.Fatalf("the page has no form for %q with %q:\n%s", action, has, a.body)
	return nil
}

func fieldsOfForm(source string) url.Values {
	out := url.Values{}
	// An element such as textarea ends its own match, so that the end tag of another one is not taken for it.
	for _, m := range regexp.MustCompile(`(?s)<input\b([^>]*)>`).FindAllStringSubmatch(source, -1) {
		a := attributesOf(m[1])
		_, checked := a["checked"]
		if choice := a["type"] == "checkbox" || a["type"] == "radio"; a["name"] != "" && (!choice || checked) {
			out.Set(a["name"], a["value"])
		}
	}
	for _, m := range regexp.MustCompile(`(?s)<textarea\b([^>]*)>(.*?)</textarea>`).FindAllStringSubmatch(source, -1) {
		text := html.UnescapeString(strings.TrimPrefix(m[2], "\n"))
		out.Set(attributesOf(m[1])["name"], strings.ReplaceAll(text, "\n", "\r\n"))
	}
	for _, m := range regexp.MustCompile(`(?s)<select\b([^>]*)>(.*?)</select>`).FindAllStringSubmatch(source, -1) {
		name := attributesOf(m[1])["name"]
		for _, o := range formOptions.FindAllStringSubmatch(m[2], -1) {
			a := attributesOf(o[1])
			value, ok := a["value"]
			if !ok {
				value = html.UnescapeString(o[2])
			}
			if _, selected := a["selected"]; selected || !out.Has(name) {
				out.Set(name, value)
			}
		}
	}
	return out
}

// TestEveryFormCanBeSentTwice sends each form two times, as a double click does in a browser without JavaScript. Both
// answers say that it was done, and it was done once.
func TestEveryFormCanBeSentTwice(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.newToken("lone", backend.RoleNone, backend.Person)
	_, gone := d.newToken("gone", backend.RoleViewer, backend.Person)
	d.must(secret("dev", "db_password", "second"), secret("dev", "old", canary), secret("dev", "older", canary),
		backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: backend.DefaultProject,
			Environment: "dev", Name: "region", JSON: []byte("1")},
		backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: backend.DefaultProject, Name: "login",
			Schema: []byte(`{"type":"string"}`)}, bind("lone-1", "viewer", "lone", backend.Where{Project: "default"}))
	older := d.object(backend.KindSecret, "older")
	d.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: older.ID})
	for _, draft := range []string{"release", "other"} {
		for _, name := range []string{"next", "after"} {
			if _, err := d.service.Apply(t.Context(), backend.ChangeSet{Draft: draft,
				Changes: []backend.Change{secret("dev", name+draft, canary)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	bindings, err := d.service.Query(t.Context(), backend.Query{Kind: backend.KindBinding})
	if err != nil {
		t.Fatal(err)
	}
	password, region, old := d.object(backend.KindSecret, "db_password"), d.object(backend.KindScopedValue, "region"),
		d.object(backend.KindSecret, "old")
	unbind := "/access/bindings/" + bindings.Objects[0].ID + "/delete"
	for _, f := range []struct {
		page, action, has string
		typed             url.Values
		done              string
	}{
		{"/ui/p/default/e/dev/new", "/new", "", url.Values{"name": {"fresh"}, "value": {canary}, "description": {"a"}},
			"Created."},
		{"/ui/p/default/e/dev/new-value", "/new-value", "", url.Values{"name": {"size"}, "json": {"1"}}, "Created."},
		{d.path(password, "/edit"), "/edit", "", url.Values{"name": {"renamed"}, "value": {canary}, "description": {"b"},
			"labels": {"team=a\r\nsize=b"}, "rotation": {"30"}, "expires": {"2099-01-31"}, "protected": {"yes"},
			"visibility": {"restricted"}, "note": {"n"}}, "Saved."},
		{d.path(region, "/edit"), "/edit", "", url.Values{"name": {"place"}, "json": {"2"}, "description": {"c"},
			"labels": {"team=a"}}, "Saved."},
		{d.path(password, ""), "/tags", "tag-hint", url.Values{"tag": {"stable"}, "version": {"1"}}, "Saved."},
		{d.path(password, ""), "/rollback", "", url.Values{}, "Rolled back"},
		{"/ui/p/default/new-type", "/new-type", "", url.Values{"key": {"fresh"}}, "Saved."},
		{"/ui/p/default/types/login", "/types/login", "", url.Values{"display_name": {"Login"}, "description": {"d"},
			"schema": {"{\r\n  \"type\": \"string\",\r\n  \"minLength\": 3\r\n}"}}, "Saved."},
		{"/ui/p/default/quotas", "/quotas", "", url.Values{"max_secrets": {"500"}, "name_pattern": {"^[a-z_]+$"},
			"immutable_names": {"yes"}, "duplicates": {"note"}}, "Saved."},
		{"/ui/projects", "/projects", `id="project"`, url.Values{"name": {"shop"}}, "Created."},
		{"/ui/projects", "/projects", `id="environment"`, url.Values{"name": {"test"}, "project": {"default"}}, "Created."},
		{"/ui/p/default/drafts/release", "/drafts/release", `value="drop"`, url.Values{"do": {"drop"}}, "Left out"},
		{"/ui/p/default/drafts/release", "/drafts/release", `value="deploy"`, url.Values{"do": {"deploy"}}, "Deployed"},
		{"/ui/p/default/drafts/other", "/drafts/other", `value="discard"`, url.Values{"do": {"discard"}}, "Discarded"},
		{d.path(old, "/delete"), "/delete", "", url.Values{"key": {"old"}}, "Deleted."},
		{"/ui/p/default/deleted", "/deleted", older.ID, url.Values{}, "Restored."},
		{"/ui" + unbind, unbind, "", url.Values{}, "Deleted."},
		{"/ui/tokens/" + gone + "/delete", "/delete", "", url.Values{"name": {"gone"}}, "Deleted."},
	} {
		form := d.get(f.page).is(t, 200).form(t, f.action, f.has)
		for name, values := range f.typed {
			form[name] = values
		}
		to := strings.TrimSuffix(f.page, f.action) + f.action
		if got := d.post(to, form); got.StatusCode != 200 || !strings.Contains(got.body, f.done) {
			t.Fatalf("%s: status %d, %s", to, got.StatusCode, got.problem())
		}
		once := d.everything()
		if got := d.post(to, form); got.StatusCode != 200 || !strings.Contains(got.body, f.done) {
			t.Errorf("%s %s for the second time: status %d, %s", to, f.has, got.StatusCode, got.problem())
		}
		if d.everything() != once {
			t.Errorf("%s %s for the second time has changed something", to, f.has)
		}
	}
}

// problem returns the errors of a page.
func (a answer) problem() string {
	shown := regexp.MustCompile(`(?s)<(?:p class="error"|div class="notice bad")[^>]*>.*?</(?:p|div)>`)
	return strings.Join(shown.FindAllString(a.body, -1), "\n")
}
