// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// secretType returns the change that creates a type of the default project.
func secretType(name, schema string) backend.Change {
	return backend.Change{Op: backend.OpCreate, Kind: backend.KindSecretType, Project: backend.DefaultProject, Name: name,
		Schema: json.RawMessage(schema)}
}

// TestFormOfAWideTypeIsSmall has a type with more properties than a form has fields.
func TestFormOfAWideTypeIsSmall(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	wide := func(n int) string {
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf(`"p%d": {}`, i))
		}
		return `{"type": "object", "properties": {` + strings.Join(members, ",") + `}}`
	}
	d.must(secretType("wide", wide(4900)), secretType("full", wide(200)))
	d.get("/ui/p/default/e/dev/new?type=full").is(t, 200, `name="value.p199"`)
	d.get("/ui/p/default/e/dev/new?type=wide").is(t, 200, `name="value"`).lacks(t, "value.p0")
	v := url.Values{"type": {"wide"}, "environment": {"dev"}, "name": {"wide"}, "value": {`{"p0": 1}`}}
	d.post("/ui/p/default/check", v).is(t, 200, "fits the type")
	d.post("/ui/p/default/e/dev/new", v).is(t, 200, "Created.")
}

// TestViewerChecksNoValue asks for a dry run, which is for those who may create.
func TestViewerChecksNoValue(t *testing.T) {
	d, _ := newServers(t)
	token, _ := d.newToken("eve", backend.RoleViewer, backend.Person)
	d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200)
	d.post("/ui/p/default/check", url.Values{"type": {"database_connection"}, "environment": {"dev"}}).
		is(t, 403, "permission denied")
}

// TestSecretFieldsAreNotSentBack fills the fields of a type, and leaves out one that is required.
func TestSecretFieldsAreNotSentBack(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.must(secretType("hook", `{"type": "object", "required": ["missing"], "properties": {
		"missing": {"type": "string"}, "pin": {"type": "integer"}, "ratio": {"type": "number"}, "url": {"type": "string"},
		"account": {"type": "string", "writeOnly": true}, "user": {"type": "string", "format": "password"},
		"answer": {"enum": ["heads", "tails"], "writeOnly": true}, "flag": {"type": "boolean", "writeOnly": true},
		"port": {"type": "integer"}, "team": {"type": "string", "writeOnly": false}}}`))
	const add = "/ui/p/default/e/dev/new"
	d.get(add+"?type=hook").is(t, 200, `name="value.pin" type="text" class="mono masked"`,
		`name="value.url" type="text" class="mono masked"`,
		`name="value.account" type="text" class="mono masked"`, `name="value.user" type="text" class="mono masked"`,
		`name="value.port" type="text" inputmode`)
	d.post(add, url.Values{"type": {"hook"}, "name": {"hook"}, "value.pin": {"98765432"}, "value.ratio": {"0.125"},
		"value.url": {"https://hooks.example/" + canary}, "value.account": {canary}, "value.user": {canary},
		"value.answer": {"tails"}, "value.flag": {"true"}, "value.port": {"5432"}, "value.team": {"blue"}}).
		is(t, 422, "missing", `value="5432"`, `value="blue"`).
		lacks(t, canary, "98765432", "0.125", "<option selected>tails", `value="true" selected`)
}

// TestFormThatIsTooLargeIsRefused sends more than a form may have, and something that is no form.
func TestFormThatIsTooLargeIsRefused(t *testing.T) {
	d := newDashboard(t)
	large := url.Values{"code": {"x"}, "name": {"huge"}, "value": {canary + strings.Repeat("a", 1<<20)}}
	d.post("/ui/sign-in", large).is(t, 413, "larger than 1048576 bytes")
	d.signIn()
	for _, path := range []string{"/ui/p/default/e/dev/new", "/ui/p/default/quotas", "/ui/p/default/new-type"} {
		d.post(path, large).is(t, 413, "larger than 1048576 bytes", "nothing was changed").lacks(t, canary)
	}
	r := d.request(http.MethodPost, "/ui/p/default/e/dev/new", nil)
	r.Body = io.NopCloser(strings.NewReader("name=a&value=" + canary + "%zz"))
	d.send(r).is(t, 400, "cannot be parsed").lacks(t, canary)
}

