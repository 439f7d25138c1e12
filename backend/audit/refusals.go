// SPDX-License-Identifier: MPL-2.0

package audit

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

const (
	// refusalInterval is how often a Log records the refusals that it has counted.
	refusalInterval = time.Minute
	// maxRefusals is how many refusals of one principal have a record each in that time. Further ones are counted.
	maxRefusals = 20
	// maxCallers is how many addresses, and how many principals, are counted on their own in that time. The others are
	// counted together, under otherCallers.
	maxCallers   = 100
	otherCallers = "other"
	// stopTime limits the time for the last counts. A server that stops waits for them.
	stopTime = time.Second
)

// refused reports whether an error is about the rights of the caller.
func refused(err error) bool {
	return errors.Is(err, backend.ErrDenied) || errors.Is(err, backend.ErrUnauthenticated)
}

// Refused records that a server has refused a request before it made a call. It ignores errors that are not about the
// rights of the caller.
//
// A request without a valid token is only counted, and so is a login with a genuine identity token that no trust lets
// in: an issuer gives tokens of many subjects to anyone. Keep writes one record a minute for each address, which
// counts an IPv6 network (/64) as one address. The first 20 refusals of a principal in a minute have a record each,
// and Keep writes one for the others. Principals with one budget, such as the subjects of a trust, count as one.
// Beyond 100 addresses or principals in a minute, Keep writes one record for the others together. So callers without a
// token cause at most 101 records a minute.
func (l *Log) Refused(ctx context.Context, verb backend.Verb, err error) {
	if refused(err) {
		l.recordFailure(ctx, string(verb), err, func() *parts { return &parts{} })
	}
}

// SignedIn records that the principal of a context has signed in at the dashboard. Without the record, the person must
// get no session. [Log.Refused] records an attempt that was refused.
func (l *Log) SignedIn(ctx context.Context) error {
	if err := l.record(ctx, string(backend.VerbSignIn), nil, whole(detail{})); err != nil {
		return unrecorded("opened", err)
	}
	return nil
}

// recordFailure records a call that has returned nothing and changed nothing, so it reports no error. It calls items
// only if the call gets a record.
func (l *Log) recordFailure(ctx context.Context, verb string, err error, items func() *parts) {
	p, known := backend.PrincipalFrom(ctx)
	switch {
	case refused(err) && (!known || p.Trust != "" && errors.Is(err, backend.ErrUnauthenticated)):
		l.refusals.login(backend.OriginFrom(ctx).Address, l.now())
		return
	case refused(err) && !l.refusals.first(p, l.now()):
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	if l.record(ctx, verb, err, items()) != nil && refused(err) {
		l.refusals.again(p, l.now())
	}
}

// Keep records the counted refusals every minute, and once more when ctx ends. If that fails, it reports the error and
// keeps the counts for the next minute.
func (l *Log) Keep(ctx context.Context, report func(error)) {
	tick := time.NewTicker(refusalInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := l.recordCounts(ctx); err != nil && ctx.Err() == nil {
				report(err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
			defer cancel()
			if err := l.recordCounts(last); err != nil {
				report(err)
			}
			return
		}
	}
}

func (l *Log) recordCounts(ctx context.Context) error {
	counts := l.refusals.take()
	for n, c := range counts {
		if err := l.recordCount(ctx, c); err != nil {
			l.refusals.keep(counts[n:])
			return err
		}
	}
	return nil
}

func (l *Log) recordCount(ctx context.Context, c *count) error {
	d := whole(detail{Since: c.since.UTC(), Count: c.n})
	if c.isLogin {
		ctx = backend.WithOrigin(ctx, backend.Origin{Address: c.key})
		return l.record(ctx, "login", backend.ErrUnauthenticated, d)
	}
	if c.key == otherCallers {
		c.principal = backend.Principal{Name: otherCallers}
	}
	return l.record(backend.WithPrincipal(ctx, c.principal), "refused", backend.ErrDenied, d)
}

// refusals counts what has no record yet. Its size does not depend on the number of refusals.
type refusals struct {
	mu         sync.Mutex
	logins     map[string]*count // by address
	principals map[string]*count // by budget
}

// count counts the refusals of one caller.
type count struct {
	isLogin   bool              // requests without a valid token
	key       string            // the address, the budget of the principal, or otherCallers
	principal backend.Principal // unless it is otherCallers
	recorded  int               // refusals that have a record each
	n         int               // the other ones
	since     time.Time         // of the first of these
}

func (c *count) add(n int, since time.Time) {
	if c.n == 0 || since.Before(c.since) {
		c.since = since
	}
	c.n += n
}

// by notes a principal of the count. If there were others, the count belongs to their trust, or to the token that made
// the others. The name of that token is not known here.
func (c *count) by(p backend.Principal) {
	if c.principal.ID == "" || c.principal == p {
		c.principal = p
		return
	}
	name := c.key
	if p.Trust != "" {
		name, _, _ = strings.Cut(p.Name, "/")
	}
	c.principal = backend.Principal{ID: c.key, Name: name, Role: p.Role, Kind: p.Kind, Trust: p.Trust, MadeBy: p.MadeBy}
}

// login counts a request without a valid token.
func (r *refusals) login(address string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of(true, network(address)).add(1, now)
}

// first reports whether a refusal of p gets its own record. Otherwise it counts the refusal.
func (r *refusals) first(p backend.Principal, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.of(false, p.Budget())
	c.by(p)
	if c.recorded < maxRefusals {
		c.recorded++
		return true
	}
	c.add(1, now)
	return false
}

// again counts a refusal of p whose record could not be written.
func (r *refusals) again(p backend.Principal, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.of(false, p.Budget())
	c.by(p)
	c.add(1, now)
}

// of returns the count of a caller.
func (r *refusals) of(isLogin bool, key string) *count {
	m := &r.principals
	if isLogin {
		m = &r.logins
	}
	if *m == nil {
		*m = map[string]*count{}
	}
	if (*m)[key] == nil && len(*m) >= maxCallers {
		key = otherCallers
	}
	c := (*m)[key]
	if c == nil {
		c = &count{isLogin: isLogin, key: key}
		(*m)[key] = c
	}
	return c
}

// take removes all counts, and returns the counts of refusals without a record.
func (r *refusals) take() []*count {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*count
	for _, m := range []map[string]*count{r.logins, r.principals} {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if m[key].n > 0 {
				all = append(all, m[key])
			}
		}
	}
	r.logins, r.principals = nil, nil
	return all
}

// keep adds counts that could not be recorded to the present ones.
func (r *refusals) keep(counts []*count) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, kept := range counts {
		c := r.of(kept.isLogin, kept.key)
		c.by(kept.principal)
		c.add(kept.n, kept.since)
	}
}

// network returns the address of an IPv4 caller, and the network of an IPv6 caller, who often has all addresses of it.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return "unknown"
	case a.Unmap().Is4():
		return a.Unmap().String()
	}
	p, _ := a.WithZone("").Prefix(64)
	return p.String()
}
