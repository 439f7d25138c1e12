// SPDX-License-Identifier: MPL-2.0

package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestSecretFromItsCreationToItsRestoration does what a person does, with mistakes.
func TestSecretFromItsCreationToItsRestoration(t *testing.T) {
	d := newBackend(t)
	d.serve()
	p := d.person()
	p.open("/ui/")
	p.fill("#code", "wrong")
	p.submit("main form button.primary")
	p.sees("the code is not valid")
	p.signIn()
	p.sees("Secrets in dev", "has no secrets yet")

	p.submit("main .actions a.primary")
	p.fill("#value", "CANARY-1")
	p.submit("main form[method=post] button.primary")
	p.sees("Secret key is required")
	p.seesNot("CANARY")
	p.fill("#name", "api_key")
	p.submit("main form[method=post] button.primary")
	p.sees("Secret value is required")
	p.fill("#value", "CANARY-1")
	p.click("button[data-shows=value]")
	p.fill("#description", "of the shop")
	p.submit("main form[method=post] button.primary")
	p.sees("Created.", "api_key", "of the shop")
	p.seesNot("CANARY")

	// The value is shown in place, and hidden again.
	p.click("button[value=show]")
	p.waits(`document.querySelector("form[data-reveal] output").textContent === "CANARY-1"`)
	p.sees("hidden again in")
	p.click("button[value=show]")
	p.seesNot("CANARY")
	p.click("button[value=show]")
	p.waits(`document.querySelector("form[data-reveal] output").textContent === "CANARY-1"`)
	evaluate[chromedp.Void](p, `Object.defineProperty(document, "hidden", {value: true});
		document.dispatchEvent(new Event("visibilitychange"))`)
	if strings.Contains(p.source(), "CANARY") {
		t.Error("the value is in the page after the tab was left")
	}

	revealIsRobust(p)

	p.open(evaluate[string](p, `location.pathname`) + "/edit")
	p.submit("main form[method=post] button.primary")
	p.sees("No changes to save")
	p.fill("#value", "CANARY-2")
	p.submit("main form[method=post] button.primary")
	p.sees("Saved.", "2, just now")

	p.submit(`main .actions a.danger`)
	p.fill("#key", "api-key")
	p.submit("main form[method=post] button.danger")
	p.sees("This is not the key")
	p.fill("#key", "api_key")
	p.submit("main form[method=post] button.danger")
	p.sees("Deleted.", "has no secrets yet")
	p.open("/ui/p/default/deleted")
	p.submit("main table form button")
	p.sees("Restored.", "api_key")

	// The button Back shows no value, and no form that was sent.
	p.do(chromedp.NavigateBack())
	p.seesNot("CANARY")
	p.submit(".who button")
	p.sees("Sign in")
	p.open("/ui/p/default/e/dev")
	p.seesNot("api_key")
}

