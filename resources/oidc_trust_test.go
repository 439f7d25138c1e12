// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// accessTrust returns a block of a trust for one repository.
func accessTrust(label, name, repository string) string {
	return fmt.Sprintf("resource \"pouncet_oidc_trust\" %q {\n  name = %q\n  issuer = \"https://issuer.example.com\"\n"+
		"  audience = \"pouncet\"\n  claims = { repository = %q }\n}\n", label, name, repository)
}

// trustGroup returns a block of a group with one member.
func trustGroup(label, name, member string) string {
	return fmt.Sprintf("resource \"pouncet_group\" %q {\n  name = %q\n  members = [%s]\n}\n", label, name, member)
}

const (
	trustRef        = `"trust:${pouncet_oidc_trust.t.name}"`
	trustSubjectRef = `"trust:${pouncet_oidc_trust.t.name}/repo:acme/shop"`
)

// trustTransitions are the verbs for trusts, with a binding of the trust and a group that it is in.
var trustTransitions = []struct {
	name          string
	first         string
	before, after string
	replace       []string
	want          string
	members       string
}{
	{
		name: "rename of all",
		before: accessTrust("t", "github", "acme/shop") + trustGroup("g", "g", trustSubjectRef) +
			accessBinding("b", "b", `"viewer"`, trustRef),
		after: accessTrust("t", "hub", "acme/shop") + trustGroup("g", "g2", trustSubjectRef) +
			accessBinding("b", "b2", `"viewer"`, trustRef),
		want: "b2: viewer to trust:hub", members: `"trust:hub/repo:acme/shop"`,
	},
	{
		name: "replacement of all",
		before: accessTrust("t", "github", "acme/shop") + trustGroup("g", "g", trustRef) +
			accessBinding("b", "b", `"viewer"`, trustRef),
		replace: []string{"pouncet_oidc_trust.t", "pouncet_group.g", "pouncet_role_binding.b"},
		want:    "b: viewer to trust:github", members: `"trust:github"`,
	},
	{
		name: "replacement of all, created first",
		before: createFirst(accessTrust("t", "github", "acme/shop")) + createFirst(trustGroup("g", "g", trustRef)) +
			createFirst(accessBinding("b", "b", `"viewer"`, trustRef)),
		replace: []string{"pouncet_oidc_trust.t", "pouncet_group.g", "pouncet_role_binding.b"},
		want:    "b: viewer to trust:github", members: `"trust:github"`,
	},
	{
		name:  "replacement of the trust alone, by literal names",
		first: accessTrust("t", "github", "acme/shop"),
		before: accessTrust("t", "github", "acme/shop") + trustGroup("g", "g", `"trust:github"`) +
			accessBinding("b", "b", `"viewer"`, `"trust:github/repo:acme/shop"`),
		replace: []string{"pouncet_oidc_trust.t"},
		want:    "b: viewer to trust:github/repo:acme/shop", members: `"trust:github"`,
	},
	{
		name:  "the trust goes, and what named it changes",
		first: accessTrust("t", "github", "acme/shop") + accessTrust("u", "other", "acme/other"),
		before: accessTrust("t", "github", "acme/shop") + accessTrust("u", "other", "acme/other") +
			trustGroup("g", "g", `"trust:github"`) + accessBinding("b", "b", `"viewer"`, `"trust:github"`),
		after: accessTrust("u", "other", "acme/other") + trustGroup("g", "g", `"trust:other"`) +
			accessBinding("b", "b", `"viewer"`, `"trust:other"`),
		want: "b: viewer to trust:other", members: `"trust:other"`,
	},
	{
		name:  "all go, by literal names",
		first: accessTrust("t", "github", "acme/shop"),
		before: accessTrust("t", "github", "acme/shop") + trustGroup("g", "g", `"trust:github"`) +
			accessBinding("b", "b", `"viewer"`, `"trust:github"`) + accessBinding("c", "c", `"editor"`, `"trust:github/x"`),
	},
	{
		name: "names are exchanged",
		before: accessTrust("t", "one", "acme/one") + accessTrust("u", "two", "acme/two") +
			trustGroup("g", "g", trustRef) + accessBinding("b", "b", `"viewer"`, trustRef),
		after: accessTrust("t", "two", "acme/one") + accessTrust("u", "one", "acme/two") +
			trustGroup("g", "g", trustRef) + accessBinding("b", "b", `"viewer"`, trustRef),
		want: "b: viewer to trust:two", members: `"trust:two"`,
	},
	{
		name: "another address without moved",
		before: accessTrust("t", "github", "acme/shop") + trustGroup("g", "g", trustRef) +
			accessBinding("b", "b", `"viewer"`, trustRef),
		after: accessTrust("u", "github", "acme/shop") + trustGroup("h", "g", `"trust:${pouncet_oidc_trust.u.name}"`) +
			accessBinding("c", "b", `"viewer"`, `"trust:${pouncet_oidc_trust.u.name}"`),
		want: "b: viewer to trust:github", members: `"trust:github"`,
	},
	{
		name: "a shorter list",
		before: trustList("one", "two", "three") + trustGroup("g", "g", `"trust:${pouncet_oidc_trust.r[2].name}"`) +
			accessBinding("b", "b", `"viewer"`, `"trust:${pouncet_oidc_trust.r[2].name}"`),
		after: trustList("two", "three") + trustGroup("g", "g", `"trust:${pouncet_oidc_trust.r[1].name}"`) +
			accessBinding("b", "b", `"viewer"`, `"trust:${pouncet_oidc_trust.r[1].name}"`),
		want: "b: viewer to trust:three", members: `"trust:three"`,
	},
}

