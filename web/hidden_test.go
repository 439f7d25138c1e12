// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// limited are the people of TestHiddenIsAsMissing: each has a role for the names db_* of the environment dev.
var limited = []string{"admin", "editor", "revealer", "viewer"}

// limitedWorld returns a dashboard with what the limited people may see, and their credentials by the role. If it is
// full, it also has what they may not see. The ids of hidden objects are by their name.
func limitedWorld(t *testing.T, full bool) (d *dashboard, tokens, hidden map[string]string) {
	t.Helper()
	d, _ = newServers(t)
	tokens, hidden = map[string]string{}, map[string]string{}
	link := backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev",
		Name: "db_user", JSON: []byte(`"shop"`)}
	d.must(link, secret("dev", "db_password", canary+"2"), secret("dev", "db_other", "same"))
	d.newToken("root", backend.RoleAdmin, backend.Person)
	for _, role := range limited {
		tokens[role], _ = d.newToken(role, backend.RoleNone, backend.Person)
		d.must(bind(role+"-1", role, role, backend.Where{Project: "default", Environment: "dev", Names: "db_*"}))
	}
	d.stage(secret("dev", "db_password", "next"))
	if full {
		d.hide(hidden)
	}
	return d, tokens, hidden
}

// hide creates objects that the limited people may not see, beside those that they may see.
func (d *dashboard) hide(hidden map[string]string) {
	d.Helper()
	noted := func(o []backend.Outcome, names ...string) {
		for i, name := range names {
			hidden[name] = o[i].Object.ID
		}
	}
	note := ptr("db_password")
	web := secret("dev", "web_key", "same")
	web.Description, web.Labels = note, map[string]string{"db": "db_password"}
	value := backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev",
		Name: "web_host", JSON: []byte(`"h"`), Description: note}
	inOther := secret("live", "db_password", canary)
	other := environment("live")
	other.Project, inOther.Project = "other", "other"
	noted(d.must(web, value, secret("dev", "web_gone", canary)), "web_key", "web_host", "web_gone")
	d.must(environment("prod"), secret("prod", "db_password", canary), secret("prod", "db_prod", "same"),
		secret("*", "web_shared", canary),
		backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: hidden["web_gone"]},
		backend.Change{Op: backend.OpCreate, Kind: backend.KindProject, Name: "other"}, other, inOther,
		backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: "default", Name: "repo",
			Usages: []backend.Usage{{File: "web.yaml", Line: 1, Column: 1, Kind: backend.KindSecret, Name: "web_key",
				Environment: "dev"}}})
	_, hidden["token"] = d.newToken("ada", backend.RoleNone, backend.Person)
	noted(d.must(bind("ada-1", "viewer", "ada", backend.Where{Project: "default", Environment: "prod"})), "binding")
	d.stage(secret("dev", "web_key", "next"), secret("prod", "db_password", "next"))
}

// stage adds changes to the draft release. The draft itself belongs to the project: all people of the project see it,
// and each sees the changes of what they may see. An editor reads why the draft cannot be deployed.
func (d *dashboard) stage(changes ...backend.Change) {
	d.Helper()
	if _, err := d.service.Apply(d.Context(), backend.ChangeSet{Draft: "release", Changes: changes}); err != nil {
		d.Fatal(err)
	}
}

// comparable returns a page without what differs between two answers to the same question: ids, times and sessions.
func (a answer) comparable(replaced ...string) string {
	text := a.body
	for _, drop := range []string{`/ui/~[a-z0-9]+`, `data-base="[^"]*"`,
		`name="(form|revision)" value="[^"]*"`, `value="[A-Z0-9]{26}"`, `[0-9a-f]{8}-[0-9a-f-]{27}`,
		`<time [^>]*>[^<]*</time>`,
		`127\.0\.0\.1:[0-9]+`} {
		text = regexp.MustCompile(drop).ReplaceAllString(text, "~")
	}
	for _, name := range replaced {
		text = strings.ReplaceAll(text, name, "NAME")
	}
	return fmt.Sprintf("%d %s", a.StatusCode, text)
}

