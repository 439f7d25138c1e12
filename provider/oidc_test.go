// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc/oidctest"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// pipelines are a server that trusts an issuer, and a workspace of a pipeline that logs in to it.
type pipelines struct {
	*testing.T
	issuer          *oidctest.Issuer
	endpoint, admin string
	own             *acctest.Workspace // of the administrator
	job             *acctest.Workspace
	jobEnv          []string
}

const trustConfiguration = acctest.RequiredProviders + `
provider "pouncet" { configuration = "access" }
resource "pouncet_oidc_trust" "github" {
  name     = "github"
  issuer   = "ISSUER"
  audience = "ENDPOINT"
  claims   = { repository = "acme/shop" }
  reuse    = REUSE
}
resource "pouncet_environment" "dev" { name = "dev" }
resource "pouncet_role_binding" "github" {
  name        = "github"
  role        = "editor"
  to          = "trust:${pouncet_oidc_trust.github.name}"
  project     = "default"
  environment = pouncet_environment.dev.name
}
`

// newPipelines starts an issuer and a real server, and lets Terraform create a trust and its binding.
func newPipelines(t *testing.T) *pipelines {
	own := acctest.NewWorkspace(t)
	own.Init()
	p := &pipelines{T: t, issuer: oidctest.New(), own: own, job: acctest.NewWorkspace(t)}
	t.Cleanup(p.issuer.Close)
	p.endpoint = programtest.Serve(t, []string{"POUNCET_HOME=" + own.Data(), "HOME=" + t.TempDir()})
	token, err := os.ReadFile(filepath.Join(own.Data(), "first-token"))
	if err != nil {
		t.Fatal(err)
	}
	p.admin = strings.TrimSpace(string(token))
	own.Env = append(own.Env, "POUNCET_HOME=", "POUNCET_ENDPOINT="+p.endpoint, "POUNCET_TOKEN="+p.admin)
	p.trusts(true)
	p.jobEnv = append(p.job.Env, "POUNCET_HOME=", "POUNCET_ENDPOINT="+p.endpoint, "POUNCET_OIDC_TRUST=github")
	return p
}

// trusts applies the configuration of the administrator. With reuse, a token is accepted several times.
func (p *pipelines) trusts(reuse bool) {
	p.Helper()
	p.own.Write("main.tf", strings.NewReplacer("ISSUER", p.issuer.URL, "ENDPOINT", p.endpoint, "REUSE",
		strconv.FormatBool(reuse)).Replace(trustConfiguration))
	p.own.Must("apply", "-auto-approve", "-input=false", "-no-color")
}

// logsIn sets how the job gets its identity token.
func (p *pipelines) logsIn(variables ...string) { p.job.Env = append(p.jobEnv, variables...) }

// identity returns an identity token for the job.
func (p *pipelines) identity() string {
	return p.issuer.Token(p.endpoint, "repo:acme/shop", map[string]any{"repository": "acme/shop"})
}

func (p *pipelines) onGitHub() {
	p.logsIn("ACTIONS_ID_TOKEN_REQUEST_URL="+p.issuer.URL+oidctest.JobPath+"?api-version=1",
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN="+oidctest.JobToken)
}

// secrets returns the names of the secrets of the backend.
func (p *pipelines) secrets() string {
	p.Helper()
	client, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: p.endpoint, Token: p.admin, RetryMax: -1})
	if err != nil {
		p.Fatal(err)
	}
	all, err := backend.ListAll(context.Background(), client,
		backend.Query{Kind: backend.KindSecret, Project: backend.DefaultProject})
	if err != nil {
		p.Fatal(err)
	}
	names := make([]string, len(all))
	for i, o := range all {
		names[i] = o.Name
	}
	return strings.Join(names, " ")
}

const jobConfiguration = acctest.RequiredProviders + `
provider "pouncet" { configuration = "shop" }
resource "pouncet_secret" "first" {
  environment = "dev"
  name        = "first"
  value_wo    = "one"
}
`

