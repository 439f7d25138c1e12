// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

var queryCases = []testCase{
	{"every page names the deployment, also an empty one", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "v"))
		want := ""
		for _, q := range []backend.Query{
			{Kind: backend.KindProject}, {Kind: backend.KindSecret, Project: project},
			{Kind: backend.KindSecret, Project: project, Name: "none"},
		} {
			page, err := f.Query(context.Background(), q)
			if err != nil || page.Deployment == "" || want != "" && page.Deployment != want {
				f.Errorf("the page of %s names the deployment %q, want %q (%v)", q.Kind, page.Deployment, want, err)
			}
			want = page.Deployment
		}
	}},
	{"a query returns all metadata of an object", func(f *fixture) {
		f.environments("dev")
		c := in("app/web", typed("password", secret("dev", "s", "v")))
		c.Description, c.Labels, c.Visibility = ptr("d"), map[string]string{"k": "v"}, ptr(backend.Restricted)
		made := f.must(c)[0].Object
		got := f.list(backend.Query{Kind: backend.KindSecret, Project: project, Name: "s"})
		if len(got) != 1 {
			f.Fatalf("%d objects", len(got))
		}
		o := got[0]
		equal(f, "as created", show(o), show(made))
		equal(f, "place", o.Project+"/"+o.Environment+"/"+o.Scope+"/"+o.Name, "default/dev/app/web/s")
		equal(f, "type", o.Type, "password")
		equal(f, "other metadata", fmt.Sprint(o.Description, o.Labels, o.Visibility, o.Version, o.Revision),
			fmt.Sprint("d", map[string]string{"k": "v"}, backend.Restricted, 1, 1))
		if o.CreatedAt.IsZero() || o.ValueAt.IsZero() || !backend.IsID(o.ID) || !backend.IsID(o.EnvironmentID) {
			f.Errorf("incomplete: %+v", o)
		}
		byID := f.list(backend.Query{Kind: backend.KindSecret, ID: o.ID})
		equal(f, "query with only an id", show(byID), show(got))
	}},
	{"a query selects the names with a prefix, page by page", func(f *fixture) {
		f.environments("dev", "prod", "production")
		var many []backend.Change
		for i := range 30 {
			many = append(many, secret("dev", fmt.Sprintf("db_%02d", i), "v"))
		}
		f.must(append(many, secret("dev", "db", "v"), secret("prod", "db", "v"), secret("dev", "dB_x", "v"),
			secret("dev", "dc", "v"), secret("dev", "d-b", "v"), secret("dev", "z_z", "v"), plain("dev", "db_plain", "1"))...)
		for prefix, want := range map[string]int{"db": 32, "db_": 30, "db_0": 10, "d": 35, "dB": 1, "z": 1, "zz": 0, "_": 0,
			"d%": 0, "d*": 0, "-": 0, "é": 0, "~": 0, " ": 0, strings.Repeat("d", 300): 0} {
			for _, limit := range []int{0, 1, 7} {
				q := backend.Query{Kind: backend.KindSecret, Project: project, NamePrefix: prefix, Limit: limit}
				got, err := backend.ListAll(context.Background(), f, q)
				if err != nil {
					f.Fatal(err)
				}
				equal(f, fmt.Sprintf("secrets with the prefix %q, pages of %d", prefix, limit), len(got), want)
				for _, o := range got {
					equal(f, o.Name+" has the prefix "+prefix, strings.HasPrefix(o.Name, prefix), true)
				}
			}
		}
		both := f.list(backend.Query{Kind: backend.KindSecret, Project: project, NamePrefix: "db", Environment: "prod"})
		equal(f, "one environment", len(both), 1)
		other := f.list(backend.Query{Kind: backend.KindSecret, Project: project, NamePrefix: "db_", Name: "dc"})
		equal(f, "a name without the prefix", len(other), 0)
		byID := f.list(backend.Query{Kind: backend.KindSecret, ID: both[0].ID, NamePrefix: "dc"})
		equal(f, "an id whose name lacks the prefix", len(byID), 0)
		for kind, want := range map[backend.Kind]string{backend.KindProject: "default", backend.KindEnvironment: "prod",
			backend.KindSecretType: "password", backend.KindRole: "viewer"} {
			q := backend.Query{Kind: kind, NamePrefix: want[:3]}
			if kind == backend.KindEnvironment || kind == backend.KindSecretType {
				q.Project = project
			}
			objects := f.list(q)
			if len(objects) == 0 || objects[0].Name != want {
				f.Errorf("%s with the prefix %q: %d objects", kind, want[:3], len(objects))
			}
			for _, o := range objects {
				equal(f, o.Name+" has the prefix", strings.HasPrefix(o.Name, want[:3]), true)
			}
		}
	}},
	{"a prefix of names is refused where no list is sorted by name", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "v"))
		for _, q := range []backend.Query{
			{Kind: backend.KindVersion, Environment: "dev", Name: "s"}, {Kind: backend.KindUsage},
			{Kind: backend.KindDraftChange, Draft: "d"}, {Kind: backend.KindEntry},
			{Kind: backend.KindSecret, Deleted: true}, {Kind: backend.KindSecret, Held: true},
		} {
			q.Project, q.NamePrefix = project, "s"
			_, err := f.Query(context.Background(), q)
			e := backend.AsError(err)
			if e == nil || e.Code != backend.CodeInvalid || e.Attribute != "name_prefix" {
				f.Errorf("%+v: %v", q, err)
			}
		}
	}},
	{"a query selects by name, environment, scope, type and id", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("dev", "a", "v"), secret("prod", "a", "v"), secret("*", "b", "v"),
			in("app/web", secret("dev", "a", "v")), typed("password", secret("prod", "c", "v")))
		for want, qs := range map[int][]backend.Query{
			5: {{}},
			3: {{Name: "a"}},
			2: {{Environment: "dev"}, {Environment: "prod"}},
			1: {{Environment: "*"}, {Scope: "app/web"}, {Type: "password"}, {Name: "a", Environment: "prod"}},
			0: {{Name: "zzz"}, {Type: "smtp"}, {ID: "01890a5d-ac96-774b-bcce-b302099a8057"}},
		} {
			for _, q := range qs {
				q.Kind, q.Project = backend.KindSecret, project
				equal(f, fmt.Sprintf("%+v", q), len(f.list(q)), want)
			}
		}
		for _, q := range []backend.Query{
			{Kind: backend.KindSecret, Project: "nowhere"}, {Kind: backend.KindSecret, Project: project, Environment: "nowhere"},
			{Kind: backend.KindSecret, Project: project, Type: "nothing"},
		} {
			if _, err := f.Query(context.Background(), q); !errors.Is(err, backend.ErrNotFound) {
				f.Errorf("%+v: %v", q, err)
			}
		}
		for _, q := range []backend.Query{
			{Kind: "gizmo", Project: project}, {Kind: backend.KindSecret},
			{Kind: backend.KindSecret, Project: project, Cursor: "!"},
			{Kind: backend.KindSecret, Project: project, Limit: backend.MaxPage + 1},
		} {
			if _, err := f.Query(context.Background(), q); !errors.Is(err, backend.ErrInvalid) {
				f.Errorf("%+v: %v", q, err)
			}
		}
	}},
	{"pages have no gaps and no repetitions", func(f *fixture) {
		f.environments("dev", "prod")
		for i := range 12 {
			f.must(secret("dev", fmt.Sprintf("s%02d", i), "v"), secret("prod", fmt.Sprintf("s%02d", i), "v"))
		}
		for _, kind := range []backend.Kind{backend.KindSecret, backend.KindSecretType, backend.KindEnvironment,
			backend.KindProject, backend.KindToken} {
			all := f.list(backend.Query{Kind: kind, Project: project})
			var paged []backend.Object
			q := backend.Query{Kind: kind, Project: project, Limit: 5}
			for range 20 {
				page, err := f.Query(context.Background(), q)
				if err != nil {
					f.Fatal(err)
				}
				paged = append(paged, page.Objects...)
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			equal(f, string(kind), show(paged), show(all))
		}
	}},
	{"a caller can ask who it is", func(f *fixture) {
		all := f.list(backend.Query{Kind: backend.KindToken, Self: true})
		equal(f, "objects", len(all), 1)
		equal(f, "role", all[0].Role, backend.RoleAdmin)
		equal(f, "principal", all[0].Principal, backend.Workload)
		if all[0].Name == "" {
			f.Error("the caller has no name")
		}
		for _, q := range []backend.Query{
			{Kind: backend.KindSecret, Project: project, Self: true}, {Kind: backend.KindToken, Self: true, Name: "x"},
			{Kind: backend.KindToken, Self: true, ID: all[0].ID + "x"}, {Self: true},
		} {
			if _, err := f.Query(context.Background(), q); !errors.Is(err, backend.ErrInvalid) {
				f.Errorf("%+v: %v", q, err)
			}
		}
	}},
	{"a project reports its number of secrets and its policy", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "a", "v"), secret("*", "b", "v"))
		o := f.list(backend.Query{Kind: backend.KindProject, Name: project})[0]
		equal(f, "secrets", *o.Secrets, 2)
		equal(f, "policy", *o.Policy, backend.DefaultPolicy())
	}},
}
