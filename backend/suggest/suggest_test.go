// SPDX-License-Identifier: MPL-2.0

package suggest_test

import (
	"slices"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

func TestName(t *testing.T) {
	names := []string{"db_password", "api_key", "x", "env"}
	for name, want := range map[string]string{
		"db_pasword": "db_password", "API_KEY": "api_key", "unrelated": "", "db_password_of_all": "", "api_key": "", "": "x",
		"y": "x", "db_passwrod": "db_password",
		"evn": "env", "EVN": "env", "nev": "env", "vne": "", "en": "env",
	} {
		if got := suggest.Name(name, names); got != want {
			t.Errorf("the suggestion for %q is %q, want %q", name, got, want)
		}
	}
	if got := suggest.WithinDistance(2, "get_secret_valeu",
		[]string{"get_value", "get_secret_value"}); got != "get_secret_value" {
		t.Error(got)
	}
}

func TestMissingHint(t *testing.T) {
	if got := suggest.MissingHint([]string{"dev", "prod"}, "db", "create it"); got != "it exists in dev, prod" {
		t.Error(got)
	}
	if got := suggest.MissingHint(nil, "db", "create it"); got != "did you mean db?" {
		t.Error(got)
	}
	if got := suggest.MissingHint(nil, "", "create it"); got != "create it" {
		t.Error(got)
	}
}

func TestMissing(t *testing.T) {
	never := func() string { t.Error("a name that exists elsewhere gets a suggestion"); return "" }
	environments, suggestion, hint := suggest.Missing([]string{"prod", "dev", "prod"}, never)
	if !slices.Equal(environments, []string{"dev", "prod"}) || suggestion != "" || hint != "it exists in dev, prod" {
		t.Error(environments, suggestion, hint)
	}
	for meant, want := range map[string]string{
		"db": "did you mean db?", "": "no environment has it: check the name, or create it",
	} {
		environments, suggestion, hint := suggest.Missing(nil, func() string { return meant })
		if len(environments) != 0 || suggestion != meant || hint != want {
			t.Error(environments, suggestion, hint)
		}
	}
}

func TestHint(t *testing.T) {
	if got := suggest.Hint("db", "create it"); got != "did you mean db?" {
		t.Error(got)
	}
	if got := suggest.Hint("", "create it"); got != "create it" {
		t.Error(got)
	}
}
