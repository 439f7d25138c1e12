// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// listed returns the ids of the sessions on the page by who has them.
func (d *dashboard) listed() map[string][]string {
	d.Helper()
	out := map[string][]string{}
	rows := regexp.MustCompile(`(?s)<td class="key"><bdi>([^<]+)</bdi>.*?name="id" value="([^"]+)"`)
	for _, m := range rows.FindAllStringSubmatch(d.get("/ui/sessions").is(d.T, 200).body, -1) {
		out[m[1]] = append(out[m[1]], m[2])
	}
	return out
}

// TestSessionsOfAllServersAreListed has people who have signed in at different servers of a deployment.
func TestSessionsOfAllServersAreListed(t *testing.T) {
	for name, newTwo := range map[string]func(*testing.T) (_, _ *dashboard){"SQLite": newServers,
		"PostgreSQL": newServersOnPostgreSQL} {
		t.Run(name, func(t *testing.T) {
			first, second := newTwo(t)
			second.browser = newBrowser()
			root, _ := first.newToken("root", backend.RoleAdmin, backend.Person)
			eve, _ := first.newToken("eve", backend.RoleViewer, backend.Person)
			r := first.request(http.MethodPost, "/ui/sign-in", url.Values{"code": {eve}})
			r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
			if got := first.send(r); got.StatusCode != 200 {
				t.Fatal(got.Status)
			}
			if _, err := first.service.Apply(t.Context(), backend.ChangeSet{IdempotencyKey: "began x",
				Changes: []backend.Change{secret("dev", "other", "v")}}); !errors.Is(err, backend.ErrInvalid) {
				t.Errorf("a change set with a key like that of a session gets %v", err)
			}
			second.post("/ui/sign-in", url.Values{"code": {root}}).is(t, 200)
			all := second.listed()
			if len(all) != 2 || len(all["root"]) != 1 || len(all["eve"]) != 1 {
				t.Fatalf("the second server lists %v", all)
			}
			second.get("/ui/sessions").is(t, 200, "Firefox, Linux", "127.0.0.1")
			if own := first.listed(); len(own) != 1 || !slices.Equal(own["eve"], all["eve"]) {
				t.Errorf("eve sees %v", own)
			}
			first.post("/ui/sessions", url.Values{"id": all["root"]}).is(t, 404)

			// What was seen by the other server lately is listed, and what nobody has used for long is not.
			for range 4 {
				first.now, second.now = first.now.Add(10*time.Minute), second.now.Add(10*time.Minute)
				first.get("/ui/projects").is(t, 200)
				second.get("/ui/projects").is(t, 200)
			}
			if now := second.listed(); len(now) != 2 {
				t.Errorf("after requests at the other server, the list is %v", now)
			}
			second.post("/ui/sessions", url.Values{"id": all["eve"]}).is(t, 200, "The session has ended.")
			if now := second.listed(); len(now) != 1 {
				t.Errorf("after the end of a session, the list is %v", now)
			}
			if got := first.get("/ui/projects"); got.at() != "/ui/sign-in" {
				t.Errorf("an ended session gets %s", got.Request.URL)
			}
			first.base, first.browser = "", newBrowser()
			first.post("/ui/sign-in", url.Values{"code": {eve}}).is(t, 200)
			for range 4 {
				second.now = second.now.Add(10 * time.Minute)
				second.get("/ui/projects").is(t, 200)
			}
			if now := second.listed(); len(now) != 1 {
				t.Errorf("after 40 minutes without a request, the list is %v", now)
			}
		})
	}
}

// forgetful is an Ended that cannot note sessions.
type forgetful struct{ *access.Sessions }

func (forgetful) Note(context.Context, string, []byte) error {
	return backend.Errorf(backend.CodeStorageFull, "the disk is full")
}

// TestPeopleSignInAlthoughTheirSessionCannotBeNoted has a full disk. The server that knows the session lists it.
func TestPeopleSignInAlthoughTheirSessionCannotBeNoted(t *testing.T) {
	config := open.Config{Path: filepath.Join(t.TempDir(), ".pouncet")}
	opentest.Init(t, config)
	parts, err := open.Embedded(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	d := newDashboard(t, func(o *site.Options) { o.Ended = forgetful{access.NewSessions(parts.Store, nil)} })
	d.signIn()
	if all := d.listed(); len(all) != 1 {
		t.Errorf("the list is %v", all)
	}
	id := d.get("/ui/sessions").field(t, "id")
	if got := d.post("/ui/sessions", url.Values{"id": {id}}); !strings.Contains(got.body, "Sign in") {
		t.Errorf("the session has not ended: %s", got.body)
	}
}
