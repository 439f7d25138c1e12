// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// entries lists the entries that a query selects, and how many there are.
func (f *fixture) entries(q backend.Query) (names string, page backend.Page) {
	f.Helper()
	q.Kind, q.Project = backend.KindEntry, project
	page, err := f.Query(context.Background(), q)
	if err != nil {
		f.Fatalf("%+v: %v", q, err)
	}
	var all []string
	for _, o := range page.Objects {
		all = append(all, o.Name)
	}
	return strings.Join(all, " "), page
}

func total(page backend.Page) int {
	if page.Total == nil {
		return -1
	}
	return *page.Total
}

var entryListCases = []testCase{
	{"a list of entries has the secrets and scoped values of an environment, and those that all share", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("dev", "b", "v"), secret("prod", "b", "v"), secret("*", "c", "v"), secret("prod", "d", "v"),
			plain("dev", "a", `"plain"`))
		names, page := f.entries(backend.Query{Environment: "dev"})
		equal(f, "names", names, "a b c")
		equal(f, "total", total(page), 3)
		equal(f, "kind of a", page.Objects[0].Kind, backend.KindScopedValue)
		equal(f, "environments of b", fmt.Sprint(page.Objects[1].Environments), "[dev prod]")
		equal(f, "environments of c", fmt.Sprint(page.Objects[2].Environments), "[*]")
		if page.Objects[1].CreatedBy == "" {
			f.Error("nobody has written the value of b")
		}
		names, _ = f.entries(backend.Query{Environment: "*"})
		equal(f, "shared entries", names, "c")
		names, _ = f.entries(backend.Query{})
		equal(f, "the whole project", names, "a b b c d")
		if names, page := f.entries(backend.Query{Environment: "dev", Search: "none"}); names != "" || total(page) != 0 ||
			page.Objects == nil {
			f.Errorf("an empty list is %+v", page)
		}
	}},
	{"a list of entries is searched, filtered, sorted and cut into pages", func(f *fixture) {
		f.environments("dev")
		described := secret("dev", "Beta", "v")
		described.Description = ptr("the DATABASE of the shop")
		f.must(secret("dev", "alpha", "v"), described, typed("password", secret("dev", "gamma", "v")),
			in("app/web", secret("dev", "delta", "v")), secret("dev", "alpha", "w"))
		for want, q := range map[string]backend.Query{
			"Beta":                   {Search: "database"},
			"Beta alpha delta gamma": {Search: "A"},
			"gamma delta alpha Beta": {Descending: true},
			"gamma":                  {Type: "password"},
			"delta":                  {Scope: "app/web"},
			"alpha":                  {Name: "alpha"},
			"Beta delta gamma alpha": {Sort: backend.SortVersion},
			"alpha delta":            {Offset: 1, Limit: 2},
			"":                       {Offset: 9},
		} {
			q.Environment = "dev"
			names, page := f.entries(q)
			equal(f, fmt.Sprintf("%+v", q), names, want)
			if q.Offset > 0 {
				equal(f, "total", total(page), 4)
			}
		}
	}},
	{"a list of entries counts the values and files that use each entry", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("dev", "used", "v"), secret("prod", "used", "v"), secret("dev", "other", "v"))
		f.must(link("dev", "to_used", "used", ""))
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: "repository",
			Usages: []backend.Usage{
				{Kind: backend.KindSecret, Name: "used", Environment: "dev", File: "a.yaml", Line: 1},
				{Kind: backend.KindSecret, Name: "used", Environment: "prod", File: "a.yaml", Line: 1},
				{Kind: backend.KindScopedValue, Name: "used", Environment: "dev", File: "a.yaml", Line: 2},
			}})
		uses := map[string]int{}
		for _, environment := range []string{"dev", "prod"} {
			_, page := f.entries(backend.Query{Environment: environment})
			for _, o := range page.Objects {
				uses[environment+" "+o.Name] = *o.UsedBy
			}
		}
		equal(f, "uses", fmt.Sprint(uses), "map[dev other:0 dev to_used:0 dev used:2 prod used:1]")
	}},
	{"a list of entries can say when its secrets were last resolved", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "v"), plain("dev", "p", `1`))
		names, page := f.entries(backend.Query{Environment: "dev", LastResolved: true})
		equal(f, "names", names, "p s")
		equal(f, "total", total(page), 2)
		q := backend.Query{Kind: backend.KindEntry, Project: project, UnusedSince: page.Objects[0].CreatedAt}
		if _, err := f.Query(context.Background(), q); !errors.Is(err, backend.ErrInvalid) {
			f.Errorf("unused_since: %v", err)
		}
	}},
	{"wrong selectors of a list of entries are refused", func(f *fixture) {
		f.environments("dev")
		for _, q := range []backend.Query{
			{Kind: backend.KindEntry, Project: project, Sort: "value"},
			{Kind: backend.KindEntry, Project: project, Offset: -1},
			{Kind: backend.KindEntry, Project: project, Deleted: true},
			{Kind: backend.KindEntry, Project: project, Cursor: "x"},
			{Kind: backend.KindEntry, Project: project, ID: "01890a5d-ac96-774b-bcce-b302099a8057"},
			{Kind: backend.KindEntry},
			{Kind: backend.KindSecret, Project: project, Search: "x"},
			{Kind: backend.KindSecret, Project: project, Sort: backend.SortName},
			{Kind: backend.KindToken, Offset: 1},
		} {
			if _, err := f.Query(context.Background(), q); !errors.Is(err, backend.ErrInvalid) {
				f.Errorf("%+v: %v", q, err)
			}
		}
		q := backend.Query{Kind: backend.KindEntry, Project: project, Search: strings.Repeat("x", backend.MaxSearchBytes+1)}
		if _, err := f.Query(context.Background(), q); !errors.Is(err, backend.ErrTooLarge) {
			f.Errorf("a long search: %v", err)
		}
	}},
}
