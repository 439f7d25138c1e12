// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

const environment = "prod"

// workload makes calls at random and records them.
type workload struct {
	history  *history
	services []backend.Service // of the servers; each call chooses one
	clients  int
	groups   int
	first    int           // number of the first group
	calls    int           // of each client; 0 means until stop is closed
	stop     chan struct{} // nil means never
	timeout  time.Duration // of one call; a call that lasts longer by grace fails the test
	grace    time.Duration
	pace     time.Duration // between the calls of a client; 0 for none
	seed     uint64
	// unexpected is called for an error that no caller should get.
	unexpected func(error)
	failed     func(error) // called for an error that says that a part fails at present; nil ignores it

	seen    sync.Map     // the version that a client saw last, by the name of a secret
	longest atomic.Int64 // the longest call, in nanoseconds
}

func secretName(group, secret int) string { return fmt.Sprintf("g%d_%c", group, 'a'+rune(secret)) }

// prepare creates the environment of the secrets, and raises the quota.
func prepare(t testing.TB, service backend.Service) {
	t.Helper()
	quota := 5000
	_, err := service.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxSecrets: &quota}},
		{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: environment},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// run runs all clients until they have made their calls, or until stop is closed.
func (w *workload) run() {
	var running sync.WaitGroup
	for i := range w.clients {
		running.Go(func() { w.client(i) })
	}
	running.Wait()
}

func (w *workload) client(number int) {
	c := &client{workload: w, number: number, rand: rand.New(rand.NewPCG(w.seed, uint64(number)))}
	for n := 0; w.calls == 0 || n < w.calls; n++ {
		select {
		case <-w.stop:
			return
		default:
		}
		c.call()
		if w.pace > 0 {
			select {
			case <-w.stop:
			case <-time.After(w.pace):
			}
		}
	}
}

// client makes one call after the other.
type client struct {
	*workload
	number  int
	rand    *rand.Rand
	values  int // that it has made
	keys    int
	earlier []request // sets with a key, which it repeats
}

// call makes a call of a random kind.
func (c *client) call() {
	asked := request{group: c.first + c.rand.IntN(c.groups)}
	switch n := c.rand.IntN(100); {
	case n < 20:
		asked.reads = []int{c.rand.IntN(groupSize)}
	case n < 30:
		asked.reads = []int{0, 1}
	case n < 35:
		asked.reads, asked.version = []int{c.rand.IntN(groupSize)}, backend.PreviousVersion
	case n < 40:
		asked.list, asked.reads = true, []int{c.rand.IntN(groupSize)}
	case n < 45 && len(c.earlier) > 0:
		asked = c.earlier[c.rand.IntN(len(c.earlier))]
	default:
		asked.changes = c.changes(asked.group)
		if c.rand.IntN(10) > 0 {
			c.keys++
			asked.key = fmt.Sprintf("key-%d-%d-%d", c.first, c.number, c.keys)
			c.earlier = append(c.earlier, asked)
			c.earlier = c.earlier[max(0, len(c.earlier)-4):]
		}
	}
	c.decide(asked)
}

// decide makes a call. A set with a key is repeated until its client knows whether it was applied, which is one call of
// the history: the key makes all its attempts one. A set without a key is not repeated.
func (c *client) decide(asked request) {
	began := c.history.now()
	told := c.attempt(asked)
	last, repeated := began, false
	for told.unknown && asked.key != "" && !c.stopped() {
		c.rest()
		last, repeated = c.history.now(), true
		told = c.attempt(asked)
	}
	if told.refused != "" && repeated { // an attempt before may still be applied
		c.history.add(c.number, asked, began, answer{unknown: true})
		began = last
	}
	c.history.add(c.number, asked, began, told)
	if told.unknown {
		c.rest()
	}
	c.learn(asked, told)
}

// rest waits after a call that failed, as clients do.
func (w *workload) rest() {
	select {
	case <-w.stop:
	case <-time.After(500 * time.Millisecond):
	}
}

func (w *workload) stopped() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}

// changes makes a set of one or two changes.
func (c *client) changes(group int) []change {
	secret := c.rand.IntN(groupSize)
	one := func(op backend.Op, secret int, expect int64) change {
		c.values++
		return change{op, secret, fmt.Sprintf("value-%d-%d-%d", c.first, c.number, c.values), expect}
	}
	last := func(secret int) int64 {
		if v, ok := c.seen.Load(secretName(group, secret)); ok {
			return v.(int64)
		}
		return 0
	}
	switch n := c.rand.IntN(100); {
	case n < 35:
		return []change{one(backend.OpSet, secret, -1)}
	case n < 60: // a compare-and-set, which often loses
		return []change{one(backend.OpSet, secret, last(secret))}
	case n < 70:
		return []change{one(backend.OpCreate, secret, -1)}
	case n < 78:
		return []change{{backend.OpDelete, secret, "", -1}}
	case n < 90:
		return []change{one(backend.OpSet, 0, -1), one(backend.OpSet, 1, -1)}
	default: // refused if the second does not have the version
		return []change{one(backend.OpSet, 1-secret, -1), one(backend.OpSet, secret, last(secret)+int64(c.rand.IntN(2)))}
	}
}