// differing returns the first lines in which two texts differ.
func differing(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("%.1200s\nand\n%.1200s", as[i], bs[i])
		}
	}
	return fmt.Sprintf("%d lines and %d lines", len(as), len(bs))
}

// listing are the pages that show several objects, and searches for what is hidden.
func listing() []string {
	const here = "/ui/p/default/"
	return []string{"/ui/", "/ui/p/default", here + "e/dev", here + "e/*", here + "e/dev?q=web",
		here + "e/dev?q=db_password", here + "e/dev?q=prod", here + "e/dev?sort=version", here + "e/dev?type=login",
		here + "e/dev/new", here + "e/dev/new-value", here + "e/dev/new?name=web_key", here + "matrix",
		here + "matrix?values=yes", here + "matrix?only=holes", here + "matrix?only=different", here + "types",
		here + "drafts", here + "deleted",
		here + "quotas", here + "reports", here + "reports?only=same-value", here + "reports?only=unused",
		here + "reports?only=missing", "/ui/projects", "/ui/access", "/ui/access?who=ada", "/ui/access?at=default/prod",
		"/ui/access?at=default/dev&name=web_key", "/ui/access/new", "/ui/tokens", "/ui/audit", "/ui/audit?name=web_key",
		"/ui/audit?project=other", "/ui/doctor", "/ui/sessions"}
}

// TestHiddenIsAsMissing has two deployments: one has only what somebody may see, the other one also has more. All pages
// are the same for people with a role for some names of one environment.
func TestHiddenIsAsMissing(t *testing.T) {
	plain, known, _ := limitedWorld(t, false)
	full, tokens, _ := limitedWorld(t, true)
	for _, role := range limited {
		for _, w := range []struct {
			d     *dashboard
			token string
		}{{plain, known[role]}, {full, tokens[role]}} {
			w.d.browser, w.d.base = newBrowser(), ""
			w.d.post("/ui/sign-in", url.Values{"code": {w.token}}).is(t, 200, "db_password")
		}
		pages := [][2]string{}
		for _, path := range listing() {
			pages = append(pages, [2]string{path, path})
		}
		for _, name := range []string{"db_password", "db_other"} {
			a := plain.path(plain.object(backend.KindSecret, name), "")
			b := full.path(full.object(backend.KindSecret, name), "")
			for _, more := range []string{"", "?compare=1", "/edit", "/delete"} {
				pages = append(pages, [2]string{a + more, b + more})
			}
		}
		for _, path := range pages {
			a, b := plain.get(path[0]).comparable(), full.get(path[1]).comparable()
			if a != b {
				t.Errorf("%s sees on %s that something is hidden: %s", role, path[0], differing(a, b))
			}
		}
		full.get("/ui/p/default/drafts/release").is(t, 200, "db_password").lacks(t, "web_", ">prod<", "other")
	}
}

