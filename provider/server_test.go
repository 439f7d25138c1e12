// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

func TestServerReleasesTheContextOfAFinishedRequest(t *testing.T) {
	s := NewServer("test")()
	if _, ok := s.(*server); !ok {
		t.Fatalf("the server is a %T, which keeps the contexts of its requests", s)
	}
	type key struct{}
	released := make(chan struct{}, 1)
	func() {
		large := new([1 << 20]byte)
		runtime.AddCleanup(large, func(int) { released <- struct{}{} }, 0)
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, large))
		defer cancel()
		_, _ = s.ValidateResourceConfig(ctx, &tfprotov6.ValidateResourceConfigRequest{TypeName: "pouncet_secret"})
	}()
	for range 100 {
		runtime.GC()
		select {
		case <-released:
			runtime.KeepAlive(s)
			return
		default:
		}
	}
	t.Error("the server still refers to the context of a finished request")
	runtime.KeepAlive(s)
}

func TestRequestContextIsTheOriginalUntilTheRequestEnds(t *testing.T) {
	type key struct{}
	original, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "value"))
	defer cancel()
	var kept context.Context
	_, _ = withRequestContext(original, 0, func(ctx context.Context, _ int) (int, error) {
		kept = ctx
		child, stop := context.WithCancel(ctx)
		defer stop()
		if ctx.Value(key{}) != "value" || ctx.Err() != nil || child.Err() != nil {
			t.Errorf("while the request runs: value %v, error %v", ctx.Value(key{}), ctx.Err())
		}
		cancel()
		<-child.Done()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("after the original was cancelled: error %v", ctx.Err())
		}
		return 0, nil
	})
	if kept.Value(key{}) != nil || kept.Err() == nil {
		t.Error("the context still works after its request has ended")
	}
}
