// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// TestNavigationShowsThePermittedPages has people with each role, everywhere, in a project, in an environment and for
// some names. Each page of the navigation opens, and a page that opens for them is in it.
func TestNavigationShowsThePermittedPages(t *testing.T) {
	d, _ := newServers(t)
	d.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindProject, Name: "shop"})
	d.newToken("root", backend.RoleAdmin, backend.Person)
	tokens := map[string]string{}
	add := func(name string, bindings ...backend.Change) {
		tokens[name], _ = d.newToken(name, backend.RoleNone, backend.Person)
		d.must(bindings...)
	}
	for _, role := range backend.Roles {
		tokens[string(role)], _ = d.newToken(string(role), role, backend.Person)
		if role == backend.RoleNone {
			continue
		}
		for where, w := range map[string]backend.Where{"project": {Project: "default"}, "unprotected": {},
			"environment": {Project: "default", Environment: "dev"},
			"names":       {Project: "default", Environment: "dev", Names: "db_*"}} {
			name := where + "-" + string(role)
			add(name, bind(name, string(role), name, w))
		}
	}
	// Rights in another project than the page's project count for pages that are not about a project.
	add("elsewhere", bind("e1", "viewer", "elsewhere", backend.Where{Project: "default"}),
		bind("e2", "admin", "elsewhere", backend.Where{Project: "shop"}))
	for who, token := range tokens {
		d.browser, d.base = newBrowser(), ""
		nav, _, _ := strings.Cut(d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200).body, "<main")
		_, nav, _ = strings.Cut(nav, `<nav class="side"`)
		listed := map[string]bool{}
		for _, m := range regexp.MustCompile(`href="(/ui/[^"]+)"`).FindAllStringSubmatch(nav, -1) {
			page := strings.Replace(m[1], d.base, "/ui", 1)
			listed[page] = true
			if got := d.get(page); got.StatusCode != 200 {
				t.Errorf("%s sees %s in the navigation, and gets %s", who, page, got.Status)
			}
		}
		for _, page := range []string{"access", "audit", "tokens", "projects", "doctor"} {
			if got := d.get("/ui/" + page); (got.StatusCode == 200) != listed["/ui/"+page] {
				t.Errorf("%s gets %s for %s, which is in the navigation: %v", who, got.Status, page, listed["/ui/"+page])
			}
		}
	}
}

// countsProjects is a Service that counts the lists of projects.
type countsProjects struct {
	backend.Service
	lists atomic.Int32
}

func (s *countsProjects) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	if q.Kind == backend.KindProject {
		s.lists.Add(1)
	}
	return s.Service.Query(ctx, q)
}

// The navigation of somebody who may read the audit log of one environment does not list the projects again.
func TestAPageListsTheProjectsOnce(t *testing.T) {
	var service *countsProjects
	d := newDashboard(t, func(o *site.Options) {
		service = &countsProjects{Service: o.Service}
		o.Service = service
		o.Rights = func(context.Context) (backend.Permissions, error) {
			return access.NewPermissions([]access.Grant{{Rights: backend.Rights,
				Where: backend.Where{Project: "p", Environment: "e"}}}), nil
		}
	})
	d.signIn()
	service.lists.Store(0)
	d.get("/ui/p/default/e/dev").is(t, 200).lacks(t, `/audit"`)
	if n := service.lists.Load(); n != 1 {
		t.Errorf("a page lists the projects %d times", n)
	}
}
