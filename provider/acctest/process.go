// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"context"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/provider"
)

// Process is a provider as Terraform drives it, without Terraform: for what
// the CLI that is there does not do, or does not show.
type Process struct {
	Server interface {
		tfprotov6.ProviderServer
		tfprotov6.ListResourceServer
		tfprotov6.ActionServer
	}
	Schemas *tfprotov6.GetProviderSchemaResponse
	t       *testing.T
}

// NewProcess starts one and configures it with strings.
func NewProcess(t *testing.T, configuration map[string]string) *Process {
	t.Helper()
	p := &Process{t: t}
	var ok bool
	if p.Server, ok = provider.NewServer("test")().(interface {
		tfprotov6.ProviderServer
		tfprotov6.ListResourceServer
		tfprotov6.ActionServer
	}); !ok {
		t.Fatal("the provider serves no lists or no actions")
	}
	var err error
	if p.Schemas, err = p.Server.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{}); err != nil {
		t.Fatal(err)
	}
	config := p.Config(p.Schemas.Provider.ValueType(), configuration)
	resp, err := p.Server.ConfigureProvider(context.Background(), &tfprotov6.ConfigureProviderRequest{Config: config})
	if err != nil || len(resp.Diagnostics) > 0 {
		t.Fatal(err, resp)
	}
	return p
}

// Config is an object with strings in it, null where none is given.
func (p *Process) Config(kind tftypes.Type, given map[string]string) *tfprotov6.DynamicValue {
	p.t.Helper()
	values := map[string]tftypes.Value{}
	for name, t := range kind.(tftypes.Object).AttributeTypes {
		values[name] = tftypes.NewValue(t, nil)
		if s, ok := given[name]; ok {
			values[name] = tftypes.NewValue(t, s)
		}
	}
	v, err := tfprotov6.NewDynamicValue(kind, tftypes.NewValue(kind, values))
	if err != nil {
		p.t.Fatal(err)
	}
	return &v
}