// The first secret is created, then the session ends, as it does when its time is over, and then the second one.
const longConfiguration = jobConfiguration + `
resource "terraform_data" "meanwhile" {
  depends_on = [pouncet_secret.first]
  provisioner "local-exec" {
    command     = "\"$PROGRAM\" trust set github CHANGE"
    environment = { PROGRAM = "PROGRAM_PATH", POUNCET_TOKEN = "ADMIN", POUNCET_OIDC_TRUST = "", POUNCET_OIDC_TOKEN = "",
                    POUNCET_OIDC_TOKEN_FILE = "" }
  }
}
resource "pouncet_secret" "second" {
  depends_on  = [terraform_data.meanwhile]
  environment = "dev"
  name        = "second"
  value_wo    = "two"
}
`

func TestTheProviderLogsInWithAnIdentityToken(t *testing.T) {
	p := newPipelines(t)
	p.job.Write("main.tf", jobConfiguration)
	token := filepath.Join(t.TempDir(), "token")
	for _, how := range []string{"a variable", "a file", "GitHub"} {
		login := func() {
			switch how {
			case "a variable":
				p.logsIn("POUNCET_OIDC_TOKEN=" + p.identity())
			case "a file":
				if err := os.WriteFile(token, []byte(p.identity()), 0o600); err != nil {
					t.Fatal(err)
				}
				p.logsIn("POUNCET_OIDC_TOKEN_FILE=" + token)
			default:
				p.onGitHub()
			}
		}
		for _, args := range [][]string{{"plan"}, {"apply", "-auto-approve"}, {"plan", "-detailed-exitcode"},
			{"apply", "-destroy", "-auto-approve"}} {
			login() // each process logs in itself
			p.job.Must(append(args, "-input=false", "-no-color")...)
			if args[0] == "apply" && args[1] == "-auto-approve" && p.secrets() != "first" {
				t.Errorf("%s: the secrets are %q", how, p.secrets())
			}
		}
	}
	// Terraform starts the provider for the plan and for the apply, and GitHub gives a token to each.
	p.trusts(false)
	p.onGitHub()
	p.job.Must("apply", "-auto-approve", "-input=false", "-no-color")
	p.logsIn("POUNCET_OIDC_TOKEN=" + p.identity())
	p.job.Tries("plan", "-input=false", "-no-color")
	out := acctest.OneLine(p.job.Fails("plan", "-input=false", "-no-color"))
	if !strings.Contains(out, "The identity token is not accepted") || !strings.Contains(out, "set NAME --reuse") {
		t.Errorf("a token that was used:\n%s", out)
	}
}

// A session that ends during an apply is followed by another one. If the job has no further identity token, the apply
// stops with an error that says so, and the next one goes on.
func TestASessionEndsDuringAnApply(t *testing.T) {
	p := newPipelines(t)
	apply := []string{"apply", "-auto-approve", "-input=false", "-no-color"}
	starts := func(change string) {
		p.job.Write("main.tf", strings.NewReplacer("PROGRAM_PATH", programtest.Pouncet(t), "ADMIN", p.admin,
			"CHANGE", change).Replace(longConfiguration))
		p.logsIn("POUNCET_OIDC_TOKEN=" + p.identity())
	}
	// The token is not accepted any more, as after its time.
	starts("--claim repository=acme/other")
	out := acctest.OneLine(p.job.Fails(apply...))
	if !strings.Contains(out, "The session has ended, and the identity token is not accepted for another one") ||
		!strings.Contains(out, "POUNCET_OIDC_TOKEN_FILE") {
		t.Errorf("without another identity token:\n%s", out)
	}
	if got := p.secrets(); got != "first" {
		t.Errorf("the secrets are %q", got)
	}
	p.trusts(true)
	p.job.Must(apply...)
	if got := p.secrets(); got != "first second" {
		t.Errorf("after the next apply, the secrets are %q", got)
	}
	// The token is accepted again.
	p.job.Must(append(apply, "-destroy")...)
	starts("--description changed")
	p.job.Must(apply...)
	p.job.Must(append(apply, "-destroy")...)
	// GitHub gives another one.
	p.trusts(false)
	p.onGitHub()
	asked := p.issuer.Requests(oidctest.JobPath)
	p.job.Must(apply...)
	if got := p.secrets(); got != "first second" {
		t.Errorf("with another identity token, the secrets are %q", got)
	}
	if n := p.issuer.Requests(oidctest.JobPath) - asked; n < 2 {
		t.Errorf("the provider asked for %d identity tokens, and its session ended once", n)
	}
}

