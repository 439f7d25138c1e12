// SPDX-License-Identifier: MPL-2.0

package browser

import (
	"regexp"
	"strings"
	"testing"
)

// hostile tries to be markup in a text and in an attribute, and is wider than any window.
var hostile = `"'><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{.}}🔑👩‍👩‍👧 ` +
	strings.Repeat("W", 256)

// TestHostileTextsOnAllPages has hostile texts in all objects, and a key of 256 characters. No page runs or draws them,
// and none is wider than the window.
func TestHostileTextsOnAllPages(t *testing.T) {
	d := filled(t)
	long := strings.Repeat("long_name_", 25) + "256end"
	for _, name := range []string{"database", "db_password", "payment_key"} {
		d.run("", "secret", "set", name, "--env", "dev", "--description", hostile, "--label", "team="+hostile[:200])
	}
	d.run("v", "secret", "set", "db_password", "--env", "dev", "--stdin", "--note", hostile)
	d.run("v", "secret", "set", long, "--env", "dev", "--stdin", "--description", hostile)
	d.run("v", "secret", "set", long, "--env", "prod", "--stdin", "--draft", "release-7")
	d.run("v", "secret", "set", long[1:], "--env", "dev", "--stdin")
	d.run("", "secret", "delete", long[1:], "--env", "dev")
	d.run("", "value", "set", "region", "--env", "dev", "--json-value", quoted(hostile), "--description", hostile)
	d.run(`{"type":"string"}`, "type", "set", "wide_type", "--display-name", hostile[:200], "--schema-file", "/dev/stdin",
		"--description", hostile)
	d.serve()
	p := d.person()
	p.signIn()
	pages := allPages(p)
	pages["search"], pages["entry-long"] = "/ui/p/default/e/dev?q=%3Cimg+src%3Dx%3E", pages["entries"]
	pages["type-wide"] = "/ui/p/default/types/wide_type"
	p.open("/ui/p/default/e/dev")
	pages["entry-long"] = linkTo(p, long)
	pages["edit-long"], pages["delete-long"] = pages["entry-long"]+"/edit", pages["entry-long"]+"/delete"
	reversing := regexp.MustCompile("[\u202a-\u202e\u2066-\u2069]")
	for name, path := range pages {
		p.open(path)
		for _, width := range []int64{1280, 360} {
			p.width(width)
			if wide := evaluate[int64](p, `document.documentElement.scrollWidth`); wide > width {
				t.Errorf("page %s is %d pixels wide in a window of %d", name, wide, width)
			}
			p.screenshot("hostile-" + name)
		}
		if evaluate[bool](p, `window.hacked !== undefined || document.querySelector("img") !== null`) {
			t.Errorf("page %s has taken a text for markup", name)
		}
		if reversing.MatchString(p.text()) {
			t.Errorf("page %s has characters that reverse the text around them", name)
		}
	}
	p.open("/ui/p/default/e/dev")
	p.width(1280)
	p.coversNothing()
	if wide := evaluate[int](p, `document.querySelector("td.text").clientWidth`); wide < 130 {
		t.Errorf("in a window of 1280 pixels, descriptions have %d", wide)
	}
}
