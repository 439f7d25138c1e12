// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// refuseApply reports an error if the command that runs applies a plan. That the session refuses every change is not
// sufficient: Terraform 1.14.1 and older drop a resource of any provider from the state if its write-only argument is
// unknown in an apply.
func refuseApply(ctx context.Context, diags *diag.Diagnostics) {
	command := subcommand(parentArguments(ctx))
	if command != "apply" && command != "destroy" {
		return
	}
	diags.AddAttributeError(path.Root("ephemeral_values"), "Apply without ephemeral values", fmt.Sprintf(
		"The provider block has ephemeral_values = %q, which is for plans that are never applied. So nothing is "+
			"changed.\n\nRemove ephemeral_values, or set it to %q, then run terraform %s again.",
		session.UnknownValues, session.ResolvedValues, command))
}

// parentArguments returns the command line of the process that started the provider, which is Terraform. Terraform's
// protocol does not tell a provider whether it plans or applies. The result is nil if the system does not tell either,
// as Windows.
func parentArguments(ctx context.Context) []string {
	parent := strconv.Itoa(os.Getppid())
	if text, err := os.ReadFile("/proc/" + parent + "/cmdline"); err == nil {
		return strings.Split(string(text), "\x00")
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "args=", "-p", parent).Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(out))
}

// destroys reports whether a command line of Terraform destroys everything. Terraform accepts a boolean in every form
// of strconv.ParseBool.
func destroys(arguments []string) bool {
	isDestroy := func(a string) bool {
		name, value, given := strings.Cut(strings.TrimPrefix(a, "-"), "=")
		on, err := strconv.ParseBool(value)
		return strings.HasPrefix(a, "-") && strings.TrimPrefix(name, "-") == "destroy" && (!given || on && err == nil)
	}
	return subcommand(arguments) == "destroy" || slices.ContainsFunc(arguments, isDestroy)
}

// withVariables adds the arguments in the variables that Terraform reads: TF_CLI_ARGS for all commands, and one for
// each command. variable returns a variable of the environment, which the provider has from Terraform.
func withVariables(arguments []string, variable func(string) string) []string {
	out := slices.Clone(arguments)
	for _, name := range []string{"TF_CLI_ARGS", "TF_CLI_ARGS_" + subcommand(arguments)} {
		out = append(out, strings.Fields(variable(name))...)
	}
	return out
}

// isOpenTofu reports whether a command line is one of OpenTofu.
func isOpenTofu(arguments []string) bool {
	return len(arguments) > 0 && strings.HasPrefix(filepath.Base(arguments[0]), "tofu")
}

// subcommand returns the first argument of a command line that is not an option.
func subcommand(arguments []string) string {
	for i, a := range arguments {
		if i > 0 && !strings.HasPrefix(a, "-") {
			return a
		}
	}
	return ""
}
