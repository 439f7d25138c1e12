package ephemerals_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// echo keeps an ephemeral value in the state, where a test can see it. It does so
// once for each of its resources: every step wants one of another name.
func echo(step int) string {
	return fmt.Sprintf(`
provider "echo" {
  data = ephemeral.pouncet_secret_value.v
}
resource "echo" "seen_%d" {}
`, step)
}

func TestSecretValue(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("*", "db", `{"user":"u","hosts":[{"name":"h1"}],"port":5432}`)
	b.SetSecret("dev", "token", "first")
	b.SetSecret("dev", "token", "second")
	steps := 0
	config := func(body string) string {
		steps++
		return b.Config("ephemeral \"pouncet_secret_value\" \"v\" {\n" + body + "\n}\n" + echo(steps))
	}
	type want struct{ name, value string }
	seen := func(name, value string) want { return want{name, value} }
	step := func(body string, wants ...want) resource.TestStep {
		c := config(body)
		var checks []resource.TestCheckFunc
		for _, w := range wants {
			checks = append(checks, resource.TestCheckResourceAttr(fmt.Sprintf("echo.seen_%d", steps), "data."+w.name, w.value))
		}
		return resource.TestStep{Config: c, Check: resource.ComposeAggregateTestCheckFunc(checks...)}
	}
	refused := func(body, want string) resource.TestStep {
		return resource.TestStep{Config: config(body), ExpectError: regexp.MustCompile(want)}
	}
	acctest.Run(t,
		step("name = \"token\"\nenvironment = \"dev\"", seen("value", "second"), seen("version", "2"), seen("found_in", "dev")),
		step("name = \"token\"\nenvironment = \"dev\"\nat_version = \"previous\"", seen("value", "first"), seen("version", "1")),
		step("name = \"db\"\nenvironment = \"dev\"\nfield = \"hosts[0].name\"", seen("value", "h1"), seen("found_in", "*")),
		step("name = \"db\"\nenvironment = \"prod\"\nfield = \"port\"", seen("value", "5432")),
		refused("name = \"token\"\nenvironment = \"prod\"", `(?s)does not exist in\s+environment\s+"prod".*exists in dev`),
		refused("name = \"tokne\"\nenvironment = \"dev\"", `(?i)did\s+you\s+mean\s+token`),
		refused("name = \"token\"\nenvironment = \"nowhere\"", `(?s)nowhere.*dev, prod`),
		refused("name = \"db\"\nenvironment = \"dev\"\nfield = \"nope\"", `(?s)no\s+field`),
		step("name = \"token\"\nenvironment = \"dev\"", seen("value", "second")),
	)
}

func TestSecretValueThatIsNotText(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "keystore", "\xff\xfe\x00")
	acctest.Run(t, resource.TestStep{
		Config:      b.Config("ephemeral \"pouncet_secret_value\" \"v\" {\n  name = \"keystore\"\n  environment = \"dev\"\n}\n" + echo(1)),
		ExpectError: regexp.MustCompile(`not\s+text`),
	})
}

// TestSecretValueOfASecretInTheSamePlan makes a secret and uses it at once:
// Terraform asks for the value while it plans, when there is none yet.
func TestSecretValueOfASecretInTheSamePlan(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t, resource.TestStep{
		Config: b.Config(`
resource "pouncet_environment" "e" { name = "staging" }
resource "pouncet_secret" "s" {
  name        = "fresh"
  environment = pouncet_environment.e.name
  value_wo    = "made just now"
}
ephemeral "pouncet_secret_value" "v" {
  name        = pouncet_secret.s.name
  environment = "staging"
}
` + echo(1)),
		Check: resource.TestCheckResourceAttr("echo.seen_1", "data.value", "made just now"),
	})
}
