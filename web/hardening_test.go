// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
	d.get(add+"?type=hook").is(t, 200, `name="value.pin" type="password"`, `name="value.url" type="password"`,
		`name="value.account" type="password"`, `name="value.user" type="password"`, `name="value.port" type="text"`)
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
