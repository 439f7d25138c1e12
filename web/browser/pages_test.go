// SPDX-License-Identifier: MPL-2.0

package browser

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// filled returns a dashboard with an example of everything.
func filled(t testing.TB) *dashboard {
	t.Helper()
	d := newBackend(t)
	d.run("hunter2-CANARY", "secret", "set", "db_password", "--env", "dev", "--stdin", "--description",
		"the database of the shop")
	d.run("second-CANARY", "secret", "set", "db_password", "--env", "dev", "--stdin", "--note", "yearly rotation",
		"--label", "team=payments")
	d.run("", "secret", "tag", "db_password", "1", "stable", "--env", "dev")
	d.run("prod-CANARY", "secret", "set", "db_password", "--env", "prod", "--stdin")
	d.run(`{"host":"db.internal","port":5432,"username":"shop","password":"CANARY"}`, "secret", "set", "database",
		"--env", "dev", "--stdin", "--type", "database_connection", "--description", "read replica", "--expires", "5d")
	d.run("shared-CANARY", "secret", "set", "license_key", "--env", "*", "--stdin")
	d.run("r-CANARY", "secret", "set", "payment_key", "--env", "dev", "--stdin", "--visibility", "restricted",
		"--rotation-days", "90", "--protected")
	d.run("old-CANARY", "secret", "set", "old_key", "--env", "dev", "--stdin")
	d.run("", "secret", "delete", "old_key", "--env", "dev")
	d.run("", "value", "set", "region", "--env", "dev", "--json-value", `"eu-central-1"`)
	d.run("", "value", "set", "db_host", "--env", "dev", "--from-secret", "database", "--field", "host")
	d.run("draft-CANARY", "secret", "set", "db_password", "--env", "prod", "--stdin", "--draft", "release-7")
	d.run("", "token", "create", "--name", "nightly", "--for", "workload", "--bind", "runtime@default/dev")
	d.run("", "token", "create", "--name", "ada", "--for", "person", "--role", "none")
	d.run("", "group", "set", "shop-team", "--member", "token:ada")
	d.run("", "binding", "create", "shop-dev", "--role", "editor", "--to", "group:shop-team", "--project", "default",
		"--env", "dev", "--description", "the team of the shop")
	d.run("draft-CANARY", "secret", "set", "new_key", "--env", "prod", "--stdin", "--draft", "release-7")
	return d
}

// linkTo returns the path of the page that the link with a text leads to.
func linkTo(p *person, text string) string {
	p.Helper()
	path := evaluate[string](p, `(Array.from(document.querySelectorAll("main a")).find(a => a.innerText.trim() === `+
		quoted(text)+`) || {getAttribute: () => ""}).getAttribute("href")`)
	if path == "" {
		p.Fatalf("no link has the text %q:\n%s", text, p.text())
	}
	return path
}

func quoted(text string) string {
	out, _ := json.Marshal(text)
	return string(out)
}

// allPages returns the paths of all pages by their names.
func allPages(p *person) map[string]string {
	p.open("/ui/p/default/e/dev")
	secret, restricted, value := linkTo(p, "database"), linkTo(p, "payment_key"), linkTo(p, "region")
	versions := linkTo(p, "db_password")
	p.open("/ui/access")
	remove := evaluate[string](p, `document.querySelector("a[href$=delete]").getAttribute("href")`)
	p.open("/ui/tokens")
	token := evaluate[string](p, `document.querySelector("a[href$=delete]").getAttribute("href")`)
	return map[string]string{
		"entries": "/ui/p/default/e/dev", "entries-shared": "/ui/p/default/e/*",
		"entries-nothing-found": "/ui/p/default/e/dev?q=nothing",
		"secret":                secret, "secret-versions": versions + "?compare=1", "secret-restricted": restricted,
		"value": value, "new": "/ui/p/default/e/dev/new", "new-typed": "/ui/p/default/e/dev/new?type=database_connection",
		"new-value": "/ui/p/default/e/dev/new-value", "edit": secret + "/edit", "edit-value": value + "/edit",
		"delete": versions + "/delete", "deleted": "/ui/p/default/deleted", "projects": "/ui/projects",
		"matrix": "/ui/p/default/matrix?values=yes", "types": "/ui/p/default/types", "new-type": "/ui/p/default/new-type",
		"type": "/ui/p/default/types/database_connection", "drafts": "/ui/p/default/drafts",
		"draft": "/ui/p/default/drafts/release-7", "reports": "/ui/p/default/reports", "quotas": "/ui/p/default/quotas",
		"access": "/ui/access", "access-new": "/ui/access/new", "access-delete": remove, "sessions": "/ui/sessions",
		"audit": "/ui/audit", "audit-none": "/ui/audit?name=nothing", "token-delete": token,
		"tokens": "/ui/tokens", "doctor": "/ui/doctor", "missing": "/ui/p/nowhere/e/dev",
	}
}

