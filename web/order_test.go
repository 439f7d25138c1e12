// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"context"
	"encoding/json"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// hebrew is shown from right to left, and a text of one line may have it. A text of several lines may also have the
// marks of marked. No text may have controls.
const (
	hebrew   = "\u05d2\u05de\u05dc"
	marked   = "\u200f" + hebrew + "\u200e"
	controls = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)

// oldTexts is a backend whose texts are from before the rule for texts: it answers controls for the mark U+200E.
type oldTexts struct{ backend.Service }

func (s oldTexts) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	page, err := s.Service.Query(ctx, q)
	if err != nil {
		return page, err
	}
	wire, err := json.Marshal(page)
	if err != nil {
		return page, err
	}
	var old backend.Page
	err = json.Unmarshal([]byte(strings.ReplaceAll(string(wire), "\u200e", controls)), &old)
	return old, err
}

// reorders returns the texts of a page that can change the order of the text around them. An element of isolated shows
// its text apart from the others. None shows one of the controls, except a field, which has the text as it is.
func reorders(page string) []string {
	isolated := []string{"bdi", "textarea", "option", "title", "pre"}
	inside, in, found := 0, "", []string(nil)
	for _, m := range regexp.MustCompile(`<(/?)([a-z0-9]+)[^>]*>|[^<]+`).FindAllStringSubmatch(page, -1) {
		switch text := html.UnescapeString(m[0]); {
		case slices.Contains(isolated, m[2]) && m[1] == "":
			inside, in = inside+1, m[2]
		case slices.Contains(isolated, m[2]):
			inside--
		case m[2] != "":
		case strings.ContainsAny(text, controls) && (inside == 0 || in != "textarea"),
			strings.Contains(text, hebrew) && inside == 0:
			found = append(found, strings.TrimSpace(text))
		}
	}
	return found
}

// TestTextsKeepTheOrderAroundThem stores texts that are shown from right to left, with the marks that a text may have
// and with the controls that texts of earlier versions can have. Every page isolates them, and escapes the controls.
func TestTextsKeepTheOrderAroundThem(t *testing.T) {
	d := newDashboard(t, func(o *site.Options) { o.Service = oldTexts{o.Service} })
	d.signIn()
	pages := d.turned()
	for _, path := range pages {
		got := d.get(path).is(t, 200)
		for _, text := range reorders(got.body) {
			t.Errorf("%s shows %+q among other text", path, text)
		}
	}
	entry := pages[0]
	d.get(entry).is(t, 200, `<bdi>`+"\u200f"+hebrew+`\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069</bdi>`)
	d.get(entry+"/edit").is(t, 200, "\n"+strings.ReplaceAll(marked, "\u200e", controls)+"</textarea>")
	if found := reorders("<p>a " + marked + "</p><bdi>" + controls + "</bdi><bdi>" + marked + "</bdi>"); len(found) != 2 {
		t.Errorf("found are %+q", found)
	}
}

// turned stores marked in all texts of people. It returns the paths of the pages, the one of a secret first.
func (d *dashboard) turned() []string {
	d.Helper()
	text, line, project := ptr(marked), ptr(hebrew), backend.DefaultProject
	schema := `{"type": "object", "properties": {"a": {"title": "` + marked + `", "description": "` + marked + `"}}}`
	c := secret("dev", "turned", canary)
	c.Description, c.Note, c.Labels, c.ManagedBy = text, text, map[string]string{hebrew: marked}, line
	out := d.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: project, Description: text},
		backend.Change{Op: backend.OpCreate, Kind: backend.KindSecretType, Project: project, Name: "turned",
			DisplayName: line, Description: text, Schema: []byte(schema)},
		c, secret("dev", "turned_too", canary), secret("dev", "gone", canary),
		backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: project, Environment: "dev",
			Name: "region", JSON: []byte(`"` + marked + `"`), Description: text},
		backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: hebrew,
			Usages: []backend.Usage{{File: hebrew, Line: 1, Column: 2, Kind: backend.KindSecret, Name: "turned",
				Environment: "dev"}}})
	d.newToken("lone", backend.RoleNone, backend.Person)
	binding := bind("lone-1", "viewer", "lone", backend.Where{Project: project})
	binding.Description = text
	bound := d.must(binding, backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: out[4].Object.ID})
	if _, err := d.service.Apply(d.Context(), backend.ChangeSet{Draft: "next",
		Changes: []backend.Change{secret("prod", "turned", canary)}}); err != nil {
		d.Fatal(err)
	}
	d.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindDraft, Project: project, Name: "next",
		Description: text})
	entry, value := d.path(out[2].Object, ""), d.path(out[5].Object, "")
	const here = "/ui/p/default/"
	return []string{entry, entry + "?compare=1", entry + "/edit", entry + "/delete", value, value + "/edit",
		value + "/delete", here + "e/dev", here + "e/dev?q=turned", here + "e/dev/new?type=turned", here + "matrix",
		here + "matrix?values=yes", here + "types", here + "types/turned", here + "drafts", here + "drafts/next",
		here + "reports", here + "deleted", here + "quotas", "/ui/projects", "/ui/access", "/ui/access?name=turned",
		"/ui/access/bindings/" + bound[0].Object.ID + "/delete", "/ui/tokens", "/ui/audit", "/ui/sessions", "/ui/doctor"}
}
