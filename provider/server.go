// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// NewServer returns a maker of the provider as a server of Terraform's protocol 6.
//
// The framework keeps a way to cancel every request that it was ever sent,
// and with it the request's context and all that hangs on that: 18 KB for each, a
// third of a gigabyte in a plan of 4,000 resources. So the requests of which there are
// many get a context that lets go of everything when they are done.
func NewServer(version string) func() tfprotov6.ProviderServer {
	return func() tfprotov6.ProviderServer {
		framework := providerserver.NewProtocol6(New(version)())()
		whole, ok := framework.(wholeServer)
		if !ok {
			return framework // a framework that has less, or more: its memory is not worth a guess
		}
		return &server{whole}
	}
}

// wholeServer is everything that the framework serves.
type wholeServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
}

type server struct{ wholeServer }

func (s *server) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return lend(ctx, req, s.wholeServer.ValidateResourceConfig)
}

func (s *server) UpgradeResourceState(ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	return lend(ctx, req, s.wholeServer.UpgradeResourceState)
}

func (s *server) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return lend(ctx, req, s.wholeServer.ReadResource)
}

func (s *server) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	return lend(ctx, req, s.wholeServer.PlanResourceChange)
}

func (s *server) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	return lend(ctx, req, s.wholeServer.ApplyResourceChange)
}

// lend serves a request with a context that it has only on loan.
func lend[In, Out any](ctx context.Context, req In, serve func(context.Context, In) (Out, error)) (Out, error) {
	l := &loan{}
	l.of.Store(&ctx)
	defer l.of.Store(nil)
	return serve(l, req)
}

// loan is a context as long as it lasts, and then one that is cancelled.
type loan struct {
	of atomic.Pointer[context.Context]
}

func (l *loan) context() context.Context {
	if ctx := l.of.Load(); ctx != nil {
		return *ctx
	}
	return over
}

// over is the context of a loan that has ended.
var over = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (l *loan) Deadline() (time.Time, bool) { return l.context().Deadline() }
func (l *loan) Done() <-chan struct{}       { return l.context().Done() }
func (l *loan) Err() error                  { return l.context().Err() }
func (l *loan) Value(key any) any           { return l.context().Value(key) }

// AfterFunc spares package context a goroutine for each context made of this one.
func (l *loan) AfterFunc(f func()) func() bool { return context.AfterFunc(l.context(), f) }
