// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// A KMS is slow, throttles, refuses, fails and is gone, under load. Calls for environments whose key is in memory go
// on. A new environment needs the KMS: its creation fails with a clear error, and succeeds when the KMS works again.
func TestTheKMSFailsUnderLoad(t *testing.T) {
	server := kmstest.New(t)
	d := &deployment{database: postgrestest.Start(t, "fsync=on").URL("postgres"), kmsKey: server.URI(t)}
	services := d.clients(t, d.serve(t, freeAddress(t)), d.serve(t, freeAddress(t)))
	prepare(t, services[0])
	for i, s := range services { // each server needs the key of the environment in memory
		if err := probe(t.Context(), s, fmt.Sprint("probe_", i)); err != nil {
			t.Fatal(err)
		}
	}
	w := &workload{history: newHistory(), services: services, clients: 8, groups: 4, stop: make(chan struct{}),
		timeout: time.Minute, grace: 30 * time.Second, pace: 5 * time.Millisecond, seed: 1,
		unexpected: func(err error) { t.Error(err) },
		failed:     func(err error) { t.Errorf("a call for an environment whose key is in memory failed: %v", err) }}
	var running sync.WaitGroup
	running.Go(w.run)
	w.history.waitMore(t, 100)
	for i, c := range []struct {
		name       string
		begin, end func()
		want       error // of the creation of an environment; nil for success
	}{
		{"slow", func() { server.Slow(500 * time.Millisecond) }, func() { server.Slow(0) }, nil},
		{"throttling", func() { server.Throttle(1000) }, func() { server.Throttle(0) }, backend.ErrUnavailable},
		{"failing", func() { server.Fail(1000) }, func() { server.Fail(0) }, backend.ErrUnavailable},
		{"down", func() { server.Down(true) }, func() { server.Down(false) }, backend.ErrUnavailable},
		{"refusing", func() { server.Deny(true) }, func() { server.Deny(false) }, backend.ErrKeyUnusable},
		{"disabled", func() { server.Disable(true) }, func() { server.Disable(false) }, backend.ErrKeyUnusable},
	} {
		create := func() error {
			_, err := services[i%2].Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpSet,
				Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: fmt.Sprint("new-", i)}}})
			return err
		}
		c.begin()
		err := create()
		if !errors.Is(err, c.want) {
			t.Errorf("%s: a new environment gives %v, want %v", c.name, err, c.want)
		}
		if err != nil {
			t.Logf("%s: %v (%s)", c.name, err, backend.AsError(err).Hint)
		}
		w.history.waitMore(t, 100)
		c.end()
		waitFor(t, time.Minute, create)
	}
	close(w.stop)
	running.Wait()
	w.history.wantLinearizable(t)
	w.history.wantAcknowledged(t, services[0])
}

// A server that starts while the KMS is down is not ready. It becomes ready by itself.
func TestAServerStartsWhileTheKMSIsDown(t *testing.T) {
	server := kmstest.New(t)
	d := &deployment{database: postgrestest.Start(t, "fsync=on").URL("postgres"), kmsKey: server.URI(t)}
	first := d.serve(t, freeAddress(t))
	prepare(t, d.clients(t, first)[0])
	server.Down(true)
	second := d.start(t, freeAddress(t))
	second.waitListening(t)
	if err := second.ready(); err == nil {
		t.Error("a server is ready without its KMS")
	}
	err := probe(t.Context(), d.clients(t, second)[0], "probe")
	if !errors.Is(err, backend.ErrUnavailable) || backend.AsError(err).Hint == "" {
		t.Errorf("a call gives %v, want ErrUnavailable with a hint", err)
	}
	server.Down(false)
	waitFor(t, time.Minute, second.ready)
	if err := probe(t.Context(), d.clients(t, second)[0], "probe"); err != nil {
		t.Error(err)
	}
}
