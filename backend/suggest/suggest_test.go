// SPDX-License-Identifier: MPL-2.0

package suggest_test

import (
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

func TestName(t *testing.T) {
	names := []string{"db_password", "api_key", "x"}
	for name, want := range map[string]string{
		"db_pasword": "db_password", "API_KEY": "api_key", "unrelated": "", "db_password_of_all": "", "api_key": "", "": "x",
		"y": "x", "db_passwrod": "db_password",
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
	if got := suggest.MissingHint([]string{"dev", "prod"}, "db"); got != "it exists in dev, prod" {
		t.Error(got)
	}
	if got := suggest.MissingHint(nil, "db"); got != "did you mean db?" {
		t.Error(got)
	}
	if got := suggest.MissingHint(nil, ""); got != "no environment has it: check the name, or create it" {
		t.Error(got)
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