// revealIsRobust has the answer to a reveal wait, on the page of a secret.
func revealIsRobust(p *person) {
	p.Helper()
	p.open(evaluate[string](p, `location.pathname`))
	evaluate[chromedp.Void](p, `window.calls = 0;
		window.release = [];
		window.log = [];
		new MutationObserver(() => window.log.push(document.querySelector("form[data-reveal]").innerText)).observe(
			document.querySelector("form[data-reveal]"), {childList: true, characterData: true, subtree: true});
		window.answers = {status: 200, body: {value: "CANARY-1", seconds: 1, binary: true}};
		window.fetch = () => new Promise((done) => {
			window.calls++;
			const {status, body} = window.answers;
			window.release.push(() => done({status, ok: status === 200, headers: new Headers({"Content-Type":
				"application/json"}), json: async () => body})); // complete before the next task
		});
		HTMLFormElement.prototype.submit = function () { window.led = new FormData(this).get("do"); };`)
	const output = `document.querySelector("form[data-reveal] output").textContent`
	// A second click while the first waits asks for nothing. After its time the value is hidden, and Show works again.
	for range 2 {
		p.click("button[value=show]")
		p.click("button[value=show]")
		p.waits(`window.release.length === 1`)
		evaluate[chromedp.Void](p, `window.log = []; window.release.pop()()`)
		p.waits(`window.log.some((text) => text.includes("CANARY-1") && text.includes("This is base64"))`)
		p.waits(output + ` === ""`)
	}
	if calls := evaluate[int](p, `window.calls`); calls != 2 {
		p.Errorf("two reveals made %d requests", calls)
	}
	// The answer arrives when the tab was left.
	p.click("button[value=show]")
	p.waits(`window.release.length === 1`)
	evaluate[chromedp.Void](p, `window.log = [];
		Object.defineProperty(document, "hidden", {value: true, configurable: true});
		window.release.pop()();`)
	if strings.Contains(evaluate[string](p, `window.log.join()`), "CANARY") {
		p.Error("the value is shown in a tab that was left")
	}
	evaluate[chromedp.Void](p, `delete document.hidden; window.led = "";`)
	// Only a confirmation leads to a page when the value is to be copied.
	const status = `document.querySelector("form[data-reveal] [role=status]").textContent`
	for _, try := range []struct{ status, ends string }{
		{"503", status + `.includes("this did not work") && window.led === ""`},
		{"403", status + `.includes("this did not work") && window.led === ""`},
		{"401", `window.led === "copy"`},
	} {
		evaluate[chromedp.Void](p, status+` = ""; window.answers.status = `+try.status+`;
			document.querySelector("form[data-reveal] button[data-copies]").hidden = false;`)
		p.click("button[value=copy]")
		p.waits(`window.release.length === 1`)
		evaluate[chromedp.Void](p, `window.release.pop()()`)
		p.waits(try.ends)
	}
	p.open(evaluate[string](p, `location.pathname`))
}

// TestListIsFilteredWhileTyping searches in a long list.
func TestListIsFilteredWhileTyping(t *testing.T) {
	d := newBackend(t)
	d.run("v", "secret", "set", "api_key", "--env", "dev", "--stdin")
	d.run("v", "secret", "set", "db_password", "--env", "dev", "--stdin")
	d.serve()
	p := d.person()
	p.signIn()
	p.sees("api_key", "db_password", "1–2 of 2")
	p.fill("#q", "pass")
	p.waits(`document.querySelector("#results").innerText.includes("1–1 of 1")`)
	p.seesNot("api_key")
	if at := evaluate[string](p, `location.search`); !strings.Contains(at, "q=pass") {
		t.Errorf("the address is %s", at)
	}
	p.fill("#q", "nothing")
	p.waits(`document.querySelector("#results").innerText.includes("Nothing matches")`)
	evaluate[chromedp.Void](p, `const s = document.querySelector(".switch [name=environment]"); s.value = "prod"`)
	_, err := chromedp.RunResponse(p.ctx, chromedp.Evaluate[chromedp.Void](
		`document.querySelector(".switch [name=environment]").dispatchEvent(new Event("change", {bubbles: true}))`))
	p.must(err)
	p.sees("Secrets in prod")
}

// TestNothingIsLoadedFromElsewhere looks at what each page loads, and at errors of scripts and of the policy.
func TestNothingIsLoadedFromElsewhere(t *testing.T) {
	d := filled(t)
	d.serve()
	p := d.person()
	p.signIn()
	for name, path := range allPages(p) {
		p.open(path)
		for _, at := range evaluate[[]string](p, `performance.getEntriesByType("resource").map(r => r.name)`) {
			if !strings.HasPrefix(at, d.address+"/ui/") {
				t.Errorf("page %s loads %s", name, at)
			}
		}
		if evaluate[bool](p, `typeof htmx !== "undefined" && htmx.config.allowEval !== false`) {
			t.Errorf("page %s allows htmx to evaluate code", name)
		}
	}
}

