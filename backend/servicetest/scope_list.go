// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// scopes lists the scopes that a query selects, in pages of each size.
func (f *fixture) scopes(q backend.Query) string {
	f.Helper()
	q.Kind, q.Project = backend.KindScope, project
	all := namesOf(f, q)
	for _, limit := range []int{1, 2, 3} {
		q.Limit = limit
		equal(f, fmt.Sprintf("%+v", q), namesOf(f, q), all)
	}
	return all
}

var scopeListCases = []testCase{
	{"a list of scopes has each scope of the secrets and scoped values once", func(f *fixture) {
		f.environments("dev", "prod")
		equal(f, "scopes of an empty project", f.scopes(backend.Query{}), "")
		f.must(in("app/web", secret("dev", "a", "v")), in("app/web", secret("dev", "b", "v")),
			in("app/web", plain("dev", "a", "1")), in("pipeline/orders", plain("prod", "z", "1")),
			in("app/Web", secret("prod", "a", "v")), in("app/shared", secret("*", "a", "v")), secret("dev", "a", "v"))
		for _, c := range []struct {
			q    backend.Query
			want string
		}{
			{backend.Query{}, "app/Web app/shared app/web pipeline/orders project"},
			{backend.Query{NamePrefix: "app/"}, "app/Web app/shared app/web"},
			{backend.Query{NamePrefix: "app/w"}, "app/web"},
			{backend.Query{NamePrefix: "project"}, "project"},
			{backend.Query{NamePrefix: "q"}, ""}, {backend.Query{NamePrefix: "\x00"}, ""},
			{backend.Query{NamePrefix: "é%_"}, ""},
			{backend.Query{Environment: "dev"}, "app/shared app/web project"},
			{backend.Query{Environment: "prod", NamePrefix: "p"}, "pipeline/orders"},
			{backend.Query{Environment: "*"}, "app/shared"},
		} {
			equal(f, fmt.Sprintf("%+v", c.q), f.scopes(c.q), c.want)
		}
		page, err := f.Query(context.Background(), backend.Query{Kind: backend.KindScope, Project: project, Limit: 1})
		if err != nil || len(page.Objects) != 1 || page.Objects[0].Kind != backend.KindScope ||
			page.Objects[0].Project != project {
			f.Errorf("a page is %+v (%v)", page, err)
		}
		f.must(in("pipeline/orders", remove(backend.KindScopedValue, "prod", "z")),
			in("app/Web", remove(backend.KindSecret, "prod", "a")))
		equal(f, "scopes after deletions", f.scopes(backend.Query{}), "app/shared app/web project")
	}},
	{"wrong selectors of a list of scopes are refused", func(f *fixture) {
		f.environments("dev")
		for _, q := range []backend.Query{
			{ID: "01890a5d-ac96-774b-bcce-b302099a8057"}, {Name: "a"}, {Scope: "app/web"}, {Type: "password"}, {Draft: "d"},
			{Deleted: true}, {Held: true}, {LastResolved: true}, {UnusedSince: time.Unix(1, 0)}, {Self: true}, {Search: "a"},
			{Sort: backend.SortName}, {Descending: true}, {Offset: 1}, {By: "a"}, {Code: backend.CodeOK},
			{Since: time.Unix(1, 0)},
			{OldestFirst: true}, {Follow: true}, {Cursor: "!"}, {Limit: backend.MaxPage + 1},
		} {
			q.Kind, q.Project = backend.KindScope, project
			if _, err := f.Query(context.Background(), q); !errors.Is(err, backend.ErrInvalid) {
				f.Errorf("%+v: %v", q, err)
			}
		}
		_, err := f.Query(context.Background(), backend.Query{Kind: backend.KindScope})
		if !errors.Is(err, backend.ErrInvalid) {
			f.Errorf("without a project: %v", err)
		}
		for _, q := range []backend.Query{{Project: "nowhere"}, {Project: project, Environment: "nowhere"}} {
			q.Kind = backend.KindScope
			if _, err := f.Query(context.Background(), q); !errors.Is(err, backend.ErrNotFound) {
				f.Errorf("%+v: %v", q, err)
			}
		}
	}},
}

var scopeAccessCases = []accessCase{
	{"a list of scopes has only those of entries that the caller may see", func(f *accessFixture) {
		f.filled()
		f.must(in("app/y", secret("dev", "api_other", "1")), in("app/z", secret("prod", "db_main", "1")),
			in("pipeline/p", plain("dev", "db_flag", "1")))
		all := backend.Query{Kind: backend.KindScope, Project: project}
		equal(f.fixture, "all", namesOf(f.fixture, all), "app/x app/y app/z pipeline/p project")
		for want, grants := range map[string][]backend.Grant{
			"app/x pipeline/p project":       {grant("viewer", "dev", "db_*")},
			"app/y project":                  {grant("viewer", "dev", "api_*")},
			"app/x app/y pipeline/p project": {grant("viewer", "dev", "*")},
			"app/z project":                  {grant("viewer", "prod", "")},
		} {
			name := strings.ReplaceAll(strings.ReplaceAll(want, "/", "_"), " ", "-")
			equal(f.fixture, name, f.bound(name, grants...).scopes(backend.Query{}), want)
		}
		var many []backend.Grant // more than the store selects by
		for i := range 30 {
			many = append(many, grant("viewer", "dev", fmt.Sprint("*", i, "*")))
		}
		f.must(in("app/w", secret("dev", "n_7", "1")), in("app/v", plain("dev", "n_12", "1")),
			in("app/u", plain("dev", "n", "1")))
		scopes := f.bound("many", many...).scopes(backend.Query{})
		equal(f.fixture, "scopes of many patterns", scopes, "app/v app/w")
		none := f.bound("none")
		if _, err := none.Query(context.Background(), all); !errors.Is(err, backend.ErrNotFound) {
			f.Errorf("a token without rights: %v", err)
		}
		if !slices.Contains(strings.Fields(namesOf(f.fixture, all)), "app/u") {
			f.Error("the scope app/u is missing")
		}
	}},
}
