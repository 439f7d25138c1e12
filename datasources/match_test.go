package datasources

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func TestJudge(t *testing.T) {
	entry := func(kind backend.Kind, environment, scope, name string) backend.Object {
		return backend.Object{Kind: kind, Environment: environment, Scope: scope, Name: name, Version: 2}
	}
	value := func(environment, scope, name, text, link string) backend.Object {
		o := entry(backend.KindValue, environment, scope, name)
		if link != "" {
			o.Link = &backend.Link{Secret: link}
		} else {
			o.JSON = json.RawMessage(text)
		}
		return o
	}
	in := &inventory{
		environments: []backend.Object{{Name: "dev", ID: "id-of-dev"}, {Name: "prod"}},
		entries: []backend.Object{
			entry(backend.KindSecret, "*", "project", "shared"),
			entry(backend.KindSecret, "dev", "project", "only_dev"),
			entry(backend.KindSecret, "*", "app/web", "of_web"),
			{Kind: backend.KindSecret, Environment: "dev", Scope: "project", Name: "declared"},
			value("*", "project", "plain", `{"a":{"b":1}}`, ""),
			value("*", "project", "text", `"x"`, ""),
			value("*", "project", "link", "", "only_dev"),
			// The nearest is what a reference finds, though another would do.
			value("*", "app/web", "nearest", `{}`, ""),
			value("dev", "project", "nearest", `{"a":1}`, ""),
			value("dev", "app/web", "exact", `{"a":1}`, ""),
			value("*", "app/web", "exact", `{}`, ""),
		},
	}
	for _, c := range []struct {
		ref  backend.Ref
		want string // "" for satisfied; otherwise what the verdict begins with
	}{
		{backend.Ref{Kind: backend.KindSecret, Environment: "prod", Name: "shared"}, ""},
		{backend.Ref{Kind: backend.KindSecret, Environment: "prod", Name: "shared", Field: "whatever"}, ""},
		{backend.Ref{Kind: backend.KindSecret, Environment: "id-of-dev", Name: "only_dev"}, ""},
		{backend.Ref{Kind: backend.KindSecret, Environment: "prod", Name: "only_dev"}, `missing secret "only_dev" does not exist in environment "prod" [dev]`},
		{backend.Ref{Kind: backend.KindSecret, Environment: "prod", Name: "shraed"}, `missing secret "shraed" does not exist in environment "prod" [] near shared`},
		{backend.Ref{Kind: backend.KindSecret, Environment: "prod", Name: "only_dve"}, `missing secret "only_dve" does not exist in environment "prod" []`},
		{backend.Ref{Kind: backend.KindSecret, Environment: "prd", Name: "shared"}, `mistake environment "prd" does not exist [] near prod`},
		{backend.Ref{Kind: backend.KindSecret, Environment: "dev", Name: "of_web"}, `missing secret "of_web"`},
		{backend.Ref{Kind: backend.KindSecret, Environment: "dev", Scope: "app/web", Name: "of_web"}, ""},
		{backend.Ref{Kind: backend.KindSecret, Environment: "dev", Scope: "app/other", Name: "of_web"}, `missing secret "of_web"`},
		{backend.Ref{Kind: backend.KindSecret, Environment: "dev", Name: "plain"}, `missing secret "plain"`},
		{backend.Ref{Kind: backend.KindValue, Environment: "dev", Name: "shared"}, `missing scoped value "shared"`},
		{backend.Ref{Kind: backend.KindSecret, Environment: "dev", Name: "shared", Version: "2"}, ""},
		{backend.Ref{Kind: backend.KindSecret, Environment: "dev", Name: "shared", Version: "previous"}, ""},
		{backend.Ref{Kind: backend.KindSecret, Environment: "dev", Name: "shared", Version: "3"}, `missing secret "shared" has no version 3: the current one is 2`},
		{backend.Ref{Kind: backend.KindSecret, Environment: "dev", Name: "declared"}, ""},
		{backend.Ref{Kind: backend.KindSecret, Environment: "dev", Name: "declared", Version: "1"}, `unknown secret "declared" is only declared`},
		{backend.Ref{Kind: backend.KindValue, Environment: "dev", Name: "plain", Field: "a.b"}, ""},
		{backend.Ref{Kind: backend.KindValue, Environment: "dev", Name: "plain", Field: "a.c"}, `missing scoped value "plain": the value has no field "a.c"`},
		{backend.Ref{Kind: backend.KindValue, Environment: "dev", Name: "text", Field: "a"}, `missing scoped value "text": `},
		{backend.Ref{Kind: backend.KindValue, Environment: "dev", Name: "link"}, ""},
		{backend.Ref{Kind: backend.KindValue, Environment: "prod", Name: "link"}, `missing scoped value "link" links to secret "only_dev" does not exist in environment "prod" [dev]`},
		{backend.Ref{Kind: backend.KindValue, Environment: "dev", Scope: "app/web", Name: "nearest", Field: "a"}, `missing scoped value "nearest"`},
		{backend.Ref{Kind: backend.KindValue, Environment: "dev", Name: "nearest", Field: "a"}, ""},
		{backend.Ref{Kind: backend.KindValue, Environment: "dev", Scope: "app/web", Name: "exact", Field: "a"}, ""},
		{backend.Ref{Kind: backend.KindValue, Environment: "prod", Scope: "app/web", Name: "exact", Field: "a"}, `missing scoped value "exact"`},
	} {
		if c.ref.Scope == "" {
			c.ref.Scope = backend.ProjectScope
		}
		v := judge(c.ref, in)
		got := ""
		switch {
		case v.unknown:
			got = "unknown " + v.reason
		case v.mistake:
			got = "mistake " + v.reason
		case v.missing:
			got = "missing " + v.reason
		}
		if got != "" {
			got += " [" + strings.Join(v.environments, " ") + "]"
		}
		if v.near != "" {
			got += " near " + v.near
		}
		if (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%+v: %s", c.ref, got)
		}
	}
	denied := &inventory{denied: backend.Errorf(backend.CodeDenied, "may not")}
	if v := judge(backend.Ref{Kind: backend.KindSecret, Environment: "dev", Name: "shared"}, denied); !v.unknown || v.missing {
		t.Errorf("%+v", v)
	}
}

// TestNear: a name far from all others was not mistyped.
func TestNear(t *testing.T) {
	names := []backend.Object{{Name: "db_password"}, {Name: "api_key"}}
	got := []string{near("db_pasword", names), near("API_KEY", names), near("unrelated", names), near("db_password_of_all", names)}
	if !slices.Equal(got, []string{"db_password", "api_key", "", ""}) {
		t.Error(got)
	}
}
