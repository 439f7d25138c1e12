// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// TestSecondOfTwoPeopleIsTold has two people with the same object open, for each form that changes one. The second
// learns what the first has done, and the form keeps what was typed but for secrets. Nothing is changed until the form
// is sent again.
func TestSecondOfTwoPeopleIsTold(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.newToken("lone", backend.RoleNone, backend.Person)
	d.must(secret("dev", "db_password", "second"), secret("dev", "old", canary),
		backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: backend.DefaultProject,
			Environment: "dev", Name: "region", JSON: []byte("1")},
		backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: backend.DefaultProject, Name: "login",
			Schema: []byte(`{"type":"string"}`)}, bind("lone-1", "viewer", "lone", backend.Where{Project: "default"}))
	stage := func(name string) {
		if _, err := d.service.Apply(t.Context(), backend.ChangeSet{Draft: "release",
			Changes: []backend.Change{secret("dev", name, canary)}}); err != nil {
			t.Fatal(err)
		}
	}
	stage("next")
	bindings, err := d.service.Query(t.Context(), backend.Query{Kind: backend.KindBinding})
	if err != nil {
		t.Fatal(err)
	}
	lone := bindings.Objects[0]
	password, old := d.object(backend.KindSecret, "db_password"), d.object(backend.KindSecret, "old")
	region := d.object(backend.KindScopedValue, "region")
	describe := func(o backend.Object) func() {
		return func() {
			text := "by the first"
			d.must(backend.Change{Op: backend.OpUpdate, Kind: o.Kind, ID: o.ID, Description: &text})
		}
	}
	const draft, told = "/ui/p/default/drafts/release", "Somebody else has made a change"
	const edited = "Somebody else has changed this entry"
	for _, f := range []struct {
		page, action, has string
		first             func()
		typed             url.Values
		shown             []string // to the second
		done              string   // when the form is sent again
	}{
		{d.path(password, "/edit"), "", "", describe(password),
			url.Values{"description": {"by the second"}, "note": {"mine"}, "value": {canary}},
			[]string{edited, "by the second</textarea>", `name="note" value="mine"`, "Changed by others: Description.",
				`They wrote: <bdi class="theirs">by the first<`}, "Saved."},
		{d.path(region, "/edit"), "", "", func() {
			d.must(backend.Change{Op: backend.OpUpdate, Kind: region.Kind, ID: region.ID, JSON: []byte("7"),
				Labels: map[string]string{"team": "first"}})
		}, url.Values{"description": {"by the second"}, "json": {"2"}},
			[]string{edited, "by the second</textarea>", "\n2</textarea>", "Changed by others: Labels, Value.",
				`They wrote: <bdi class="theirs">7<`, "team=first</textarea>"}, "Saved."},
		{"/ui/p/default/types/login", "", "", func() {
			name := "First"
			d.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecretType, Project: backend.DefaultProject,
				Name: "login", DisplayName: &name, Schema: []byte(`{"type":"string","maxLength":9}`)})
		}, url.Values{"schema": {`{"type":"string","minLength":3}`}, "description": {"by the second"}, "example": {"xyz"}},
			[]string{edited, `minLength&#34;:3}</textarea>`, `value="by the second"`, `value="First"`, "\nxyz</textarea>",
				"Changed by others: Display name, JSON Schema", "maxLength"}, "Saved."},
		{"/ui/p/default/quotas", "", "", func() {
			most, pattern := 500, "^[a-z_]+$"
			d.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
				Policy: &backend.PolicyChange{MaxSecrets: &most, NamePattern: &pattern}})
		}, url.Values{"max_secrets": {"300"}, "recovery_days": {"9"}},
			[]string{"Somebody else has changed this to: 500.", `name="max_secrets" inputmode="numeric" value="300"`,
				`name="recovery_days" inputmode="numeric" value="9"`, `value="^[a-z_]&#43;$"`}, "Saved."},
		{d.path(password, ""), "/tags", "tag-hint", func() {
			d.must(backend.Change{Op: backend.OpUpdate, Kind: password.Kind, ID: password.ID,
				Tags: map[string]int64{"stable": 1}})
		}, url.Values{"tag": {"stable"}, "version": {"2"}}, []string{told, `value="stable"`, "<option selected>2"}, "Saved."},
		{d.path(password, ""), "/rollback", "", func() { d.must(secret("dev", "db_password", "third")) }, nil,
			[]string{told}, "Rolled back"},
		{draft, "", `value="refresh"`, func() { describe(old)(); stage("more") }, url.Values{"do": {"refresh"}},
			[]string{told, "more"}, "accept the present state"},
		{draft, "", `value="discard"`, func() { stage("last") }, url.Values{"do": {"discard"}}, []string{told, "last"},
			"Discarded"},
		{d.path(old, "/delete"), "", "", func() { d.must(secret("dev", "old", "other")) }, url.Values{"key": {"old"}},
			[]string{told, `name="key" class="mono" value="old"`}, "Deleted."},
		{"/ui/access/bindings/" + lone.ID + "/delete", "", "", func() {
			name := "renamed"
			d.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindBinding, ID: lone.ID, Rename: &name})
		}, nil, []string{told, "Delete renamed"}, "Deleted."},
	} {
		if strings.Contains(f.has, "refresh") { // the button is there for a change that is stale
			if _, err := d.service.Apply(t.Context(), backend.ChangeSet{Draft: "release",
				Changes: []backend.Change{secret("dev", "old", canary)}}); err != nil {
				t.Fatal(err)
			}
			d.must(secret("dev", "old", "changed"))
		}
		to := strings.TrimSuffix(f.page, f.action) + f.action
		action := to[strings.LastIndex(to, "/"):]
		send := func(page answer) answer {
			form := page.form(t, action, f.has)
			for name, values := range f.typed {
				form[name] = values
			}
			return d.post(to, form)
		}
		page := d.get(f.page).is(t, 200)
		f.first()
		before := d.everything()
		again := send(page)
		if again.StatusCode != 422 && again.StatusCode != 409 {
			t.Errorf("%s: status %d, and the second is not told", to, again.StatusCode)
			continue
		}
		again.is(t, again.StatusCode, f.shown...).lacks(t, canary)
		if d.everything() != before {
			t.Fatalf("%s: something was changed", to)
		}
		if got := send(again); got.StatusCode != 200 || !strings.Contains(got.body, f.done) {
			t.Errorf("%s, sent again: status %d, %s", to, got.StatusCode, got.problem())
		}
	}
}

