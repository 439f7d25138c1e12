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
		whole, ok := framework.(protocolServer)
		if !ok {
			return framework // a framework that has less, or more: its memory is not worth a guess
		}
		return &server{whole}
	}
}

// wholeServer is everything that the framework serves.
type protocolServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
}

type server struct{ protocolServer }

func (s *server) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return withRequestContext(ctx, req, s.protocolServer.ValidateResourceConfig)
}

func (s *server) UpgradeResourceState(ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	return withRequestContext(ctx, req, s.protocolServer.UpgradeResourceState)
}

func (s *server) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return withRequestContext(ctx, req, s.protocolServer.ReadResource)
}

func (s *server) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	return withRequestContext(ctx, req, s.protocolServer.PlanResourceChange)
}

func (s *server) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	return withRequestContext(ctx, req, s.protocolServer.ApplyResourceChange)
}

// lend serves a request with a context that it has only on loan.
func withRequestContext[In, Out any](ctx context.Context, req In, serve func(context.Context, In) (Out, error)) (Out, error) {
	l := &requestContext{}
	l.original.Store(&ctx)
	defer l.original.Store(nil)
	return serve(l, req)
}

// loan is a context as long as it lasts, and then one that is cancelled.
type requestContext struct {
	original atomic.Pointer[context.Context]
}

func (l *requestContext) current() context.Context {
	if ctx := l.original.Load(); ctx != nil {
		return *ctx
	}
	return cancelledContext
}

// over is the context of a loan that has ended.
var cancelledContext = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (l *requestContext) Deadline() (time.Time, bool) { return l.current().Deadline() }
func (l *requestContext) Done() <-chan struct{}       { return l.current().Done() }
func (l *requestContext) Err() error                  { return l.current().Err() }
func (l *requestContext) Value(key any) any           { return l.current().Value(key) }

// AfterFunc spares package context a goroutine for each context made of this one.
func (l *requestContext) AfterFunc(f func()) func() bool { return context.AfterFunc(l.current(), f) }
