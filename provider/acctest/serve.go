// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"

	"github.com/pouncet/terraform-provider-pouncet/provider"
)

// factories make the providers that this process serves to Terraform, by the prefix of their resources. The provider
// echo stores what it is given, so that a test can see an ephemeral value.
var factories = map[string]func() tfprotov6.ProviderServer{
	"pouncet": provider.NewServer("test"),
	"echo":    func() tfprotov6.ProviderServer { return must(echoprovider.NewProviderServer()()) },
	"random": func() tfprotov6.ProviderServer {
		return must(providerserver.NewProtocol6WithError(random{})())
	},
}

func must(s tfprotov6.ProviderServer, err error) tfprotov6.ProviderServer {
	if err != nil {
		panic(err)
	}
	return s
}

// reattachConfig is one entry of the variable TF_REATTACH_PROVIDERS, which tells Terraform to use a running provider.
type reattachConfig struct {
	Protocol        string
	ProtocolVersion int
	Pid             int
	Test            bool
	Addr            struct{ Network, String string }
}

// serve starts, in this process, the providers that a configuration uses. It returns the environment variable that
// leads Terraform to them, and a function that stops them. It starts new ones for each run of Terraform, because each
// run must see a provider that has no memory.
func serve(t *testing.T, config string) (variable string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var closed []chan struct{}
	var servers closers
	attached := map[string]reattachConfig{}
	for name, factory := range factories {
		if name != "pouncet" && !strings.Contains(config, name) {
			continue
		}
		configs, done := make(chan *plugin.ReattachConfig, 1), make(chan struct{})
		closed = append(closed, done)
		go func() {
			err := tf6server.Serve("registry.terraform.io/pouncet/"+name, servers.with(factory),
				tf6server.WithDebug(ctx, configs, done), tf6server.WithGoPluginLogger(hclog.NewNullLogger()),
				tf6server.WithoutLogStderrOverride(), tf6server.WithLoggingSink(t))
			if err != nil {
				panic(err)
			}
		}()
		c := <-configs
		r := reattachConfig{
			Protocol: string(c.Protocol), ProtocolVersion: c.ProtocolVersion, Pid: c.Pid, Test: c.Test,
		}
		r.Addr.Network, r.Addr.String = c.Addr.Network(), c.Addr.String()
		// hashicorp is the namespace of a provider that the configuration does not require.
		for _, namespace := range []string{"hashicorp", "pouncet"} {
			attached["registry.terraform.io/"+namespace+"/"+name] = r
		}
	}
	text, err := json.Marshal(attached)
	if err != nil {
		t.Fatal(err)
	}
	return "TF_REATTACH_PROVIDERS=" + string(text), func() {
		cancel()
		for _, done := range closed {
			<-done
		}
		servers.close(t)
	}
}

// closers are the servers that can be closed. A process that leaves the backends of all its providers open soon has too
// many open files.
type closers struct {
	mu  sync.Mutex
	all []io.Closer
}

// with returns a factory whose servers are closed with the others.
func (c *closers) with(factory func() tfprotov6.ProviderServer) func() tfprotov6.ProviderServer {
	return func() tfprotov6.ProviderServer {
		s := factory()
		if one, ok := s.(io.Closer); ok {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.all = append(c.all, one)
		}
		return s
	}
}

func (c *closers) close(t *testing.T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.all {
		if err := one.Close(); err != nil {
			t.Errorf("closing a backend of the provider: %v", err)
		}
	}
}