// TestGuessesFindNothing asks for what is hidden, by its name and by its id, and for the same with a name or an id that
// nothing has. Both answers are the same.
func TestGuessesFindNothing(t *testing.T) {
	d, tokens, hidden := limitedWorld(t, true)
	before := d.everything()
	guesses, names := guesses(hidden), []string{"prod", "miss", "other", "nones"}
	for _, role := range limited {
		d.browser, d.base = newBrowser(), ""
		d.post("/ui/sign-in", url.Values{"code": {tokens[role]}}).is(t, 200)
		forms := d.guessedForms(hidden)
		for _, g := range guesses {
			a, b := d.get(g.hidden).comparable(names...), d.get(g.missing).comparable(names...)
			if a != b {
				t.Errorf("%s learns from %s: %s", role, g.hidden, differing(a, b))
			}
			v := url.Values{"edition": {"1"}, "version": {"1"}, "tag": {"t"}, "key": {"web_key"}, "name": {"db_x"},
				"value": {canary}, "do": {"deploy"}, "revision": {"1"}, "json": {"1"}}
			a, b = d.post(g.hidden, v).comparable(names...), d.post(g.missing, v).comparable(names...)
			if a != b {
				t.Errorf("%s learns from a form to %s: %s", role, g.hidden, differing(a, b))
			}
		}
		for _, path := range slices.Sorted(maps.Keys(forms)) {
			a, b := d.post(path, forms[path][0]), d.post(path, forms[path][1])
			replaced := []string{"web_key", "web_none", "prod", "miss"}
			if x, y := a.comparable(replaced...), b.comparable(replaced...); x != y {
				t.Errorf("%s learns from the form of %s: %s", role, path, differing(x, y))
			}
		}
	}
	if d.everything() != before {
		t.Error("a guess has changed something")
	}
}

// none is an id that no object has.
const none = "01a22177-0000-7000-8000-000000000000"

// guess is the path of something hidden, and the same path of something that does not exist.
type guess struct{ hidden, missing string }

func guesses(hidden map[string]string) (out []guess) {
	const here = "/ui/p/default/"
	for _, path := range []string{"", "/new", "/new-value", "?q=db"} {
		out = append(out, guess{here + "e/prod" + path, here + "e/miss" + path})
	}
	for kind, name := range map[string]string{"secret": "web_key", "value": "web_host"} {
		for _, path := range []string{"", "/edit", "/delete", "?compare=1", "/reveal", "/tags", "/rollback"} {
			out = append(out, guess{here + kind + "/" + hidden[name] + path, here + kind + "/" + none + path})
		}
	}
	return append(out, guess{"/ui/p/other/e/live", "/ui/p/nones/e/live"}, guess{"/ui/p/other", "/ui/p/nones"},
		guess{"/ui/p/other/secret/" + hidden["web_key"], "/ui/p/nones/secret/" + none},
		guess{"/ui/tokens/" + hidden["token"] + "/delete", "/ui/tokens/" + none + "/delete"},
		guess{"/ui/access/bindings/" + hidden["binding"] + "/delete", "/ui/access/bindings/" + none + "/delete"},
		guess{"/ui/switch?project=other&environment=live", "/ui/switch?project=nones&environment=live"},
		guess{"/ui/switch?project=default&environment=prod", "/ui/switch?project=default&environment=miss"})
}

// guessedForms returns two forms for each page: one that names a hidden object, and one that names nothing.
func (d *dashboard) guessedForms(hidden map[string]string) map[string][2]url.Values {
	d.Helper()
	o := d.object(backend.KindSecret, "db_password")
	both := func(v url.Values, field, a, b string) [2]url.Values {
		first, second := maps.Clone(v), maps.Clone(v)
		first[field], second[field] = []string{a}, []string{b}
		return [2]url.Values{first, second}
	}
	return map[string][2]url.Values{
		"/ui/p/default/e/dev/new": both(url.Values{"value": {"v"}}, "name", "web_key", "web_none"),
		"/ui/p/default/e/dev/new-value": both(url.Values{"name": {"db_linked"}, "as": {"link"}}, "secret", "web_key",
			"web_none"),
		d.path(o, "/edit"): both(url.Values{"edition": {fmt.Sprint(o.Edition)}, "environment": {"dev"}}, "name", "web_key",
			"web_none"),
		"/ui/p/default/deleted": both(url.Values{"kind": {"secret"}}, "id", hidden["web_gone"], none),
		"/ui/p/default/check":   both(url.Values{"name": {"db_x"}, "value": {"v"}}, "environment", "prod", "miss"),
		"/ui/access/new": both(url.Values{"name": {"b"}, "to": {"token:viewer"}, "role": {"viewer"}}, "at", "default/prod",
			"default/miss"),
	}
}
