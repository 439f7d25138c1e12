// SPDX-License-Identifier: MPL-2.0

package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// newToken creates a token of a person, and returns it.
func (d *dashboard) newToken(name string, args ...string) string {
	d.Helper()
	out := d.run("", append([]string{"token", "create", "--name", name, "--for", "person"}, args...)...)
	_, token, ok := strings.Cut(out, "pnct_")
	if !ok {
		d.Fatalf("no token was created: %s", out)
	}
	return "pnct_" + strings.Fields(token)[0]
}

// TestTwoPeopleStageOneEntryIntoOneDraft has two people with the form of one secret open, who both put their change
// into the same draft. The second one learns what the first one has staged, and keeps what was typed except the value.
func TestTwoPeopleStageOneEntryIntoOneDraft(t *testing.T) {
	d := newBackend(t)
	d.run("first-CANARY", "secret", "set", "db_password", "--env", "dev", "--stdin", "--description", "of the shop")
	ada, bea := d.newToken("ada", "--role", "editor"), d.newToken("bea", "--role", "editor")
	d.startServer("http")
	first, second := d.person(), d.person()
	first.signInWith(ada)
	second.signInWith(bea)
	const save = "main form[method=post] .actions button.primary"
	for _, p := range []*person{first, second} {
		p.open("/ui/p/default/e/dev")
		p.open(linkTo(p, "db_password") + "/edit")
		evaluate[chromedp.Void](p, `document.querySelectorAll("details").forEach(d => d.open = true)`)
	}
	first.fill("#description", "by ada")
	first.fill("#draft", "release")
	first.submit(save)
	first.sees("Added to the draft.", "db_password", "description")

	second.fill("#description", "by bea")
	second.fill("#value", "second-CANARY")
	second.fill("#note", "of bea")
	second.fill("#draft", "release")
	second.submit(save)
	second.sees("The draft release has a change of this entry already, by ada: update description. Nothing was added.")
	if typed := evaluate[string](second, `["description", "note", "draft", "value"].map(
		id => document.getElementById(id).value).join("|")`); typed != "by bea|of bea|release|" {
		t.Errorf("the second form has %q", typed)
	}
	if strings.Contains(second.source(), "CANARY") {
		t.Error("the page has the value")
	}
	if what := d.run("", "draft", "show", "release"); strings.Contains(what, "value") || strings.Contains(what, "bea") {
		t.Errorf("the draft was changed:\n%s", what)
	}
	// Sent again, the form adds its change to the other one.
	second.fill("#value", "second-CANARY")
	second.submit(save)
	second.sees("Added to the draft.", "ada bea", "description", "value")
	second.submit(`button[value=deploy]`)
	second.sees("Deployed")
	value := d.run("", "secret", "reveal", "db_password", "--env", "dev")
	if !strings.Contains(value, "second-CANARY") {
		t.Errorf("the deployed value is not that of the second person")
	}
}
