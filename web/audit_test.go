// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// TestAuditShowsWhoDidWhat reveals a secret, fails to, and looks for the records.
func TestAuditShowsWhoDidWhat(t *testing.T) {
	d, _ := newServers(t)
	admin, _ := d.newToken("root", backend.RoleAdmin, backend.Person)
	viewer, _ := d.newToken("eve", backend.RoleViewer, backend.Person)
	o := d.object(backend.KindSecret, "db_password")
	d.post("/ui/sign-in", url.Values{"code": {viewer}}).is(t, 200).lacks(t, "/audit\"")
	d.post(d.path(o, "/reveal"), nil).is(t, 403)
	d.get("/ui/audit").is(t, 403, "permission denied")
	d.get(d.path(o, "")).is(t, 200).lacks(t, "What happened to it")
	d.browser, d.base = newBrowser(), ""
	d.post("/ui/sign-in", url.Values{"code": {admin}}).is(t, 200, "/audit\"")
	d.post(d.path(o, "/reveal"), nil).is(t, 200, canary)

	d.get("/ui/audit").is(t, 200, ">reveal</span>", ">sign-in</span>", ">denied<", ">eve<", "127.0.0.1").lacks(t, canary)
	// The address and the number of the record have a column each.
	columns := regexp.MustCompile(`<th scope="col"`).FindAllString(d.get("/ui/audit?verb=sign-in").body, -1)
	row := regexp.MustCompile(`<td class="minor small mono">127\.0\.0\.1</td>` +
		`<td class="rare small"[^>]*>\S+ \d+</td></tr>`)
	if body := d.get("/ui/audit?verb=sign-in").body; !row.MatchString(body) || len(columns) != 8 {
		t.Errorf("the table has %d columns, and no row with an address and a number:\n%s", len(columns), body)
	}
	for query, want := range map[string][]string{
		"by=eve&verb=reveal": {"eve"}, "verb=reveal&outcome=ok": {"root"}, "verb=reveal": {"eve", "root"},
		"name=db_password&env=dev&verb=reveal": {"eve", "root"}, "name=nothing": nil, "since=1h&by=eve&verb=reveal": {"eve"},
		"to=2000-01-01": nil, "project=default&verb=reveal": {"eve", "root"}, "id=" + o.ID + "&verb=reveal": {"root"},
	} {
		body := d.get("/ui/audit?"+query).is(t, 200).body
		for _, who := range []string{"eve", "root"} {
			wanted := false
			for _, w := range want {
				wanted = wanted || w == who
			}
			if got := strings.Contains(body, "<td class=\"text\"><bdi>"+who+"<"); got != wanted {
				t.Errorf("%s: a record of %s is listed: %v", query, who, got)
			}
		}
	}
	d.get("/ui/audit?from=yesterday").is(t, 422, "the date is not valid", `value="yesterday"`)
	d.get("/ui/audit?after=nonsense").is(t, 422)
	d.get(d.path(o, "")).is(t, 200, "What happened to it", ">reveal</span>", "id="+o.ID)
}

// TestAuditHasPages leads through more records than a page has.
func TestAuditHasPages(t *testing.T) {
	d, _ := newServers(t)
	admin, _ := d.newToken("root", backend.RoleAdmin, backend.Person)
	for n := range 90 {
		d.must(secret("dev", fmt.Sprintf("key_%03d", n), "v"))
	}
	d.post("/ui/sign-in", url.Values{"code": {admin}}).is(t, 200)
	seen, page := map[string]bool{}, "/ui/audit?verb=apply&name="
	for n := 0; page != ""; n++ {
		body := d.get(page).is(t, 200).body
		for _, m := range regexp.MustCompile(`less"><bdi>secret (key_\d+)`).FindAllStringSubmatch(body, -1) {
			if seen[m[1]] {
				t.Fatalf("%s is listed twice", m[1])
			}
			seen[m[1]] = true
		}
		next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(body)
		page = ""
		if next != nil {
			page = "/ui/audit" + strings.ReplaceAll(next[1], "&amp;", "&")
		}
		if n > 10 {
			t.Fatal("the pages do not end")
		}
	}
	if len(seen) != 90 {
		t.Errorf("%d records are listed", len(seen))
	}
}

// TestAuditOfOneProject is for who may audit one project only.
func TestAuditOfOneProject(t *testing.T) {
	d, _ := newServers(t)
	d.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindProject, Name: "shop"})
	token, _ := d.newToken("grace", backend.RoleNone, backend.Person)
	d.must(bind("grace-shop", "auditor", "grace", backend.Where{Project: "shop"}))
	d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200, "/audit\"")
	d.get("/ui/audit").is(t, 200, "project shop").lacks(t, "db_password", ">sign-in</span>")
}

// TestAuditNamesWhatWasCompared compares versions by the id of a secret. Who may see the secret reads its name.
func TestAuditNamesWhatWasCompared(t *testing.T) {
	d, _ := newServers(t)
	admin, _ := d.newToken("root", backend.RoleAdmin, backend.Person)
	d.must(secret("dev", "db_password", "second"))
	o := d.object(backend.KindSecret, "db_password")
	d.post("/ui/sign-in", url.Values{"code": {admin}}).is(t, 200)
	d.get(d.path(o, "?compare=1")).is(t, 200, "another value")
	row := regexp.MustCompile(`<td class="text less"><bdi>secret (\S+)</bdi>`)
	names := func() (out []string) {
		for _, m := range row.FindAllStringSubmatch(d.get("/ui/audit?verb=compare").is(t, 200).body, -1) {
			out = append(out, m[1])
		}
		return out
	}
	if got := names(); len(got) != 1 || got[0] != "db_password" {
		t.Errorf("the records name %q", got)
	}
	d.get(d.path(o, "")).is(t, 200, ">compare</span>").lacks(t, "secret "+o.ID)
	if _, err := d.service.Apply(t.Context(), backend.ChangeSet{Draft: "release",
		Changes: []backend.Change{secret("dev", "next", canary)}}); err != nil {
		t.Fatal(err)
	}
	d.get("/ui/p/default/drafts/release").is(t, 200)
	d.get("/ui/audit?verb=compare").is(t, 200, "<bdi>draft release, secret next</bdi>")

	rights := []backend.Right{backend.RightAudit}
	d.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindRole, Name: "reads", Rights: rights})
	grace, _ := d.newToken("grace", backend.RoleNone, backend.Person)
	d.must(bind("grace-1", "reads", "grace", backend.Where{Project: "default"}))
	d.browser, d.base = newBrowser(), ""
	d.post("/ui/sign-in", url.Values{"code": {grace}})
	if got := names(); len(got) != 1 || got[0] != o.ID {
		t.Errorf("somebody who may not see secrets reads the names %q", got)
	}
	d.get("/ui/audit?verb=query").is(t, 200, "No record") // looking at the page is no refused attempt
}
