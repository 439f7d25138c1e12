// SPDX-License-Identifier: MPL-2.0

package ephemerals_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// tokens returns the names of the tokens of a backend, except for its first one.
func tokens(t *testing.T, b *acctest.Backend) (names []string) {
	t.Helper()
	s, err := open.Open(context.Background(), open.Config{Path: b.Path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	page, err := s.Query(context.Background(), backend.Query{Kind: backend.KindToken})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range page.Objects {
		if strings.HasPrefix(o.Name, "ci-") || strings.HasPrefix(o.Name, "terraform-") {
			names = append(names, o.Name)
		}
	}
	return names
}

func TestToken(t *testing.T) {
	b := acctest.New(t)
	step := func(n int, body, expression string, want knownvalue.Check) acctest.Step {
		return opened(b, n, "token", body, expression, want)
	}
	const token = "ephemeral.pouncet_token.v"
	yes := knownvalue.Bool(true)
	revoked := func(s acctest.Step) acctest.Step {
		s.StateChecks = append(s.StateChecks, acctest.Check(func() error {
			if left := tokens(t, b); len(left) > 0 {
				return fmt.Errorf("tokens that are not revoked: %v", left)
			}
			return nil
		}))
		return s
	}
	expiresBetween := func(low, high string) string {
		return fmt.Sprintf("timecmp(%[1]s.expires_at, timeadd(timestamp(), %[2]q)) > 0 && "+
			"timecmp(%[1]s.expires_at, timeadd(timestamp(), %[3]q)) < 0", token, low, high)
	}
	acctest.Run(t,
		revoked(step(1, `role = "runtime"`, expiresBetween("58m", "61m"), yes)),
		revoked(step(2, "role = \"runtime\"\nlifetime = \"2h\"\nname_prefix = \"ci-\"",
			expiresBetween("118m", "121m")+` && startswith(`+token+`.name, "ci-")`+
				` && startswith(`+token+`.token, "pnct_")`, yes)),
		refusedBy(b, "token", `role = "root"`, `(?s)role.*root`),
		refusedBy(b, "token", "role = \"viewer\"\nlifetime = \"30s\"", `(?s)30s.*1m to 24h`),
		refusedBy(b, "token", "role = \"viewer\"\nlifetime = \"25h\"", `(?s)25h.*1m to 24h`),
		refusedBy(b, "token", "role = \"viewer\"\nlifetime = \"soon\"", `(?s)soon.*1m to 24h`),
		refusedBy(b, "token", "role = \"viewer\"\nname_prefix = \"a b\"", `(?s)a b.*letters`),
		revoked(step(3, `role = "viewer"`, expiresBetween("58m", "61m"), yes)),
	)
}

// TestTokenIsValidOnlyDuringTheRun uses the token before and after the provider closes it.
func TestTokenIsValidOnlyDuringTheRun(t *testing.T) {
	ctx := context.Background()
	b := acctest.New(t)
	b.SetSecret("dev", "s", "v")
	parts, err := open.Embedded(ctx, open.Config{Path: b.Path})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	var broken atomic.Bool
	working := httpapi.NewServer(access.Guard(parts.Engine),
		func(ctx context.Context, token string) (backend.Principal, error) {
			return access.Authenticate(ctx, parts.Store, token, time.Now())
		}, httpapi.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			http.Error(w, "gone", http.StatusNotImplemented)
			return
		}
		working.ServeHTTP(w, r)
	}))
	defer server.Close()
	first, err := os.ReadFile(filepath.Join(b.Path, "first-token"))
	if err != nil {
		t.Fatal(err)
	}
	p := newProcess(t, server.URL, strings.TrimSpace(string(first)))

	resolve := func(token string) error {
		s, err := open.Open(ctx, open.Config{Endpoint: server.URL, Token: token})
		if err != nil {
			return err
		}
		defer s.Close()
		out, err := s.Resolve(ctx,
			[]backend.Ref{{Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: "s"}})
		if err == nil && out[0].Err != nil {
			err = out[0].Err
		}
		return err
	}
	token, private := p.open("runtime")
	if err := resolve(token); err != nil {
		t.Errorf("during the run: %v", err)
	}
	if viewer, private := p.open("viewer"); !errors.Is(resolve(viewer), backend.ErrDenied) {
		t.Error("a viewer can resolve a secret")
	} else {
		p.close(private)
	}
	if strings.Contains(string(private), token) {
		t.Error("the private data holds the token")
	}
	if d := p.close(private); len(d) > 0 {
		t.Errorf("closing: %s: %s", d[0].Summary, d[0].Detail)
	}
	if err := resolve(token); !errors.Is(err, backend.ErrUnauthenticated) {
		t.Errorf("after the run: %v", err)
	}
	if d := p.close(private); len(d) > 0 {
		t.Errorf("closing a revoked token: %s: %s", d[0].Summary, d[0].Detail)
	}
	_, private = p.open("runtime")
	broken.Store(true)
	d := p.close(private)
	if len(d) != 1 || d[0].Severity != tfprotov6.DiagnosticSeverityWarning ||
		!strings.Contains(d[0].Detail, "pouncet token delete terraform-") {
		t.Errorf("closing without a server: %v", d)
	}
}

// process opens and closes tokens of a provider. A test of a whole Terraform run cannot use a token before it is
// closed.
type process struct {
	*acctest.Process
	t   *testing.T
	typ tftypes.Type
}

func newProcess(t *testing.T, endpoint, token string) *process {
	t.Helper()
	p := acctest.NewProcess(t, map[string]string{"endpoint": endpoint, "token": token})
	return &process{p, t, p.Schemas.EphemeralResourceSchemas["pouncet_token"].ValueType()}
}

func (p *process) open(role string) (token string, private []byte) {
	p.t.Helper()
	resp, err := p.Server.OpenEphemeralResource(context.Background(), &tfprotov6.OpenEphemeralResourceRequest{
		TypeName: "pouncet_token", Config: p.Config(p.typ, map[string]string{"role": role}),
	})
	if err != nil || len(resp.Diagnostics) > 0 {
		p.t.Fatal(err, resp)
	}
	if !resp.RenewAt.IsZero() {
		p.t.Error("the token asks for a renewal, which is not supported")
	}
	result, err := resp.Result.Unmarshal(p.typ)
	var values map[string]tftypes.Value
	if err != nil || result.As(&values) != nil || values["token"].As(&token) != nil || token == "" {
		p.t.Fatal("no token", err)
	}
	return token, resp.Private
}

func (p *process) close(private []byte) []*tfprotov6.Diagnostic {
	p.t.Helper()
	resp, err := p.Server.CloseEphemeralResource(context.Background(),
		&tfprotov6.CloseEphemeralResourceRequest{TypeName: "pouncet_token", Private: private})
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.Diagnostics
}
