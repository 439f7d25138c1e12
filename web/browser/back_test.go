// SPDX-License-Identifier: MPL-2.0

package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// back presses the button Back of the browser, and waits until the page is at rest. A page that the browser has kept is
// shown without a load, and then loads itself again: so the page at rest is younger than the press.
func (p *person) back() {
	p.Helper()
	pressed := evaluate[float64](p, `setTimeout(() => history.back(), 0), performance.timeOrigin + performance.now()`)
	p.waitsFor(func() bool {
		rests, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](fmt.Sprintf(
			`document.readyState === "complete" && document.body !== null && performance.timeOrigin > %f`, pressed)))
		return err == nil && rests
	})
}

// TestBackButton goes back after a save, a deletion and a sign-out, and into a form that is half filled. The pages that
// it leads to have no value, and show what is so now. A form that was sent is not sent again.
func TestBackButton(t *testing.T) {
	d := newBackend(t)
	d.run("one-CANARY", "secret", "set", "api_key", "--env", "dev", "--stdin", "--description", "before")
	d.run("two-CANARY", "secret", "set", "old_key", "--env", "dev", "--stdin")
	d.serve()
	p := d.person()
	p.signIn()
	const save = "main form[method=post] .actions button.primary"
	entry := linkTo(p, "api_key")

	// After a save, Back leads to the form. Its value is empty, and it has what is so now.
	p.submit(`a[href$="` + strings.TrimPrefix(entry, p.base) + `"]`)
	p.open(entry + "/edit")
	p.fill("#description", "after")
	p.fill("#value", "new-CANARY")
	p.submit(save)
	p.sees("Saved.", "after")
	p.back()
	p.sees("Edit api_key")
	if kept := evaluate[string](p, `document.getElementById("value").value`); kept != "" {
		t.Error("the form that was sent has its value after the button Back")
	}
	if got := evaluate[string](p, `document.getElementById("description").value`); got != "after" {
		t.Errorf("after the button Back the form has the description %q", got)
	}
	p.submit(save)
	p.sees("No changes to save")
	if out := d.run("", "secret", "history", "api_key", "--env", "dev"); strings.Contains(out, "\n3 ") {
		t.Errorf("the button Back has sent the form again:\n%s", out)
	}

	// Back into a form that is half filled: the value is not kept by the browser.
	p.open("/ui/p/default/e/dev/new")
	p.fill("#name", "half_filled")
	p.fill("#value", "half-CANARY")
	p.submit("main .actions a.button")
	p.sees("Secrets in dev")
	p.back()
	if kept := evaluate[string](p, `document.getElementById("value").value`); kept != "" {
		t.Error("the half-filled form has its value after the button Back")
	}
	p.seesNot("CANARY")

	// After a deletion, Back leads to pages of a secret that does not exist.
	p.open("/ui/p/default/e/dev")
	old := linkTo(p, "old_key")
	p.open(old + "/delete")
	p.fill("#key", "old_key")
	p.submit("main form[method=post] button.danger")
	p.sees("Deleted.")
	p.back()
	p.sees("does not exist", "go back to the list")

	// After a reveal and a sign-out, Back shows neither a value nor a page of the session.
	p.open(entry)
	p.click("button[value=show]")
	p.waits(`document.querySelector("form[data-reveal] output").textContent === "new-CANARY"`)
	p.submit(".who button")
	p.sees("Sign in")
	for range 3 {
		p.back()
		p.sees("Sign in")
		p.seesNot("CANARY", "api_key", "Sign out", "Edit")
		if strings.Contains(p.source(), "CANARY") {
			t.Error("the page has a value after the sign-out")
		}
	}
}
