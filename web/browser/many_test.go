// SPDX-License-Identifier: MPL-2.0

package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestFiveThousandSecrets finds one secret among 5,000 by its name, by sorting and by pages, in the list and in the
// matrix.
func TestFiveThousandSecrets(t *testing.T) {
	d := newBackend(t)
	d.fillWith(5000, "dev")
	d.run("v", "secret", "set", "secret_0007", "--env", "dev", "--stdin", "--description", "the seventh")
	d.serve()
	p := d.person()
	p.signIn()
	p.sees("1–50 of 5000", "Page 1 of 100", "secret_0000")
	p.submit(`a[rel=next]`)
	p.sees("51–100 of 5000", "secret_0050")
	p.seesNot("secret_0049")
	p.open("/ui/p/default/e/dev?page=100")
	p.sees("4951–5000 of 5000", "Page 100 of 100", "secret_4999")
	p.submit(`th a[href*="sort=version"]`)
	p.submit(`th a[href*="sort=version"]`) // the other way round
	p.sees("1–50 of 5000")
	if first := evaluate[string](p, `document.querySelector("td.key").innerText`); first != "secret_0007" {
		t.Errorf("the secret with the highest version is %s", first)
	}
	p.fill("#q", "secret_49")
	p.waits(`document.querySelector("#results").innerText.includes("1–50 of 100")`)
	p.fill("#q", "seventh")
	p.waits(`document.querySelector("#results").innerText.includes("1–1 of 1")`)
	p.sees("secret_0007")

	p.open("/ui/p/default/matrix?only=holes")
	last := evaluate[string](p, `document.querySelector(".pages span").innerText`)
	last, ok := strings.CutPrefix(last, "Page 1 of ")
	if !ok {
		t.Fatalf("the matrix is at %q", last)
	}
	p.open("/ui/p/default/matrix?only=holes&page=" + last)
	p.sees("secret_4999")
	_, err := chromedp.RunResponse(p.ctx, chromedp.Evaluate[chromedp.Void](
		`document.querySelector('a[href*="/e/prod/new?name=secret_4999"]').click()`))
	p.must(err)
	p.sees("Add secret", "In environment prod")
}