// TestPageAfterTheLastIsTheLast asks for a page whose entries were deleted.
func TestPageAfterTheLastIsTheLast(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.get("/ui/p/default/e/dev?page=400").is(t, 200, "1–1 of 1", "db_password").lacks(t, "has no secrets yet")
	d.get("/ui/p/default/e/prod?page=400").is(t, 200, "has no secrets yet")
}

// TestCopyingNeverShowsTheValue asks for the value to copy it, also after the session must be confirmed.
func TestCopyingNeverShowsTheValue(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	typed := secret("dev", "typed", `{"host":"h","password":"p","username":"u"}`)
	typed.Type = ptr("database_connection")
	out := d.must(typed, secret("dev", "binary", "\x00\x01\xff"))
	as := func(o backend.Object, do string) answer {
		r := d.request(http.MethodPost, d.path(o, "/reveal"), url.Values{"do": {do}})
		r.Header.Set("Accept", "application/json")
		return d.send(r)
	}
	as(out[0].Object, "show").is(t, 200, `"value":"{\n  \"host\": \"h\"`)
	as(out[0].Object, "copy").is(t, 200, `"value":"{\"host\":\"h\"`)
	for _, do := range []string{"show", "copy"} {
		as(out[1].Object, do).is(t, 200, `{"binary":true,"seconds":30,"value":"AAH/"}`)
	}
	o := d.object(backend.KindSecret, "db_password")
	d.now = d.now.Add(11 * time.Minute)
	as(o, "copy").is(t, 401).lacks(t, canary)
	page := d.post(d.path(o, "/reveal"), url.Values{"do": {"copy"}}).is(t, 401, `name="do" value="copy"`, "A new code")
	page.lacks(t, canary)
	got := d.post(d.path(o, "/reveal"), url.Values{"do": {"copy"}, "code": {d.codes.New()}}).
		is(t, 200, "Copy the value now")
	got.lacks(t, canary)
	if got.at() != d.path(o, "") {
		t.Errorf("after the confirmation: %s", got.Request.URL)
	}
	as(o, "copy").is(t, 200, canary)
}

// TestWhiteSpaceOfValuesIsExact reveals and edits texts that HTML would change.
func TestWhiteSpaceOfValuesIsExact(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	c := secret("dev", "lead", "\n\nlead\r\nend")
	c.Description = ptr("\ntwo lines")
	o := d.must(c)[0].Object
	d.post(d.path(o, "/reveal"), nil).is(t, 200, ">\n\n\nlead&#13;\nend</pre>")
	d.get(d.path(o, "/edit")).is(t, 200, ">\n\ntwo lines</textarea>")
	d.post(d.path(o, "/edit"), url.Values{"name": {"lead"}, "description": {"\r\ntwo lines"}, "visibility": {"masked"},
		"edition": {d.get(d.path(o, "/edit")).field(t, "edition")}}).is(t, 422, "No changes to save")
}

// TestGeneratingAndTypingIsRefused gives a value and asks for another one.
func TestGeneratingAndTypingIsRefused(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.post("/ui/p/default/e/dev/new", url.Values{"name": {"gen"}, "value": {canary}, "generate": {"yes"}}).
		is(t, 422, "one is to be generated").lacks(t, canary)
}

// TestFormIsSentOnce sends a form again with something else in it, and with an id that is too long for a key.
func TestFormIsSentOnce(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	const add = "/ui/p/default/e/dev/new"
	v := url.Values{"form": {"one"}, "name": {"first"}, "value": {"v"}}
	d.post(add, v).is(t, 200, "Created.")
	v.Set("name", "other")
	d.post(add, v).is(t, 422, "this form was sent before").lacks(t, "idempotency")
	d.post(add, url.Values{"form": {strings.Repeat("x", 250)}, "name": {"long"}, "value": {"v"}}).is(t, 200, "Created.")
}

// TestReloadOfAValueLeadsBack opens the address of a page that only a form leads to.
func TestReloadOfAValueLeadsBack(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	o := d.object(backend.KindSecret, "db_password")
	if got := d.get(d.path(o, "/reveal")).is(t, 200, "db_password"); got.at() != d.path(o, "") {
		t.Errorf("the page is %s", got.at())
	}
}

// TestTextsOfTypesAreReadable has a type with characters that reverse the text around them.
func TestTextsOfTypesAreReadable(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.must(secretType("evil", `{"type": "object", "properties": {"a": {"type": "string", "title": "x\u202ey",
		"description": "d\u202ee"}, "b": {"enum": ["c\u202ed"]}}}`))
	d.get("/ui/p/default/e/dev/new?type=evil").is(t, 200, `x\u202ey`, `d\u202ee`, `>c\u202ed<`)
}

