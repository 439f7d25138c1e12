// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

func TestSettingsHaveOneOrder(t *testing.T) {
	a := &app{project: "from-flag"}
	t.Setenv(settingProject, "from-variable")
	t.Setenv(settingEnv, "prod")
	for _, c := range []struct{ variable, value, origin string }{
		{settingProject, "from-flag", "--project"},
		{settingEnv, "prod", settingEnv},
		{settingEndpoint, "", ""},
	} {
		if value, origin := a.setting(c.variable); value != c.value || origin != c.origin {
			t.Errorf("%s: got %q from %q, want %q from %q", c.variable, value, origin, c.value, c.origin)
		}
	}
}

func TestTheFirstSourceOfABackendDecides(t *testing.T) {
	variables := map[string]string{
		settingEndpoint: "http://variable", settingToken: "token",
		settingHome: "/variable", settingKMSKey: "file:///key",
	}
	for name, c := range map[string]struct {
		app   app
		unset string
		want  open.Config
	}{
		"the server of a variable wins over the folder of a variable": {
			want: open.Config{Endpoint: "http://variable", Token: "token"},
		},
		"the server of a flag wins over variables": {
			app:  app{endpoint: "http://flag"},
			want: open.Config{Endpoint: "http://flag", Token: "token"},
		},
		"without a server the folder is used": {
			unset: settingEndpoint,
			want:  open.Config{Path: "/variable", KMSKey: "file:///key"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range variables {
				if variable == c.unset {
					value = ""
				}
				t.Setenv(variable, value)
			}
			got, err := c.app.openConfig()
			c.want.UserAgent = got.UserAgent
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

// TestSettingsAreDocumented compares the environment variables in the code, in
// the table of settings, and in docs/settings.md.
func TestSettingsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/settings.md")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("docs/settings.md does not exist yet")
	}
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`POUNCET_[A-Z][A-Z_]*`)
	literal := regexp.MustCompile(`"(POUNCET_[A-Z][A-Z_]*)"`)
	documented, used := map[string]bool{}, map[string]bool{}
	for _, v := range name.FindAllString(string(page), -1) {
		documented[v] = true
	}
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != "..", d.Name() == "programtest": // for tests only
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for v := range used {
		if !documented[v] {
			t.Errorf("the code uses %s, but docs/settings.md does not name it", v)
		}
	}
	for v := range documented {
		if !used[v] {
			t.Errorf("docs/settings.md names %s, but the code does not use it", v)
		}
	}
	for _, s := range settings {
		if !used[s.variable] {
			t.Errorf("the help names %s, but the code does not use it", s.variable)
		}
		delete(used, s.variable)
	}
	for v := range used {
		t.Errorf("the code uses %s, but the table of settings does not name it", v)
	}
}