// The trusts of the guide let jobs of pull requests plan, and jobs of the main branch apply.
func TestTheTrustsOfTheGuide(t *testing.T) {
	p := newPipelines(t)
	guide, err := os.ReadFile("../examples/guides/pipelines/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	own := acctest.NewWorkspace(t)
	own.Env = append(own.Env, "POUNCET_HOME=", "POUNCET_ENDPOINT="+p.endpoint, "POUNCET_TOKEN="+p.admin,
		"TF_VAR_audience="+p.endpoint)
	own.Write("main.tf", strings.NewReplacer("https://token.actions.githubusercontent.com", p.issuer.URL,
		"https://gitlab.com", p.issuer.URL).Replace(string(guide)))
	own.Must("apply", "-auto-approve", "-input=false", "-no-color")
	for _, platform := range []struct {
		name, pullRequests, main   string
		inPullRequest, onMain      map[string]any
		otherBranch, otherProgram  map[string]any
		tokenIsAcceptedSeveralTime bool
	}{
		{"GitHub", "github-pull-requests", "github-main",
			map[string]any{"repository": "acme/shop", "event_name": "pull_request", "ref": "refs/pull/1/merge"},
			map[string]any{"repository": "acme/shop", "event_name": "push", "ref": "refs/heads/main"},
			map[string]any{"repository": "acme/shop", "event_name": "push", "ref": "refs/heads/next"},
			map[string]any{"repository": "acme/other", "event_name": "push", "ref": "refs/heads/main"}, false},
		{"GitLab", "gitlab-merge-requests", "gitlab-main",
			map[string]any{"project_path": "acme/shop", "pipeline_source": "merge_request_event", "ref": "next"},
			map[string]any{"project_path": "acme/shop", "pipeline_source": "push", "ref": "main", "ref_type": "branch",
				"ref_protected": "true"},
			map[string]any{"project_path": "acme/shop", "pipeline_source": "push", "ref": "next", "ref_type": "branch",
				"ref_protected": "false"},
			map[string]any{"project_path": "acme/other", "pipeline_source": "push", "ref": "main", "ref_type": "branch",
				"ref_protected": "true"}, true},
	} {
		job := func(trust string, claims map[string]any) *acctest.Workspace {
			w := acctest.NewWorkspace(t)
			w.Write("main.tf", strings.ReplaceAll(jobConfiguration, `"dev"`, `"prod"`))
			w.Env = append(w.Env, "POUNCET_HOME=", "POUNCET_ENDPOINT="+p.endpoint, "POUNCET_OIDC_TRUST="+trust,
				"POUNCET_OIDC_TOKEN="+p.issuer.Token(p.endpoint, "job", claims))
			return w
		}
		plan := []string{"plan", "-input=false", "-no-color", "-lock=false"}
		apply := []string{"apply", "-auto-approve", "-input=false", "-no-color"}
		if platform.tokenIsAcceptedSeveralTime {
			w := job(platform.pullRequests, platform.inPullRequest)
			w.Must(plan...)
			if out := acctest.OneLine(w.Fails(apply...)); !strings.Contains(out, "ermission denied") {
				t.Errorf("%s: an apply in a pull request:\n%s", platform.name, out)
			}
			w = job(platform.main, platform.onMain)
			w.Must(apply...)
			w.Must(append(apply, "-destroy")...)
		}
		for what, c := range map[string]struct {
			trust  string
			claims map[string]any
		}{
			"a pull request with the trust of the main branch": {platform.main, platform.inPullRequest},
			"another branch":  {platform.main, platform.otherBranch},
			"another program": {platform.main, platform.otherProgram},
		} {
			if out := acctest.OneLine(job(c.trust, c.claims).Fails(plan...)); !strings.Contains(out, "is not accepted") {
				t.Errorf("%s, %s:\n%s", platform.name, what, out)
			}
		}
	}
}
