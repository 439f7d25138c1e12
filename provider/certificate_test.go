// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/certificate/certificatetest"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

const certificateTrust = acctest.RequiredProviders + `
provider "pouncet" { configuration = "access" }
resource "pouncet_oidc_trust" "mesh" {
  name        = "mesh"
  certificate = true
  claims      = { san_uri = "spiffe://acme.example/ns/shop/*" }
}
resource "pouncet_environment" "dev" { name = "dev" }
resource "pouncet_role_binding" "shop" {
  name        = "shop"
  role        = "editor"
  to          = "trust:${pouncet_oidc_trust.mesh.name}/spiffe://acme.example/ns/shop/pay"
  project     = "default"
  environment = pouncet_environment.dev.name
}
`

// A pipeline with a client certificate, and without any token, plans and applies. A pipeline with another certificate
// does not.
func TestTheProviderLogsInWithACertificate(t *testing.T) {
	folder := t.TempDir()
	authority := func(name string) *certificatetest.Authority {
		a, err := certificatetest.NewAuthority(folder, name)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	servers, clients := authority("servers"), authority("clients")
	cert, key, err := servers.IssueForADay("server")
	if err != nil {
		t.Fatal(err)
	}
	own := acctest.NewWorkspace(t)
	own.Init()
	endpoint := programtest.Serve(t, []string{"POUNCET_HOME=" + own.Data(), "HOME=" + t.TempDir()}, "--tls-cert", cert,
		"--tls-key", key, "--client-ca", clients.File)
	token, err := os.ReadFile(filepath.Join(own.Data(), "first-token"))
	if err != nil {
		t.Fatal(err)
	}
	with := func(w *acctest.Workspace, name string, more ...string) *acctest.Workspace {
		cert, key, err := clients.IssueClient(filepath.Base(name), time.Now().Add(time.Hour), "uri:"+name)
		if err != nil {
			t.Fatal(err)
		}
		w.Env = append(w.Env, "POUNCET_HOME=", "POUNCET_ENDPOINT="+endpoint, "POUNCET_CACERT="+servers.File,
			"POUNCET_CLIENT_CERT="+cert, "POUNCET_CLIENT_KEY="+key)
		w.Env = append(w.Env, more...)
		return w
	}
	with(own, "spiffe://acme.example/admin", "POUNCET_TOKEN="+strings.TrimSpace(string(token)))
	own.Write("main.tf", certificateTrust)
	own.Must("apply", "-auto-approve", "-input=false", "-no-color")

	job := with(acctest.NewWorkspace(t), "spiffe://acme.example/ns/shop/pay", "POUNCET_OIDC_TRUST=mesh")
	job.Write("main.tf", jobConfiguration)
	for _, args := range [][]string{{"plan"}, {"apply", "-auto-approve"}, {"plan", "-detailed-exitcode"},
		{"apply", "-destroy", "-auto-approve"}} {
		job.Must(append(args, "-input=false", "-no-color")...)
	}

	other := with(acctest.NewWorkspace(t), "spiffe://acme.example/ns/hr/list", "POUNCET_OIDC_TRUST=mesh")
	other.Write("main.tf", jobConfiguration)
	out := acctest.OneLine(other.Fails("plan", "-input=false", "-no-color"))
	if !strings.Contains(out, "The client certificate is not accepted") {
		t.Errorf("with another certificate:\n%s", out)
	}
}
