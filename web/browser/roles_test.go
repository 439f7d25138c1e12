// SPDX-License-Identifier: MPL-2.0

package browser

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// offered are the forms that each role finds on all pages that links lead to, in short. An object is ID.
var offered = map[string][]string{"revealer": {"/p/default/secret/ID/reveal"}, "editor": ofEditors,
	"admin": slices.Sorted(slices.Values(append(slices.Clone(ofEditors), "/access/bindings/ID/delete", "/access/new",
		"/p/default/new-type", "/p/default/quotas", "/p/default/secret/ID/reveal", "/projects", "/tokens",
		"/tokens/ID/delete")))}

var ofEditors = []string{"/p/default/deleted", "/p/default/drafts/release-7", "/p/default/e/%2A/new",
	"/p/default/e/%2A/new-value", "/p/default/e/dev/new", "/p/default/e/dev/new-value", "/p/default/e/prod/new",
	"/p/default/e/prod/new-value", "/p/default/secret/ID/delete", "/p/default/secret/ID/edit",
	"/p/default/secret/ID/rollback", "/p/default/secret/ID/tags", "/p/default/value/ID/delete", "/p/default/value/ID/edit"}

var (
	idInPath  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
	keyInPath = regexp.MustCompile(`/types/[a-z0-9_]+$`)
)

// shorten returns a path without the session, and without the ids of objects.
func (p *person) shorten(path string) string {
	path, _, _ = strings.Cut(strings.TrimPrefix(path, p.base), "#")
	path, _, _ = strings.Cut(path, "?")
	return keyInPath.ReplaceAllString(idInPath.ReplaceAllString(path, "ID"), "/types/KEY")
}

// once returns what distinguishes the pages that are opened: not the types and not how a list is sorted, but whether
// values are compared.
func (p *person) once(path string) string {
	_, query, _ := strings.Cut(path, "?")
	if query, _, _ = strings.Cut(query, "#"); !strings.HasPrefix(query, "compare=") && query != "values=yes" {
		query = ""
	}
	path, _, _ = strings.Cut(strings.TrimPrefix(path, p.base), "#")
	path, _, _ = strings.Cut(path, "?")
	return keyInPath.ReplaceAllString(path, "/types/KEY") + "?" + query
}

// links are the pages that a page leads to. sent are the forms of its main part, which the browser sends as they are,
// with a text in each empty field, and what the server answers.
const (
	links = `Array.from(document.querySelectorAll("a[href]")).map(a => new URL(a.href)).filter(
		u => u.origin === location.origin && u.pathname.startsWith("/ui/")).map(u => u.pathname + u.search)`
	sent = `Promise.all(Array.from(document.querySelectorAll("main form[method=post]")).flatMap(f => {
		const buttons = Array.from(f.querySelectorAll("button:not([type=button])"));
		return (buttons.length ? buttons : [null]).map(async b => {
			const body = new URLSearchParams(new FormData(f, b && b.name ? b : undefined));
			for (const e of f.elements) {
				if (e.name && !body.get(e.name) && ["text", "textarea"].includes(e.type) && e.name !== "draft") {
					body.set(e.name, "typed");
				}
			}
			const answer = await fetch(f.action, {method: "POST", body, redirect: "manual"});
			return {"path": new URL(f.action).pathname, "status": answer.status, "text": await answer.text()};
		});
	}))`
)

type sentForm struct {
	Path, Text string
	Status     int
}

// TestEachRoleIsOfferedWhatItMay follows all links of the dashboard as each role. No page is refused, and no form that
// a page has is refused for want of a right. So what a role may not do is offered nowhere.
func TestEachRoleIsOfferedWhatItMay(t *testing.T) {
	d := filled(t)
	roles := []string{"viewer", "auditor", "planner", "runtime", "revealer", "editor", "admin"}
	tokens := map[string]string{}
	for _, role := range roles {
		tokens[role] = d.newToken("the-"+role, "--role", role)
	}
	d.startServer("http")
	for _, role := range roles {
		t.Run(role, func(t *testing.T) {
			d.run("v", "secret", "set", "gone", "--env", "prod", "--stdin") // for the page Deleted
			d.run("", "secret", "delete", "gone", "--env", "prod")
			p := d.person()
			p.TB = t
			p.signInWith(tokens[role])
			offers := map[string]bool{}
			var forms []string // pages with forms, which are sent at the end
			seen, next := map[string]bool{}, []string{p.base + "/"}
			for len(next) > 0 {
				at := next[0]
				next = next[1:]
				if isSame := p.once(at); seen[isSame] || strings.Contains(isSame, "/switch") {
					continue
				}
				seen[p.once(at)] = true
				p.open(at)
				p.seesNot("permission denied", "This did not work", "does not exist", "may not compare")
				if evaluate[bool](p, `document.querySelector("main form[method=post]") !== null`) {
					forms = append(forms, at)
				}
				next = append(next, evaluate[[]string](p, links)...)
			}
			// The form of the page with the sessions would end this one.
			forms = slices.DeleteFunc(forms, func(at string) bool { return p.shorten(at) == "/sessions" })
			for _, at := range forms {
				p.open(at)
				raw := evaluate[json.RawMessage](p, sent)
				var all []sentForm
				if err := json.Unmarshal(raw, &all); err != nil {
					t.Fatal(err)
				}
				for _, f := range all {
					offers[p.shorten(f.Path)] = true
					if f.Status == 403 || strings.Contains(f.Text, "permission denied") {
						t.Errorf("%s has a form for %s, which is refused", p.shorten(at), p.shorten(f.Path))
					}
				}
			}
			if got := slices.Sorted(maps.Keys(offers)); !slices.Equal(got, offered[role]) {
				t.Errorf("the forms are %q, not %q", got, offered[role])
			}
		})
	}
}
