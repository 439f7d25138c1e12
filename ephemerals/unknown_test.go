// SPDX-License-Identifier: MPL-2.0

package ephemerals_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// plannerProcess is a provider whose token has the role planner. It counts the requests by path.
type plannerProcess struct {
	*acctest.Process
	t        *testing.T
	mu       sync.Mutex
	requests map[string]int
}

func newPlannerProcess(t *testing.T, b *acctest.Backend, arguments map[string]string) *plannerProcess {
	t.Helper()
	p := &plannerProcess{t: t, requests: map[string]int{}}
	handler, _ := acctest.Serve(t, b.Path)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests[r.URL.Path]++
		p.mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	arguments["endpoint"] = server.URL
	if arguments["token"] == "" {
		arguments["token"] = b.Token(backend.RolePlanner)
	}
	p.Process = acctest.NewProcess(t, arguments)
	return p
}

// open opens an ephemeral resource. It returns the attributes of the result, or the text of the errors.
func (p *plannerProcess) open(typeName string, config map[string]tftypes.Value) (map[string]tftypes.Value, string) {
	p.t.Helper()
	typ := p.Schemas.EphemeralResourceSchemas[typeName].ValueType().(tftypes.Object)
	values := map[string]tftypes.Value{}
	for name, attributeType := range typ.AttributeTypes {
		values[name] = tftypes.NewValue(attributeType, nil)
	}
	for name, v := range config {
		values[name] = v
	}
	value, err := tfprotov6.NewDynamicValue(typ, tftypes.NewValue(typ, values))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := p.Server.OpenEphemeralResource(context.Background(),
		&tfprotov6.OpenEphemeralResourceRequest{TypeName: typeName, Config: &value})
	if err != nil {
		p.t.Fatal(err)
	}
	var errors strings.Builder
	for _, d := range resp.Diagnostics {
		errors.WriteString(d.Attribute.String() + ": " + d.Summary + ": " + d.Detail + "\n")
	}
	closed, err := p.Server.CloseEphemeralResource(context.Background(),
		&tfprotov6.CloseEphemeralResourceRequest{TypeName: typeName, Private: resp.Private})
	if errors.Len() > 0 {
		return nil, errors.String()
	}
	if err != nil || len(closed.Diagnostics) > 0 {
		p.t.Fatal(err, closed)
	}
	result, err := resp.Result.Unmarshal(typ)
	var attributes map[string]tftypes.Value
	if err == nil {
		err = result.As(&attributes)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return attributes, ""
}

func text(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }

func texts(values ...string) tftypes.Value {
	elements := make([]tftypes.Value, len(values))
	for i, v := range values {
		elements[i] = text(v)
	}
	return tftypes.NewValue(tftypes.Set{ElementType: tftypes.String}, elements)
}

func (p *plannerProcess) wantUnknown(what string, values map[string]tftypes.Value, names ...string) {
	p.t.Helper()
	for _, name := range names {
		if v, ok := values[name]; !ok || v.IsKnown() {
			p.t.Errorf("%s: %s is %v, and should be unknown", what, name, v)
		}
	}
}

func TestUnknownValuesNeedNoRightToResolve(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db", "CANARY-db")
	b.SetSecret("*", "shared", "CANARY-shared")
	smtp := "smtp"
	b.Apply(backend.Change{
		Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: "mail", Type: &smtp,
		Value: backend.PlaintextString(`{"host":"h","port":25}`),
	})
	p := newPlannerProcess(t, b, map[string]string{"ephemeral_values": "unknown"})
	dev := text("dev")

	for _, c := range []struct{ name, foundIn string }{{"db", "dev"}, {"shared", "*"}} {
		got, problem := p.open("pouncet_secret_value", map[string]tftypes.Value{"environment": dev, "name": text(c.name)})
		p.wantUnknown(c.name+problem, got, "value", "json", "version")
		if !got["name"].Equal(text(c.name)) || !got["found_in"].Equal(text(c.foundIn)) || !got["secret_id"].IsKnown() {
			t.Errorf("%s: the result is %v", c.name, got)
		}
	}
	got, problem := p.open("pouncet_secret_values",
		map[string]tftypes.Value{"environment": dev, "names": texts("db", "shared")})
	var values map[string]tftypes.Value
	if err := got["values"].As(&values); err != nil || len(values) != 2 {
		t.Errorf("several values: %v %v%s", err, values, problem)
	}
	p.wantUnknown("several values", values, "db", "shared")
	got, problem = p.open("pouncet_rendered_configuration",
		map[string]tftypes.Value{"environment": dev, "content": text("a: '{{ get_secret_value(\"db\") }}'")})
	p.wantUnknown("rendered"+problem, got, "rendered")
	got, problem = p.open("pouncet_token", map[string]tftypes.Value{"role": text("viewer")})
	p.wantUnknown("token"+problem, got, "token", "token_id", "name", "expires_at")
	if left := tokens(t, b); len(left) > 0 {
		t.Errorf("the plan created tokens: %v", left)
	}

	for range 20 {
		p.open("pouncet_secret_value", map[string]tftypes.Value{"environment": dev, "name": text("db")})
	}
	if p.requests["/v1/query"] > 5 || len(p.requests) != 1 {
		t.Errorf("the requests are %v, want at most 5 queries and nothing else", p.requests)
	}
}

func TestUnknownValuesReportMissingReferences(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("prod", "db", "CANARY-db")
	b.SetSecret("dev", "api_key", "CANARY-key")
	p := newPlannerProcess(t, b, map[string]string{"ephemeral_values": "unknown"})
	dev := text("dev")
	for name, c := range map[string]struct {
		typeName string
		config   map[string]tftypes.Value
		want     string
	}{
		"another environment": {"pouncet_secret_value", map[string]tftypes.Value{"environment": dev, "name": text("db")},
			`secret "db" does not exist in environment "dev".` + "\n\nIt exists in prod"},
		"a mistyped name": {"pouncet_secret_value",
			map[string]tftypes.Value{"environment": dev, "name": text("api_kye")}, "Did you mean api_key?"},
		"a missing environment": {"pouncet_secret_value",
			map[string]tftypes.Value{"environment": text("none"), "name": text("db")},
			`AttributeName("environment"): Resolving the secret: not found: Environment "none" does not exist`},
		"a missing project": {"pouncet_secret_value",
			map[string]tftypes.Value{"project": text("none"), "environment": dev, "name": text("db")},
			`Project "none" does not exist`},
		"a missing version": {"pouncet_secret_value",
			map[string]tftypes.Value{"environment": dev, "name": text("api_key"), "at_version": text("7")},
			`secret "api_key" has no version 7`},
		"an invalid scope": {"pouncet_secret_value",
			map[string]tftypes.Value{"environment": dev, "name": text("api_key"), "scope": text("team/x")}, `scope "team/x"`},
		"one of several": {"pouncet_secret_values",
			map[string]tftypes.Value{"environment": dev, "names": texts("api_key", "gone")}, `Secret "gone" does not exist`},
		"in a file": {"pouncet_rendered_configuration",
			map[string]tftypes.Value{
				"environment": dev,
				"content":     text("a: '{{ get_secret_value(\"api_key\") }}'\nb: '{{ get_secret_value(\"gone\") }}'"),
			}, `content:2:5`},
	} {
		_, problem := p.open(c.typeName, c.config)
		if !strings.Contains(strings.ToLower(problem), strings.ToLower(c.want)) || strings.Contains(problem, "CANARY") {
			t.Errorf("%s: the error is %q, want %q in it", name, problem, c.want)
		}
	}
}

// Without the argument, the error names the missing right and the argument.
func TestPlannerNeedsUnknownValues(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db", "CANARY-db")
	p := newPlannerProcess(t, b, map[string]string{})
	bound := newPlannerProcess(t, b, map[string]string{"token": b.BoundToken("planner")})
	for typeName, c := range map[string]struct {
		config map[string]tftypes.Value
		right  string
	}{
		"pouncet_secret_value":  {map[string]tftypes.Value{"name": text("db")}, "resolve references"},
		"pouncet_secret_values": {map[string]tftypes.Value{"names": texts("db")}, "resolve references"},
		"pouncet_rendered_configuration": {
			map[string]tftypes.Value{"content": text("a: '{{ get_secret_value(\"db\") }}'")}, "resolve references"},
		"pouncet_token": {map[string]tftypes.Value{"role": text("viewer")}, "create or revoke tokens"},
	} {
		if typeName != "pouncet_token" {
			c.config["environment"] = text("dev")
		}
		_, problem := p.open(typeName, c.config)
		for _, want := range []string{`role "planner"`, "may not ", c.right, `ephemeral_values = "unknown"`} {
			if !strings.Contains(problem, want) {
				t.Errorf("%s: the error is %q, want %q in it", typeName, problem, want)
			}
		}
		if typeName == "pouncet_token" {
			continue
		}
		_, problem = bound.open(typeName, c.config)
		for _, want := range []string{`no binding with the right "resolve"`, `set ephemeral_values = "unknown"`} {
			if !strings.Contains(strings.Join(strings.Fields(strings.ToLower(problem)), " "), want) {
				t.Errorf("%s with a binding: the error is %q, want %q in it", typeName, problem, want)
			}
		}
	}
}