// TestChoosingATypeKeepsWhatWasTyped presses "Use this type".
func TestChoosingATypeKeepsWhatWasTyped(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.post("/ui/p/default/e/dev/new", url.Values{"name": {"typed"}, "description": {"kept"}, "value": {canary},
		"type": {"database_connection"}, "do": {"type"}}).
		is(t, 200, `value="typed"`, "kept</textarea>", `name="value.host"`).lacks(t, canary)
	if page, _ := d.service.Query(t.Context(), backend.Query{Kind: backend.KindSecret, Project: "default",
		Name: "typed"}); len(page.Objects) > 0 {
		t.Error("the secret was created")
	}
}

// TestDeletionWhileEditingKeepsWhatWasTyped has somebody else delete the secret.
func TestDeletionWhileEditingKeepsWhatWasTyped(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	o := d.object(backend.KindSecret, "db_password")
	d.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: o.ID})
	d.post(d.path(o, "/edit"), url.Values{"name": {"db_password"}, "description": {"kept"}, "value": {canary},
		"environment": {"dev"}}).is(t, 409, "somebody else has deleted the secret", "kept</textarea>",
		`/e/dev/new"`).lacks(t, canary)
}

// TestSessionThatEndsDuringTheEditOfATypeKeepsTheSchema sends the form of a type without a session.
func TestSessionThatEndsDuringTheEditOfATypeKeepsTheSchema(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.must(secretType("login", `{"type": "object"}`))
	d.now = d.now.Add(31 * time.Minute)
	const schema = `{"type": "object", "title": "typed"}`
	d.post("/ui/p/default/types/login", url.Values{"schema": {schema}}).
		is(t, 401, `name="kept.schema" value="{&#34;type&#34;: &#34;object&#34;, &#34;title&#34;: &#34;typed&#34;}"`)
	d.signIn()
	d.post("/ui/p/default/types/login", url.Values{"schema": {schema}, "restored": {"yes"}}).
		is(t, 200, "typed", "Save changes").lacks(t, "Saved.")
	d.get("/ui/p/default/types/login").is(t, 200).lacks(t, "typed")
}

// TestSessionThatEndsDuringAnEditKeepsWhatWasTyped signs in again, and goes back to the form.
func TestSessionThatEndsDuringAnEditKeepsWhatWasTyped(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	o := d.object(backend.KindSecret, "db_password")
	typed := url.Values{"name": {"db_password"}, "description": {"kept"}, "value": {canary}, "value.password": {canary},
		"visibility": {"masked"}, "edition": {d.get(d.path(o, "/edit")).field(t, "edition")}}
	d.now = d.now.Add(31 * time.Minute)
	asked := d.post(d.path(o, "/edit"), typed).is(t, 401, "What you typed is kept", `name="kept.description" value="kept"`)
	asked.lacks(t, canary)
	again := url.Values{"code": {"wrong"}, "to": {asked.field(t, "to")}, "kept.description": {"kept"},
		"kept.name": {"db_password"}, "kept.visibility": {"masked"}, "kept.edition": {typed.Get("edition")},
		"kept.value": {canary}}
	d.post("/ui/sign-in", again).is(t, 401, `name="kept.description" value="kept"`).lacks(t, canary)
	again.Set("code", d.codes.New())
	d.base = ""
	back := d.post("/ui/sign-in", again).is(t, 200, "Go back to your form", `name="restored" value="yes"`)
	back.lacks(t, canary)
	action := regexp.MustCompile(`<form action="(/ui/~[^"]+/edit)"`).FindStringSubmatch(back.body)
	if action == nil {
		t.Fatalf("the page has no form:\n%s", back.body)
	}
	typed.Set("restored", "yes")
	d.base = strings.Join(strings.Split(action[1], "/")[:3], "/")
	d.post(d.path(o, "/edit"), typed).is(t, 200, "kept</textarea>").lacks(t, canary)
	if now := d.object(backend.KindSecret, "db_password"); now.Description != "" {
		t.Errorf("the form was saved: %q", now.Description)
	}
	typed.Del("restored")
	d.post(d.path(o, "/edit"), typed).is(t, 200, "Saved.", "kept")
}