// attempt makes a call once.
func (c *client) attempt(asked request) answer {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	service := c.services[c.rand.IntN(len(c.services))]
	began := c.history.now()
	told, err := ask(ctx, service, asked)
	if isTemporary(err) {
		if c.failed != nil {
			c.failed(err)
		}
		err = nil
	}
	lasted := c.history.now() - began
	for longest := c.longest.Load(); lasted > longest && !c.longest.CompareAndSwap(longest, lasted); {
		longest = c.longest.Load()
	}
	if limit := c.timeout + c.grace; time.Duration(lasted) > limit {
		c.unexpected(fmt.Errorf("a call with a deadline of %s lasted %s", c.timeout, time.Duration(lasted)))
	}
	if err != nil {
		c.unexpected(err)
	}
	return told
}

// learn remembers the versions that the client was told.
func (c *client) learn(asked request, told answer) {
	for i, r := range told.results {
		secret := i
		switch {
		case len(asked.reads) > 0:
			secret = asked.reads[i]
		case len(asked.changes) > 0:
			secret = asked.changes[i].secret
		}
		if asked.version == "" && r.action != backend.ActionDelete {
			c.seen.Store(secretName(asked.group, secret), r.version)
		}
	}
}

// ask makes a call. With an error, the answer is unknown.
func ask(ctx context.Context, service backend.Service, asked request) (told answer, err error) {
	switch {
	case asked.list:
		told, err = list(ctx, service, asked)
	case len(asked.reads) > 0:
		told, err = get(ctx, service, asked)
	default:
		told, err = apply(ctx, service, asked)
	}
	if err != nil {
		told = answer{unknown: true}
	}
	return told, err
}

// isTemporary reports whether an error says that a part of Pouncet fails at present. It then says nothing of a change.
func isTemporary(err error) bool {
	return errors.Is(err, backend.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, context.Canceled)
}

func apply(ctx context.Context, service backend.Service, asked request) (answer, error) {
	set := backend.ChangeSet{IdempotencyKey: asked.key}
	for _, c := range asked.changes {
		change := backend.Change{Op: c.op, Kind: backend.KindSecret, Project: backend.DefaultProject,
			Environment: environment, Name: secretName(asked.group, c.secret)}
		if c.op != backend.OpDelete {
			change.Value = backend.PlaintextString(c.value)
		}
		if c.expect >= 0 {
			change.Expect = &c.expect
		}
		set.Changes = append(set.Changes, change)
	}
	outcomes, err := service.Apply(ctx, set)
	switch {
	case errors.Is(err, backend.ErrConflict), errors.Is(err, backend.ErrExists), errors.Is(err, backend.ErrNotFound):
		return answer{refused: backend.AsError(err).Code}, nil
	case err != nil:
		return answer{}, err
	}
	told := answer{}
	for _, o := range outcomes {
		told.results = append(told.results, result{action: o.Action, id: o.Object.ID, version: o.Object.Version})
	}
	return told, nil
}

func get(ctx context.Context, service backend.Service, asked request) (answer, error) {
	var refs []backend.Ref
	for _, secret := range asked.reads {
		refs = append(refs, ref(secretName(asked.group, secret), asked.version))
	}
	resolutions, err := service.Resolve(ctx, refs)
	if err != nil {
		return answer{}, err
	}
	told := answer{}
	for _, r := range resolutions {
		switch {
		case r.Err == nil:
			told.results = append(told.results,
				result{found: true, id: r.ID, version: r.Version, value: string(r.Value.Expose())})
		case errors.Is(r.Err, backend.ErrNotFound):
			told.results = append(told.results, result{})
		default:
			return answer{}, r.Err
		}
	}
	return told, nil
}

func ref(name, version string) backend.Ref {
	return backend.Ref{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: environment, Name: name,
		Version: version}
}

// list gets the metadata of one secret.
func list(ctx context.Context, service backend.Service, asked request) (answer, error) {
	page, err := service.Query(ctx, backend.Query{Kind: backend.KindSecret, Project: backend.DefaultProject,
		Environment: environment, Name: secretName(asked.group, asked.reads[0])})
	if err != nil {
		return answer{}, err
	}
	told := answer{results: []result{{}}}
	for _, o := range page.Objects {
		told.results[0] = result{found: true, id: o.ID, version: o.Version}
	}
	return told, nil
}