func trustList(names ...string) string {
	return fmt.Sprintf(`resource "pouncet_oidc_trust" "r" {
  count = %d
  name = ["%s"][count.index]
  issuer = "https://issuer.example.com"
  audience = "pouncet"
  claims = { repository = "acme/x" }
}
`, len(names), strings.Join(names, `", "`))
}

func TestTrustsInAnyOrder(t *testing.T) {
	for _, parallelism := range []int{1, 10} {
		for _, c := range trustTransitions {
			t.Run(fmt.Sprintf("%s, parallelism %d", c.name, parallelism), func(t *testing.T) {
				w := newOrdinary(t)
				w.config(c.first)
				w.applies()
				w.config(c.before)
				w.converges(parallelism)
				var args []string
				for _, address := range c.replace {
					args = append(args, "-replace="+address)
				}
				if len(args) == 0 {
					w.config(c.after)
				}
				w.converges(parallelism, args...)
				if got := w.gives(); got != c.want {
					t.Errorf("the bindings are %q, want %q", got, c.want)
				}
				if list := w.pouncet("group", "list", "--json"); c.members != "" && !strings.Contains(list, c.members) {
					t.Errorf("the group has other members than %s:\n%s", c.members, list)
				}
				for _, kind := range []string{"trust", "group", "binding"} {
					if list := w.pouncet(kind, "list", "--json"); strings.Contains(list, `"held"`) {
						t.Errorf("a %s is held:\n%s", kind, list)
					}
				}
				w.config("")
				w.converges(parallelism)
				if got := w.gives(); got != "" {
					t.Errorf("after the end, the bindings are %q", got)
				}
			})
		}
	}
}

// A plan that deletes a trust and keeps a binding or a group of it is refused.
func TestTrustInUseIsKept(t *testing.T) {
	trust := accessTrust("t", "github", "acme/shop")
	binding, group := accessBinding("b", "b", `"viewer"`, `"trust:github"`), trustGroup("g", "g", `"trust:github"`)
	for _, c := range []struct{ user, kept string }{{"binding b", binding}, {"group g", group}} {
		t.Run(c.user, func(t *testing.T) {
			w := newOrdinary(t)
			w.config(trust)
			w.applies()
			w.config(trust + binding + group)
			w.converges(10)
			w.config(c.kept)
			out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
			if !strings.Contains(out, `Trust "github" is in use by `+c.user) || strings.Contains(out, "--force") {
				t.Errorf("the plan does not name %s:\n%s", c.user, out)
			}
		})
	}
}

