// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// TestRequestsLeaveNothingBehind sends many requests, each with something
// large in its context, and expects that to be gone.
func TestRequestsLeaveNothingBehind(t *testing.T) {
	s := NewServer("test")()
	if _, ok := s.(*server); !ok {
		t.Fatalf("the server is a %T: its requests are not lent", s)
	}
	type key struct{}
	freed := make(chan struct{}, 1)
	func() {
		large := new([1 << 20]byte)
		runtime.AddCleanup(large, func(int) { freed <- struct{}{} }, 0)
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, large))
		defer cancel()
		_, _ = s.ValidateResourceConfig(ctx, &tfprotov6.ValidateResourceConfigRequest{TypeName: "pouncet_secret"})
	}()
	for range 100 {
		runtime.GC()
		select {
		case <-freed:
			runtime.KeepAlive(s)
			return
		default:
		}
	}
	t.Error("the server still holds the context of a request that is done")
	runtime.KeepAlive(s)
}

func TestALoanIsTheContextWhileItLasts(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "value"))
	defer cancel()
	var kept context.Context
	_, _ = withRequestContext(ctx, 0, func(lent context.Context, _ int) (int, error) {
		kept = lent
		child, stop := context.WithCancel(lent)
		defer stop()
		if lent.Value(key{}) != "value" || lent.Err() != nil || child.Err() != nil {
			t.Errorf("lent: %v, %v", lent.Value(key{}), lent.Err())
		}
		cancel()
		<-child.Done()
		if !errors.Is(lent.Err(), context.Canceled) {
			t.Errorf("cancelled: %v", lent.Err())
		}
		return 0, nil
	})
	if kept.Value(key{}) != nil || kept.Err() == nil {
		t.Error("the loan outlives the request")
	}
}
