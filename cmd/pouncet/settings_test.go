// SPDX-License-Identifier: MPL-2.0

package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

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

func TestFirstSourceDecidesTheBackend(t *testing.T) {
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
			got, err := c.app.openConfig(t.Context())
			c.want.UserAgent = got.UserAgent
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func readSettingsPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// namesIn returns the first group of every match of a pattern.
func namesIn(text, pattern string) map[string]bool {
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		names[m[1]] = true
	}
	return names
}

// checkDocumented compares names in the code with those in docs/settings.md.
func checkDocumented(t *testing.T, code, documented map[string]bool) {
	t.Helper()
	for name := range code {
		if !documented[name] {
			t.Errorf("docs/settings.md does not name %s", name)
		}
	}
	for name := range documented {
		if !code[name] {
			t.Errorf("docs/settings.md names %s, which the code does not use", name)
		}
	}
}

func TestEnvironmentVariablesAreDocumented(t *testing.T) {
	var code strings.Builder
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != "..":
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		code.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	used := namesIn(code.String(), `"(POUNCET_[A-Z][A-Z_]*)"`)
	maps.DeleteFunc(used, func(name string, _ bool) bool {
		return strings.HasPrefix(name, "POUNCET_TEST_") // for the tests of this repository
	})
	checkDocumented(t, used, namesIn(readSettingsPage(t), `(POUNCET_[A-Z][A-Z_]*)`))
	delete(used, "POUNCET_ACCEPT_DEPLOYMENT") // the provider alone reads it
	for _, s := range settings {
		if !used[s.variable] {
			t.Errorf("the help names %s, which the code does not use", s.variable)
		}
		delete(used, s.variable)
	}
	for v := range used {
		t.Errorf("the code uses %s, which the help does not name", v)
	}
}

func TestFlagsAreDocumented(t *testing.T) {
	flags := map[string]bool{}
	for _, c := range allCommands() {
		c.InitDefaultHelpFlag()
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { flags["--"+f.Name] = true })
	}
	checkDocumented(t, flags, namesIn(readSettingsPage(t), "`(--[a-z-]+)"))
}