// TestFormOfADeletedTypeIsKept has somebody else delete a type while its form is open.
func TestFormOfADeletedTypeIsKept(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	at := backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: backend.DefaultProject, Name: "login"}
	created := at
	created.Schema = []byte(`{"type":"string"}`)
	d.must(created)
	form := d.get("/ui/p/default/types/login").form(t, "/login", "")
	form.Set("schema", `{"type":"string","minLength":3}`)
	at.Op = backend.OpDelete
	d.must(at)
	again := d.post("/ui/p/default/types/login", form).
		is(t, 409, "somebody else has deleted", "minLength&#34;:3}</textarea>", `value="login"`)
	d.post("/ui/p/default/new-type", again.form(t, "/new-type", "")).is(t, 200, "Saved.", "minLength")
}

// TestBindingGivesWhatWasSeen has somebody else change the role, and then the group, between the review of a binding
// and its creation.
func TestBindingGivesWhatWasSeen(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	for _, name := range []string{"lone", "late"} {
		d.newToken(name, backend.RoleNone, backend.Person)
	}
	d.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "team", Members: []string{"token:lone"}},
		backend.Change{Op: backend.OpCreate, Kind: backend.KindRole, Name: "look", Rights: []backend.Right{"see"}})
	typed := url.Values{"name": {"b"}, "to": {"group:team"}, "role": {"look"}, "at": {"default/dev"}, "do": {"review"},
		"description": {"why"}}
	review := d.post("/ui/access/new", typed).is(t, 200, "This binding gives")
	for _, c := range []struct {
		change backend.Change
		shown  string
	}{{backend.Change{Op: backend.OpUpdate, Kind: backend.KindRole, Name: "look",
		Rights: []backend.Right{"see", "write"}}, ">write<"},
		{backend.Change{Op: backend.OpUpdate, Kind: backend.KindGroup, Name: "team",
			Members: []string{"token:lone", "token:late"}}, "token:late"}} {
		d.must(c.change)
		form := review.form(t, "/access/new", "")
		form.Set("do", "create")
		review = d.post("/ui/access/new", form).
			is(t, 409, "Somebody else has made a change", "This binding gives", c.shown, `name="description" value="why"`)
	}
	form := review.form(t, "/access/new", "")
	form.Set("do", "create")
	d.post("/ui/access/new", form).is(t, 200, "Created.", "group:team")
}