// Every wrong argument is an error of the plan, on the attribute.
func TestWrongTrustsFailInThePlan(t *testing.T) {
	b := acctest.New(t)
	right := map[string]string{"issuer": `"https://issuer.example.com"`, "audience": `"pouncet"`,
		"claims": `{ sub = "x" }`}
	var steps []acctest.Step
	for _, c := range []struct{ argument, value, want string }{
		{"issuer", `"issuer.example.com"`, `issuer = "issuer.example.com".*is not a valid issuer`},
		{"issuer", `"http://issuer.example.com"`, `is on another machine and is not encrypted`},
		{"audience", `""`, `audience = "".*is empty`},
		{"audience", `"a\nb"`, `audience = .*line`},
		{"claims", `{}`, `claims = \{\}.*has no condition`},
		{"claims", `{ sub = "*" }`, `claims = .*has no condition`},
		{"claims", `{ iss = "x" }`, `claims = .*"iss" cannot be a condition`},
		{"principal", `"robot"`, `principal = "robot"`},
		{"session_minutes", `721`, `session_minutes = 721`},
		{"keys", `"{}"`, `keys = "\{\}".*not a JSON Web Key Set`},
		{"subject_claim", `"a\u0000b"`, `subject_claim = `},
	} {
		arguments := fmt.Sprintf("  name = \"t\"\n  %s = %s\n", c.argument, c.value)
		for name, value := range right {
			if name != c.argument {
				arguments += fmt.Sprintf("  %s = %s\n", name, value)
			}
		}
		steps = append(steps, acctest.Step{
			Config:   b.Config("resource \"pouncet_oidc_trust\" \"t\" {\n" + arguments + "}\n"),
			PlanOnly: true, ExpectError: regexp.MustCompile("(?s)" + strings.ReplaceAll(c.want, " ", `\s+`)),
		})
	}
	for argument, want := range map[string]string{"issuer": `The argument "issuer" is required`,
		"audience": `The argument "audience" is required`} {
		var arguments string
		for name, value := range right {
			if name != argument {
				arguments += fmt.Sprintf("  %s = %s\n", name, value)
			}
		}
		steps = append(steps, acctest.Step{
			Config:   b.Config("resource \"pouncet_oidc_trust\" \"t\" {\n  name = \"t\"\n" + arguments + "}\n"),
			PlanOnly: true, ExpectError: regexp.MustCompile("(?s)" + strings.ReplaceAll(want, " ", `\s+`)),
		})
	}
	for argument, want := range map[string]string{
		`issuer = "https://issuer.example.com"`: `in certificates cannot have issuer`,
		`audience = "x"`:                        `in certificates cannot have audience`,
		`reuse = true`:                          `in certificates cannot have reuse`,
		`any_subject = true`:                    `in certificates cannot have any_subject`,
		`keys = "{\"keys\":[{}]}"`:              `in certificates cannot have keys`,
		`subject_claim = "sub"`:                 `A certificate has no claim "sub"`,
		`description = "without a condition"`:   `has no condition`,
	} {
		claims := `claims = { san_uri = "spiffe://acme.example/*" }`
		if want == "has no condition" {
			claims = ""
		}
		steps = append(steps, acctest.Step{
			Config: b.Config("resource \"pouncet_oidc_trust\" \"t\" {\n  name = \"t\"\n  certificate = true\n  " + claims +
				"\n  " + argument + "\n}\n"),
			PlanOnly: true, ExpectError: regexp.MustCompile("(?s)" + strings.ReplaceAll(want, " ", `\s+`)),
		})
	}
	for _, c := range []struct{ to, want string }{
		{`trust:nobody`, `Trust "nobody" does not exist`}, {`trust:`, `name is empty|is required|is not a valid`},
		{`trust:x/`, `subject of the trust is empty`},
		{`trust:x/repo:acme/*`, `names one subject and takes no pattern`},
	} {
		steps = append(steps, acctest.Step{Config: b.Config(accessBinding("b", "b", `"viewer"`, `"`+c.to+`"`)),
			PlanOnly: true, ExpectError: regexp.MustCompile("(?s)" + strings.ReplaceAll(c.want, " ", `\s+`))})
	}
	acctest.Run(t, steps...)
}