// TestSessionIsNotForOtherPorts has a program at another port of the machine, to which the browser is led. It gets no
// cookie. A link without the path of the session leads to the session nevertheless, also from that other port.
func TestSessionIsNotForOtherPorts(t *testing.T) {
	d := newBackend(t)
	d.run("v", "secret", "set", "api_key", "--env", "dev", "--stdin")
	d.serve()
	p := d.person()
	p.signIn()
	var mu sync.Mutex
	var seen []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.URL.Path+" "+r.Header.Get("Cookie")+" "+r.Referer())
		w.Header().Set("Content-Type", "text/html")
		to := map[string]string{"/start": "/ui/", "/ui/": "/ui/p/default/e/dev"}[r.URL.Path]
		if to != "" {
			fmt.Fprintf(w, `<script>location.href = %q</script>`, to)
			return
		}
		fmt.Fprintf(w, `<a href="%s/ui/p/default/e/dev?q=api">a link</a>`, d.address)
	}))
	defer other.Close()
	p.do(chromedp.Navigate(other.URL + "/start"))
	p.waits(`document.querySelector("a") !== null`)
	p.submit("a")
	p.waits(`document.querySelector("#results") !== null`)
	p.sees("api_key", "1–1 of 1")
	// From another host the browser keeps back the cookie at first.
	p.do(chromedp.Navigate(strings.Replace(other.URL, "127.0.0.1", "localhost", 1) + "/link"))
	p.submit("a")
	p.waits(`document.querySelector("#results") !== null`)
	p.sees("api_key")
	mu.Lock()
	defer mu.Unlock()
	if len(seen) < 4 {
		t.Errorf("the other port has seen %q only", seen)
	}
	for _, line := range seen {
		if strings.Contains(line, "pouncet-session") || strings.Contains(line, "~") {
			t.Errorf("the other port has seen %q", line)
		}
	}
}

// TestLongNamesKeepTheLayout has a key of 256 characters, a long description, and a type with a long name.
func TestLongNamesKeepTheLayout(t *testing.T) {
	d := newBackend(t)
	long := strings.Repeat("long_name_", 25) + "256end"
	d.run("v", "secret", "set", long, "--env", "dev", "--stdin", "--description",
		strings.Repeat("words <b>and</b> more 🔑 ", 20))
	d.run("v", "secret", "set", "short", "--env", "dev", "--stdin")
	d.run(`{"type":"object"}`, "type", "set", "wide_type", "--display-name", strings.Repeat("A very wide type ", 6),
		"--schema-file", "/dev/stdin")
	d.serve()
	p := d.person()
	p.signIn()
	entry := linkTo(p, long)
	for name, path := range map[string]string{"long-list": "/ui/p/default/e/dev", "long-entry": entry,
		"long-edit": entry + "/edit", "long-matrix": "/ui/p/default/matrix", "long-delete": entry + "/delete"} {
		p.open(path)
		for _, width := range []int64{1280, 360} {
			p.width(width)
			p.screenshot(fmt.Sprintf("%s-%d", name, width))
			if wide := evaluate[int64](p, `document.documentElement.scrollWidth`); wide > width {
				t.Errorf("%s is %d pixels wide in a window of %d", name, wide, width)
			}
		}
	}
	// The actions, which stay in sight, cover no other column.
	p.open("/ui/p/default/e/dev")
	p.width(1280)
	p.coversNothing()
	// A telephone shows two environments beside the keys.
	p.open("/ui/p/default/matrix")
	p.width(360)
	right := evaluate[float64](p, `document.querySelectorAll("thead .cell")[1].getBoundingClientRect().right`)
	if right > 360 {
		t.Errorf("in a window of 360 pixels, the second environment ends at %.0f", right)
	}
}

// TestChoosingATypeKeepsTheKey chooses a type in the menu, and then creates a secret with its form and the key Enter.
func TestChoosingATypeKeepsTheKey(t *testing.T) {
	d := newBackend(t)
	d.serve()
	p := d.person()
	p.signIn()
	p.open("/ui/p/default/e/dev/new")
	p.fill("#name", "typed_key")
	p.fill("#description", "kept")
	_, err := chromedp.RunResponse(p.ctx, chromedp.Evaluate[chromedp.Void](`
		const s = document.getElementById("typechoice");
		s.value = "password";
		s.dispatchEvent(new Event("change", {bubbles: true}))`))
	p.must(err)
	p.waits(`document.getElementById("typechoice").value === "password"`)
	typed := evaluate[string](p, `document.getElementById("name").value + document.getElementById("description").value`)
	if typed != "typed_keykept" {
		t.Errorf("after the choice of a type the form has %q", typed)
	}
	p.fill("#value", "CANARY-long-enough")
	_, err = chromedp.RunResponse(p.ctx, chromedp.SendKeys(chromedp.CSS("#name"), "\r"))
	p.must(err)
	p.sees("Created.", "typed_key")
	p.seesNot("CANARY")
}
