// SPDX-License-Identifier: MPL-2.0

package functions_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/provider"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// call calls a function of a provider that is not configured.
func call(t *testing.T, name string, argument tftypes.Value) (*tfprotov6.CallFunctionResponse, *tfprotov6.Function) {
	t.Helper()
	server, err := providerserver.NewProtocol6WithError(provider.New("test")())()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := server.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	f := schema.Functions[name]
	if f == nil {
		t.Fatalf("the function %s does not exist", name)
	}
	dynamic, err := tfprotov6.NewDynamicValue(tftypes.String, argument)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.CallFunction(context.Background(), &tfprotov6.CallFunctionRequest{
		Name: name, Arguments: []*tfprotov6.DynamicValue{&dynamic},
	})
	if err != nil {
		t.Fatal(err)
	}
	return resp, f
}

func TestFunctionsAreDescribed(t *testing.T) {
	for _, name := range []string{"parse_references", "parse_uri", "valid_name", "name_error"} {
		_, f := call(t, name, tftypes.NewValue(tftypes.String, "x"))
		if f.Summary == "" || f.Description == "" || f.Parameters[0].Description == "" {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// TestErrorsNameTheArgument checks that an error names its argument, which
// the output of the CLI does not show.
func TestErrorsNameTheArgument(t *testing.T) {
	for _, c := range []struct{ name, argument, want string }{
		{"parse_references", "a: \"{{ get_secret_value( }}\"\nb: \"{{ env_var('POUNCET_TOKEN') }}\"", "text:1:26: "},
		{"parse_references", "a: \"{{ get_secret_value( }}\"\nb: \"{{ env_var('POUNCET_TOKEN') }}\"", "text:2:16: "},
		{"parse_references", "a: {{ get_secret_value('x') }}\n  b: [", "cannot be parsed as YAML"},
		{"parse_uri", "https://example.com/x", "does not begin with pouncet://"},
		{"parse_uri", "pouncet://a/b", "2 parts"},
		{"parse_uri", "pouncet://-/-/db?version=0", "version"},
	} {
		resp, _ := call(t, c.name, tftypes.NewValue(tftypes.String, c.argument))
		switch {
		case resp.Error == nil:
			t.Errorf("%s(%q): no error", c.name, c.argument)
		case resp.Error.FunctionArgument == nil || *resp.Error.FunctionArgument != 0:
			t.Errorf("%s(%q): the error is about no argument", c.name, c.argument)
		case !strings.Contains(resp.Error.Text, c.want):
			t.Errorf("%s(%q): %s", c.name, c.argument, resp.Error.Text)
		}
	}
}

func TestNames(t *testing.T) {
	for name, valid := range map[string]bool{
		"db_password": true, "0": true, strings.Repeat("x", 256): true, "A-b_c": true,
		"": false, "-x": false, "a.b": false, "ünder": false, strings.Repeat("x", 257): false,
		"0190b6a4-0000-7000-8000-000000000000": false,
	} {
		resp, _ := call(t, "valid_name", tftypes.NewValue(tftypes.String, name))
		why, _ := call(t, "name_error", tftypes.NewValue(tftypes.String, name))
		if resp.Error != nil || why.Error != nil {
			t.Fatal(resp.Error, why.Error)
		}
		var got bool
		var reason string
		v, err := resp.Result.Unmarshal(tftypes.Bool)
		if err != nil || v.As(&got) != nil {
			t.Fatal(err)
		}
		if v, err = why.Result.Unmarshal(tftypes.String); err != nil || v.As(&reason) != nil {
			t.Fatal(err)
		}
		if got != valid || (reason == "") != valid {
			t.Errorf("%q: %v, %q", name, got, reason)
		}
	}
}

// TestFunctionsInTerraform calls the functions as users do, without a provider
// block. No backend is created or opened.
func TestFunctionsInTerraform(t *testing.T) {
	t.Setenv("POUNCET_HOME", "/nowhere/that/can/be/made")
	null := knownvalue.Null()
	is := knownvalue.StringExact
	type checks = map[string]knownvalue.Check
	reference := func(expression, kind, name string, line, column int64, more checks) knownvalue.Check {
		out := checks{
			"expression": is(expression), "kind": is(kind), "name": is(name),
			"line": knownvalue.Int64Exact(line), "column": knownvalue.Int64Exact(column),
			"project": null, "environment": null, "scope": null, "field": null, "version": null,
			"default": knownvalue.Bool(false),
		}
		for k, v := range more {
			out[k] = v
		}
		return knownvalue.ObjectExact(out)
	}
	refused := func(expression, want string) acctest.Step {
		return acctest.Step{Config: "output \"o\" { value = " + expression + " }", ExpectError: regexp.MustCompile(want)}
	}
	acctest.Run(t,
		acctest.Step{
			Config: `
output "references" {
  value = provider::pouncet::parse_references(<<-YAML
    # {{ get_secret_value('in_a_comment') }}
    helm: "{{ .Values.x }}"
    a: "{{ get_secret_value('db', env='prod', version=3).password | default('none') }}"
    b: text {{ get_value('region') }} and {{ env_var('HOME') }}
    c: pouncet://shop/-/app/web/key#a
  YAML
  )
}
output "none"  { value = provider::pouncet::parse_references("a: 1") }
output "uri"   { value = provider::pouncet::parse_uri("pouncet://shop/prod/pipeline/load/db#a.b?version=previous") }
output "short" { value = provider::pouncet::parse_uri("pouncet://-/-/db") }
output "ok"    { value = provider::pouncet::valid_name("a") }
output "why"   { value = provider::pouncet::name_error("a.b") }`,
			StateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownOutputValue("references", knownvalue.ListExact([]knownvalue.Check{
					reference("{{ get_secret_value('db', env='prod', version=3).password | default('none') }}",
						"secret", "db", 3, 5,
						checks{"environment": is("prod"), "version": is("3"), "field": is("password"), "default": knownvalue.Bool(true)}),
					reference("{{ get_value('region') }}", "scoped_value", "region", 4, 9, nil),
					reference("{{ env_var('HOME') }}", "environment_variable", "HOME", 4, 39, nil),
					reference("pouncet://shop/-/app/web/key#a", "secret", "key", 5, 4, checks{
						"project": is("shop"), "scope": is("app/web"), "field": is("a"),
					}),
				})),
				statecheck.ExpectKnownOutputValue("none", knownvalue.ListSizeExact(0)),
				statecheck.ExpectKnownOutputValue("uri", knownvalue.ObjectExact(checks{
					"project": is("shop"), "environment": is("prod"), "scope": is("pipeline/load"),
					"name": is("db"), "field": is("a.b"), "version": is("previous"),
				})),
				statecheck.ExpectKnownOutputValue("short", knownvalue.ObjectExact(checks{
					"project": null, "environment": null, "scope": null, "name": is("db"), "field": null, "version": null,
				})),
				statecheck.ExpectKnownOutputValue("ok", knownvalue.Bool(true)),
				statecheck.ExpectKnownOutputValue("why",
					knownvalue.StringRegexp(regexp.MustCompile(`"a\.b" is not valid; use 1 to 256`))),
			},
		},
		refused(`provider::pouncet::parse_references(`+
			`"a: \"{{ get_secret_valeu(x) | get_secret_value }}\"\nb: \"{{ get_secret_value(x) }}\"")`,
			`(?s)text:2:25.*is\s+neither\s+a\s+call\s+nor\s+in\s+quotes`),
		refused(`provider::pouncet::parse_uri("pouncet://x")`, `(?s)1\s+part;`),
		refused(`provider::pouncet::valid_name(null)`, `(?s)null`),
		acctest.Step{
			Config: `
variable "n" {
  default = "a b"
  validation {
    condition     = provider::pouncet::valid_name(var.n)
    error_message = provider::pouncet::name_error(var.n)
  }
}`,
			ExpectError: regexp.MustCompile(`(?s)"a b"\s+is\s+not\s+valid`),
		},
	)
}
