// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"runtime"
	"strings"
	"testing"
)

func TestSubcommand(t *testing.T) {
	for line, want := range map[string]string{
		"terraform plan -out=apply":        "plan",
		"terraform apply plan":             "apply",
		"/opt/tofu -chdir=x apply -lock=f": "apply",
		"terraform destroy":                "destroy",
		"terraform -version":               "",
		"terraform":                        "",
		"":                                 "",
	} {
		if got := subcommand(strings.Fields(line)); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestDestroys(t *testing.T) {
	for line, want := range map[string]bool{
		"terraform destroy -auto-approve":     true,
		"terraform apply -destroy":            true,
		"terraform plan -destroy=true -out=p": true,
		"terraform plan --destroy=TRUE":       true,
		"terraform apply -destroy=1":          true,
		"terraform apply -destroyed":          false,
		"terraform plan -destroy=0":           false,
		"terraform apply destroy":             false,
		"terraform plan":                      false,
		"terraform plan -destroy=false":       false,
		"":                                    false,
	} {
		if got := destroys(strings.Fields(line)); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

func TestDestroysByAVariable(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"TF_CLI_ARGS_apply", "-auto-approve -destroy", true},
		{"TF_CLI_ARGS", "-destroy", true},
		{"TF_CLI_ARGS_plan", "-destroy", false},
		{"TF_CLI_ARGS_apply", "-no-color", false},
	} {
		arguments := withVariables([]string{"terraform", "apply"}, func(name string) string {
			if name == c.name {
				return c.value
			}
			return ""
		})
		if got := destroys(arguments); got != c.want {
			t.Errorf("%s=%q: %v, want %v", c.name, c.value, got, c.want)
		}
	}
}

func TestIsOpenTofu(t *testing.T) {
	for line, want := range map[string]bool{
		"tofu plan":                 true,
		"/opt/tofu-1.11 destroy":    true,
		"/opt/tofu/terraform apply": false,
		"":                          false,
	} {
		if got := isOpenTofu(strings.Fields(line)); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

func TestParentArguments(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows does not tell the command line of the parent")
	}
	if got := parentArguments(t.Context()); len(got) == 0 || got[0] == "" {
		t.Errorf("the command line of the parent is %q", got)
	}
}
