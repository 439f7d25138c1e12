// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"context"
	"strconv"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/provider"
)

// Process is a configured provider that a test calls through the plugin protocol, as Terraform would. It is for
// features that the installed Terraform does not support or does not show.
type Process struct {
	Server interface {
		tfprotov6.ProviderServer
		tfprotov6.ListResourceServer
		tfprotov6.ActionServer
	}
	Schemas *tfprotov6.GetProviderSchemaResponse
	t       *testing.T
}

// NewProcess returns a provider with a configuration of strings.
func NewProcess(t *testing.T, configuration map[string]string) *Process {
	t.Helper()
	p := &Process{t: t}
	var ok bool
	if p.Server, ok = provider.NewServer("test")().(interface {
		tfprotov6.ProviderServer
		tfprotov6.ListResourceServer
		tfprotov6.ActionServer
	}); !ok {
		t.Fatal("the provider does not serve list resources and actions")
	}
	var servers closers
	servers.with(func() tfprotov6.ProviderServer { return p.Server })()
	t.Cleanup(func() { servers.close(t) })
	var err error
	p.Schemas, err = p.Server.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	config := p.Config(p.Schemas.Provider.ValueType(), configuration)
	resp, err := p.Server.ConfigureProvider(context.Background(), &tfprotov6.ConfigureProviderRequest{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range resp.Diagnostics {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			t.Fatal(d.Summary, d.Detail)
		}
	}
	return p
}

// Config returns an object of type t with the given strings, numbers and booleans. The other attributes are null.
func (p *Process) Config(t tftypes.Type, given map[string]string) *tfprotov6.DynamicValue {
	p.t.Helper()
	values := map[string]tftypes.Value{}
	for name, attributeType := range t.(tftypes.Object).AttributeTypes {
		values[name] = tftypes.NewValue(attributeType, nil)
		s, ok := given[name]
		switch {
		case ok && attributeType.Is(tftypes.Number):
			n, err := strconv.Atoi(s)
			if err != nil {
				p.t.Fatal(err)
			}
			values[name] = tftypes.NewValue(attributeType, n)
		case ok && attributeType.Is(tftypes.Bool):
			values[name] = tftypes.NewValue(attributeType, s == "true")
		case ok:
			values[name] = tftypes.NewValue(attributeType, s)
		}
	}
	v, err := tfprotov6.NewDynamicValue(t, tftypes.NewValue(t, values))
	if err != nil {
		p.t.Fatal(err)
	}
	return &v
}
