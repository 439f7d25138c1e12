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

// follow opens the page that the link with a text leads to.
func (d *dashboard) follow(a answer, text string) answer {
	d.Helper()
	m := regexp.MustCompile(`<a [^>]*href="([^"]*)"[^>]*>` + regexp.QuoteMeta(text) + `</a>`).FindStringSubmatch(a.body)
	if m == nil {
		d.Fatalf("no link has the text %q", text)
	}
	to := strings.Replace(strings.ReplaceAll(m[1], "&amp;", "&"), d.base, "/ui", 1)
	if strings.HasPrefix(to, "?") {
		to = a.at() + to
	}
	return d.get(to).is(d.T, 200)
}

// TestLongListsSayWhatTheyLeaveOut has more positions, readers and reasons than a page shows. Each list says so, and
// leads to the rest.
func TestLongListsSayWhatTheyLeaveOut(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	const many = 250
	var usages []backend.Usage
	for n := range many {
		usages = append(usages, backend.Usage{File: fmt.Sprintf("file-%03d.yaml", n), Line: 1, Column: 2,
			Kind: backend.KindSecret, Name: "db_password", Environment: "dev"})
	}
	d.must(backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: backend.DefaultProject, Name: "repo",
		Usages: usages})
	var tokens []backend.Change
	for n := range many {
		role, kind := backend.RoleRuntime, backend.Workload
		tokens = append(tokens, backend.Change{Op: backend.OpCreate, Kind: backend.KindToken,
			Name: fmt.Sprintf("token-%03d", n), Role: &role, Principal: &kind,
			TokenHash: fmt.Appendf(nil, "%032d", n)})
	}
	d.must(tokens...)
	for n := range 13 {
		d.must(secret("dev", fmt.Sprintf("same_%02d", n), "one value"))
	}
	o := d.object(backend.KindSecret, "db_password")

	page := d.get(d.path(o, ""))
	positions := map[string]bool{}
	count := func(a answer) int {
		for _, file := range regexp.MustCompile(`file-\d+\.yaml`).FindAllString(a.body, -1) {
			positions[file] = true
		}
		return len(positions)
	}
	if n := count(page.is(t, 200, "These are 100 positions, and there are more.")); n != 100 {
		t.Errorf("%d positions are shown", n)
	}
	next := d.follow(page, "The next positions")
	if n := count(next.is(t, 200, "Back to the first positions")); n != 200 {
		t.Errorf("%d positions are shown", n)
	}
	last := d.follow(next, "The next positions")
	if n := count(last); n != many {
		t.Errorf("%d positions are shown", n)
	}
	last.lacks(t, "The next positions")
	d.follow(last, "Back to the first positions").is(t, 200, "These are 100 positions")
	d.get(d.path(o, "/delete")).is(t, 200, "There are more. All of them are on the page")
	d.get(d.path(o, "/edit")).is(t, 200, "There are more. All of them are on the page")

	rows := regexp.MustCompile(`class="key"><bdi>(token-\d+)</bdi>`)
	if n := len(rows.FindAllString(page.is(t, 200, "These are the first 50 of 25").body, -1)); n != 50 && n != 49 {
		t.Errorf("%d readers are shown", n)
	}
	readers := map[string]bool{}
	list := d.follow(page, "All of them are on the page Access.").is(t, 200, "Page 1 of 2")
	for _, a := range []answer{list, d.follow(list, "Next")} {
		for _, m := range rows.FindAllStringSubmatch(a.body, -1) {
			readers[m[1]] = true
		}
	}
	if len(readers) != many {
		t.Errorf("%d readers are on the page Access", len(readers))
	}
	for _, wrong := range []string{"-1", "x", "99999999999999999999"} {
		d.get("/ui/access?page="+url.QueryEscape(wrong)).is(t, 200, "Page 1 of 2")
	}
	d.get("/ui/access?page=900").is(t, 200, "Page 2 of 2")
	d.get(d.path(o, "")+"?uses=wrong").is(t, 400)
	d.get("/ui/p/default/reports").is(t, 200, "and 2 more")
}