// TestSecondWhoStagesIsTold has two people put changes of one entry into one draft, with the forms to edit and to
// delete it. The second one learns what the first one has staged. A person who adds to their own change is not asked.
func TestSecondWhoStagesIsTold(t *testing.T) {
	d, _ := newServers(t)
	ada, _ := d.newToken("ada", backend.RoleEditor, backend.Person)
	bea, _ := d.newToken("bea", backend.RoleEditor, backend.Person)
	cid, _ := d.newToken("cid", backend.RoleEditor, backend.Person)
	d.must(backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: backend.DefaultProject,
		Environment: "dev", Name: "region", JSON: []byte("1")})
	as := func(token string) {
		d.browser, d.base = newBrowser(), ""
		d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200)
	}
	changes := func(draft string) (all []backend.Object) {
		page, err := d.service.Query(t.Context(), backend.Query{Kind: backend.KindDraftChange,
			Project: backend.DefaultProject, Draft: draft})
		if err != nil {
			t.Fatal(err)
		}
		return page.Objects
	}
	for _, f := range []struct {
		draft    string
		o        backend.Object
		page     string
		typed    url.Values
		has      string
		changed  string
		deletion bool
	}{
		{"secrets", d.object(backend.KindSecret, "db_password"), "/edit",
			url.Values{"description": {"by bea"}, "value": {canary}, "note": {"mine"}}, `name="note" value="mine"`,
			"description value", false},
		{"values", d.object(backend.KindScopedValue, "region"), "/edit",
			url.Values{"description": {"by bea"}, "json": {"2"}}, "\n2</textarea>", "description json", false},
		{"deletions", d.object(backend.KindSecret, "db_password"), "/delete", url.Values{"key": {"db_password"}},
			`class="mono" value="db_password"`, "", true},
	} {
		as(ada)
		send := func(page answer, at string, typed url.Values) answer {
			form := page.form(t, at, "")
			for name, values := range typed {
				form[name] = values
			}
			form.Set("draft", f.draft)
			return d.post(d.path(f.o, at), form)
		}
		page := d.get(d.path(f.o, "/edit"))
		send(page, "/edit", url.Values{"description": {"first"}}).is(t, 200, "Added to the draft.")
		send(d.get(d.path(f.o, "/edit")), "/edit", url.Values{"description": {"by ada"}}).is(t, 200, "Added to the draft.")
		before := changes(f.draft)
		as(bea)
		told := send(d.get(d.path(f.o, f.page)), f.page, f.typed)
		told.is(t, 422, "a change of this entry already, by ada: update description. Nothing was added.", f.has,
			`value="`+f.draft+`"`).lacks(t, canary)
		if after := changes(f.draft); len(after) != 1 || after[0].ID != before[0].ID {
			t.Fatalf("%s: the draft was changed: %v", f.draft, after)
		}
		as(cid) // stages after bea has looked
		send(send(d.get(d.path(f.o, "/edit")), "/edit", url.Values{"description": {"by cid"}}), "/edit",
			url.Values{"description": {"by cid"}}).is(t, 200, "Added to the draft.")
		before = changes(f.draft)
		as(bea)
		told = send(told, f.page, f.typed)
		told.is(t, 422, "a change of this entry already, by ada, cid: update description. Nothing was added.", f.has).
			lacks(t, canary)
		if after := changes(f.draft); len(after) != 1 || after[0].ID != before[0].ID {
			t.Fatalf("%s: the draft was changed: %v", f.draft, after)
		}
		elsewhere := told.form(t, f.page, "")
		elsewhere.Set("draft", f.draft+"2")
		for name, values := range f.typed {
			elsewhere[name] = values
		}
		d.post(d.path(f.o, f.page), elsewhere).is(t, 200, "Added to the draft.")
		told = send(d.get(d.path(f.o, f.page)), f.page, f.typed)
		for range 2 { // as by a double click
			send(told, f.page, f.typed).is(t, 200, "Added to the draft.")
		}
		after := changes(f.draft)
		if len(after) != 1 || strings.Join(after[0].Staged.Changed, " ") != f.changed ||
			(after[0].Staged.Action == backend.ActionDelete) != f.deletion {
			t.Errorf("%s: the draft has %+v", f.draft, after[0].Staged)
		}
		if f.deletion {
			continue
		}
		as(ada)
		send(d.get(d.path(f.o, "/edit")), "/edit", url.Values{"description": {"ada again"}}).
			is(t, 422, "by ada, cid, bea: update description")
	}
}
