// SPDX-License-Identifier: MPL-2.0

package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// withoutJavaScript has the browser run no script of a page. The tests can still ask the page for its texts.
func (p *person) withoutJavaScript() {
	p.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: true})
	p.must(err)
}

// reads returns the result of an expression in a page whose scripts are off. It cannot wait for a promise.
func reads[T any](p *person, expression string) T {
	p.Helper()
	out, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	p.must(err)
	return out
}

// choose selects an option of a menu, as the keyboard does.
func (p *person) choose(selector, value string) {
	p.Helper()
	p.do(chromedp.SetValue(chromedp.CSS(selector), value))
}

// TestEveryFlowWorksWithoutJavaScript does the main things in a browser that runs no script.
func TestEveryFlowWorksWithoutJavaScript(t *testing.T) {
	d := newBackend(t)
	d.run("", "token", "create", "--name", "lone", "--for", "person", "--role", "none")
	d.serve()
	p := d.person()
	p.withoutJavaScript()
	p.signIn()
	if reads[bool](p, `document.documentElement.classList.contains("js")`) {
		t.Fatal("the page has run its script")
	}
	const post, save = "main form[method=post] ", "main form[method=post] .actions button.primary"

	// The menus at the top have a button.
	p.choose(".switch [name=environment]", "prod")
	p.submit(".switch button")
	p.sees("Secrets in prod")
	p.open("/ui/p/default/e/dev")

	// Add, with a mistake; a type has its own fields.
	p.submit("main .head a.primary")
	p.fill("#name", "api_key")
	p.submit(save)
	p.sees("Secret value is required")
	p.fill("#value", "first-CANARY")
	p.submit(save)
	p.sees("Created.", "api_key")
	p.open("/ui/p/default/e/dev/new")
	p.fill("#name", "shop_db")
	p.choose("#typechoice", "database_connection")
	p.submit("#usetype")
	p.sees("username", "password")
	for field, text := range map[string]string{"host": "db.internal", "port": "5432", "username": "shop",
		"password": "typed-CANARY"} {
		p.fill(`[name="value.`+field+`"]`, text)
	}
	p.submit(save)
	p.sees("Created.", "shop_db")

	// Search, sort, edit.
	p.open("/ui/p/default/e/dev")
	p.fill("#q", "api")
	p.submit("form.filters button")
	p.sees("1–1 of 1")
	p.seesNot("shop_db")
	entry := linkTo(p, "api_key")
	p.open(entry + "/edit")
	p.fill("#description", "of the shop")
	p.fill("#value", "second-CANARY")
	p.submit(save)
	p.sees("Saved.", "of the shop")

	// Reveal: a page that no cache keeps, and that leaves.
	revealedPageLeaves(p, entry)

	// Delete, with the wrong key at first; restore.
	p.open(entry)
	p.submit("main .actions a.danger")
	p.fill("#key", "api-key")
	p.submit(post + "button.danger")
	p.sees("This is not the key")
	p.fill("#key", "api_key")
	p.submit(post + "button.danger")
	p.sees("Deleted.")
	p.open("/ui/p/default/deleted")
	p.submit("main table form button")
	p.sees("Restored.", "api_key")

	// Stage, review, deploy.
	p.open(entry + "/edit")
	p.click("main form details:last-of-type summary")
	p.fill("#description", "staged")
	p.fill("#draft", "release")
	p.submit(save)
	p.sees("Added to the draft.", "Review and deploy release")
	p.submit("button[value=deploy]")
	p.sees("Deployed")

	// A type, tried with an example; a matrix; rules.
	p.open("/ui/p/default/new-type")
	p.fill("#key", "login")
	p.fill("#schema", `{"type": "string", "minLength": 3}`)
	p.fill("#example", "ab")
	p.submit(save)
	p.sees("the value must have at least 3 characters")
	p.seesNot("Saved.")
	p.fill("#example", "abc")
	p.submit(save)
	p.sees("Saved.")
	p.open("/ui/p/default/matrix")
	p.submit(`main .cell a[href*="/e/prod/new?name=api_key"]`)
	p.sees("Add secret")

	// Access: a binding is reviewed, given and taken away; a token is created and deleted.
	p.open("/ui/access/new")
	p.fill("#name", "lone-dev")
	p.fill("#to", "token:lone")
	p.choose("#role", "editor")
	p.choose("#at", "default/dev")
	p.submit(post + "button.primary")
	p.sees("This binding gives")
	p.submit(`button[value=create]`)
	p.sees("Created.", "lone-dev")
	p.submit(`main a[href*="/bindings/"][href$=delete]`)
	p.submit(post + "button.danger")
	p.sees("Deleted.")
	deletesAToken(p)

	p.submit(".who button")
	p.sees("Sign in")
	if strings.Contains(p.source(), "CANARY") {
		t.Error("the page has a value")
	}
}

// revealedPageLeaves looks at the page of a value in a browser without JavaScript. It waits for its time.
func revealedPageLeaves(p *person, entry string) {
	p.Helper()
	p.open(entry)
	r, err := chromedp.RunResponse(p.ctx, chromedp.Click(chromedp.CSS("button[value=show]")))
	p.must(err)
	p.sees("second-CANARY", "Do you share your screen?", "This page leaves in")
	for name, want := range map[string]string{"cache-control": "no-store", "refresh": "30; url=" + entry} {
		got := ""
		for header, value := range r.Headers {
			if strings.EqualFold(header, name) {
				got = fmt.Sprint(value)
			}
		}
		if !strings.Contains(got, want) {
			p.Errorf("the page of a value has the header %s: %q, not %q", name, got, want)
		}
	}
	p.waitsFor(func() bool { return reads[string](p, `location.pathname`) == entry })
	p.seesNot("CANARY")
	if strings.Contains(p.source(), "CANARY") {
		p.Error("the value is in the page that follows")
	}
}

// deletesAToken creates a token and deletes it, with a wrong name at first.
func deletesAToken(p *person) {
	p.Helper()
	p.open("/ui/tokens")
	p.fill("#name", "for-a-day")
	p.choose("#role", "viewer")
	p.submit("main .card form button.primary")
	p.sees("Copy the token now", "pnct_", "for-a-day")
	p.open("/ui/tokens")
	p.seesNot("pnct_")
	p.open(reads[string](p, `Array.from(document.querySelectorAll("main tbody tr")).find(
		r => r.innerText.includes("for-a-day")).querySelector("a").getAttribute("href")`))
	p.sees("Delete for-a-day", "viewer", "stops working at once")
	p.fill("#name", "for-ever")
	p.submit("main form[method=post] button.danger")
	p.sees("This is not the name. Type for-a-day")
	p.fill("#name", "for-a-day")
	p.submit("main form[method=post] button.danger")
	p.sees("Deleted.")
	p.seesNot("for-a-day")
}