// TestPagesAreForEverybody looks at each page in both themes and at two widths: axe-core finds nothing, nothing is
// wider than the window, and no page has a value. POUNCET_SCREENSHOTS names a folder for pictures of all of them.
func TestPagesAreForEverybody(t *testing.T) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("SKIPPED: axe-core is not installed: npm ci --prefix web/browser")
	}
	d := filled(t)
	d.serve()
	p := d.person()
	p.theme("light")
	p.open("/ui/")
	p.check("sign-in", string(axe))
	p.signIn()
	for name, path := range allPages(p) {
		p.open(path)
		p.check(name, string(axe))
		if strings.Contains(p.source(), "CANARY") {
			t.Errorf("the page %s has a value", name)
		}
	}
}

// keepsWords checks that the tables of the open page clip no label, and break no short word.
func (p *person) keepsWords(name string) {
	p.Helper()
	if name == "audit" {
		evaluate[string](p, `document.querySelector("td .tag.good").textContent = "unauthenticated"`)
	}
	for _, broken := range evaluate[[]string](p, `Array.from(document.querySelectorAll("td .tag, td time, td .only-narrow"))
		.filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflow !== "visible" ||
			[e, ...e.querySelectorAll("*")]
			.flatMap(x => Array.from(x.childNodes).filter(n => n.nodeType === 3))
			.some(n => Array.from(n.data.matchAll(/[a-z]{2,16}/gi)).some(m => {
				const r = document.createRange();
				r.setStart(n, m.index);
				r.setEnd(n, m.index + m[0].length);
				return new Set(Array.from(r.getClientRects(), b => Math.round(b.top))).size > 1;
			})))
		.map(e => e.outerHTML.slice(0, 160))`) {
		p.Errorf("page %s, 360 pixels: a label is clipped or a word is broken: %s", name, broken)
	}
}

// check checks the page that is open.
func (p *person) check(name, axe string) {
	p.Helper()
	for _, theme := range []string{"light", "dark"} {
		p.theme(theme)
		p.width(1280)
		p.screenshot(name + "-" + theme)
		p.coversNothing()
		if evaluate[bool](p, `typeof axe === "undefined"`) {
			p.do(chromedp.Evaluate[chromedp.Void](axe))
		}
		found := evaluate[[]string](p, `axe.run(document, {resultTypes: ["violations"]}).then(r =>
			r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")))`)
		for _, f := range found {
			p.Errorf("page %s, %s: %s", name, theme, f)
		}
	}
	p.theme("light")
	p.width(1100)
	p.coversNothing()
	p.picture(name)
	p.width(360)
	p.coversNothing()
	p.keepsWords(name)
	p.screenshot(name + "-narrow")
	if wide := evaluate[int](p, `document.documentElement.scrollWidth`); wide > 360 {
		p.Errorf("page %s is %d pixels wide in a window of 360: %s", name, wide, evaluate[string](p,
			`Array.from(document.querySelectorAll("*"))
			.filter(e => e.getBoundingClientRect().right > 361 && !e.closest(".scroll, .side"))
			.map(e => e.outerHTML.slice(0, 120)).slice(0, 4).join("\n")`))
	}
	p.width(1280)
}