// Every argument is set, changed in place and unset, and an import finds the same.
func TestTrustArguments(t *testing.T) {
	b := acctest.New(t)
	keys := `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	full := b.Config(fmt.Sprintf(`resource "pouncet_oidc_trust" "t" {
  name = "t"
  issuer = "https://issuer.example.com"
  audience = "pouncet"
  any_subject = true
  principal = "person"
  subject_claim = "email"
  session_minutes = 15
  reuse = true
  keys = %q
  description = "x"
  labels = { a = "b" }
}
`, keys))
	other := strings.ReplaceAll(full, `\",`, `\", `) // the same JSON
	acctest.Run(t,
		acctest.Step{Config: full},
		acctest.Step{Config: full, Import: &acctest.Import{Address: "pouncet_oidc_trust.t"}},
		acctest.Step{Config: full, Import: &acctest.Import{Address: "pouncet_oidc_trust.t", ID: "t"}},
		acctest.Step{Config: other, PlanOnly: true},
		acctest.Step{Config: b.Config(accessTrust("t", "t", "acme/shop"))},
		acctest.Step{Config: b.Config(accessTrust("t", "t", "acme/shop")),
			Import: &acctest.Import{Address: "pouncet_oidc_trust.t", ID: "t"}},
	)
}

// certificateTrust returns a block of a trust in client certificates.
func certificateTrust(more string) string {
	return "resource \"pouncet_oidc_trust\" \"t\" {\n  name = \"t\"\n  certificate = true\n" + more + "}\n"
}

// A trust in certificates has the claim of certificates as its subject, and becomes one in identity tokens in place.
func TestTrustsInCertificates(t *testing.T) {
	b := acctest.New(t)
	uri := b.Config(certificateTrust("  claims = { san_uri = \"spiffe://acme.example/ns/shop/*\" }\n") + `
data "pouncet_oidc_trust" "t" { name = pouncet_oidc_trust.t.name }
output "read" { value = "${data.pouncet_oidc_trust.t.certificate} ${data.pouncet_oidc_trust.t.subject_claim}" }
`)
	dns := b.Config(certificateTrust(
		"  claims = { san_dns = \"*.acme.example\" }\n  subject_claim = \"san_dns\"\n  session_minutes = 5\n"))
	identity := b.Config(accessTrust("t", "t", "acme/shop"))
	subject := func(claim string) statecheck.StateCheck {
		return acctest.Attr("pouncet_oidc_trust.t", "subject_claim", claim)
	}
	imported := func(config string) acctest.Step {
		return acctest.Step{Config: config, Import: &acctest.Import{Address: "pouncet_oidc_trust.t", ID: "t"}}
	}
	acctest.Run(t,
		acctest.Step{Config: uri, StateChecks: acctest.Checks(subject("san_uri"), acctest.Output("read", "true san_uri"),
			acctest.NoAttr("pouncet_oidc_trust.t", "issuer"))},
		imported(uri),
		acctest.Step{Config: uri, PlanOnly: true},
		acctest.Step{Config: dns},
		imported(dns),
		acctest.Step{Config: identity, StateChecks: acctest.Checks(subject("sub"))},
		acctest.Step{Config: uri, StateChecks: acctest.Checks(subject("san_uri"))},
	)
}

// A change of somebody else after the plan makes the apply fail, and is not overwritten.
func TestStalePlanOfATrust(t *testing.T) {
	w := newOrdinary(t)
	w.config(accessTrust("t", "github", "acme/shop"))
	w.converges(10)
	w.config(accessTrust("t", "github", "acme/store"))
	w.Must("plan", "-input=false", "-out=tfplan")
	w.pouncet("trust", "set", "github", "--session", "15m")
	out := acctest.OneLine(w.Fails("apply", "-input=false", "-no-color", "tfplan"))
	if want := `Trust "github" was changed after the plan: session_minutes`; !strings.Contains(out, want) {
		t.Errorf("the apply does not say %q:\n%s", want, out)
	}
	w.converges(10)
}
