// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"net/url"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

// TestErrorsSayWhatToDoInThePages meets errors whose hints name commands elsewhere.
func TestErrorsSayWhatToDoInThePages(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	commands := []string{"pouncet token", "pouncet draft", "pouncet project", "pouncet secret", "pouncet env",
		"pouncet doctor", "pouncet binding", "pouncet role", "pouncet group", "pouncet trust"}
	add := func(form url.Values) answer { return d.post("/ui/p/default/e/dev/new", form) }

	two := 1
	d.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
		Policy: &backend.PolicyChange{MaxSecrets: &two}})
	add(url.Values{"name": {"more"}, "value": {"v"}}).is(t, 422, "quota", "on the page Quota and rules").
		lacks(t, commands...)
	refuse := backend.DuplicatesRefused
	many := 100
	d.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
		Policy: &backend.PolicyChange{MaxSecrets: &many, Duplicates: &refuse}})
	add(url.Values{"name": {"more"}, "value": {canary}}).is(t, 422, "on the page Quota and rules").
		lacks(t, append(commands, canary)...)
	o := d.object(backend.KindSecret, "db_password")
	d.post(d.path(o, "/rollback"), url.Values{"version": {"nothing"}, "expect": {"1"}}).
		is(t, 409, "list its versions: on its page").lacks(t, commands...)
	d.get("/ui/p/default/drafts/none").is(t, 404, "it was deployed, discarded").lacks(t, commands...)
	d.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindProject, Name: "empty"})
	d.get("/ui/p/empty/e/dev").is(t, 404, "choose an environment from the list").lacks(t, commands...)
	for to, page := range map[string]string{"token:nobody": "on the page Tokens", "group:nobody": "on the page Access"} {
		d.post("/ui/access/new", url.Values{"name": {"b"}, "to": {to}, "role": {"viewer"}, "at": {"default"},
			"do": {"review"}}).is(t, 422, page).lacks(t, commands...)
	}

	server, _ := newServers(t)
	server.post("/ui/sign-in", url.Values{"code": {"wrong"}}).is(t, 401, "copy it again")
	token, _ := server.newToken("eve", backend.RoleViewer, backend.Person)
	expired, _ := access.NewToken()
	server.post("/ui/sign-in", url.Values{"code": {expired}}).is(t, 401, "admins create one on the page Tokens")
	server.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200)
	server.post("/ui/p/default/e/dev/new", url.Values{"name": {"x"}, "value": {"v"}}).
		is(t, 422, "permission denied", "Access").lacks(t, commands...)
}
