// SPDX-License-Identifier: MPL-2.0

package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
)

func guarded(next backend.Service, s *sink) *audit.Log {
	return audit.New(next, s, audit.Options{Guard: access.Guard})
}

// as returns a context of a token with a role, from an address.
func as(role backend.Role) context.Context {
	ctx := backend.WithOrigin(context.Background(), backend.Origin{Address: "192.0.2.1", RequestID: "R"})
	return backend.WithPrincipal(ctx, backend.Principal{ID: "id-" + string(role), Name: string(role), Role: role,
		Kind: backend.Workload})
}

func TestRefusedCallsAreRecorded(t *testing.T) {
	refs := []backend.Ref{{Kind: backend.KindSecret, Project: "p", Environment: "dev", Name: "a"}}
	revealed := []backend.Ref{{Kind: backend.KindSecret, Project: "p", Environment: "dev", Name: "a", Reveal: true}}
	changes := []backend.Change{{Op: backend.OpDelete, Kind: backend.KindSecret, Project: "p", Name: "a"}}
	for _, c := range []struct {
		name string
		role backend.Role
		call func(ctx context.Context, s backend.Service) error
		want string
	}{
		{"resolve", backend.RoleViewer, func(ctx context.Context, s backend.Service) error {
			_, err := s.Resolve(ctx, refs)
			return err
		}, `resolve/ denied {"principal_id":"id-viewer","principal_kind":"workload","address":"192.0.2.1","request_id":"R",` +
			`"groups":[{"project":"p","environment":"dev","items":[{"kind":"secret","name":"a"}]}]}`},
		{"reveal", backend.RoleViewer, func(ctx context.Context, s backend.Service) error {
			_, err := s.Resolve(ctx, revealed)
			return err
		}, `reveal/ denied {"principal_id":"id-viewer","principal_kind":"workload","address":"192.0.2.1","request_id":"R",` +
			`"groups":[{"project":"p","environment":"dev","items":[{"kind":"secret","name":"a","reveal":true}]}]}`},
		{"apply", backend.RoleRuntime, func(ctx context.Context, s backend.Service) error {
			_, err := s.Apply(ctx, backend.ChangeSet{Changes: changes})
			return err
		}, `apply/ denied {"principal_id":"id-runtime","principal_kind":"workload","address":"192.0.2.1","request_id":"R",` +
			`"groups":[{"project":"p","items":[{"kind":"secret","name":"a","op":"delete"}]}]}`},
		{"compare", backend.RoleViewer, func(ctx context.Context, s backend.Service) error {
			_, err := s.Apply(ctx, backend.ChangeSet{Changes: changes, DryRun: true})
			return err
		}, `compare/ denied {"principal_id":"id-viewer","principal_kind":"workload","address":"192.0.2.1","request_id":"R",` +
			`"groups":[{"project":"p","items":[{"kind":"secret","name":"a","op":"delete"}]}]}`},
		{"query tokens", backend.RolePlanner, func(ctx context.Context, s backend.Service) error {
			_, err := s.Query(ctx, backend.Query{Kind: backend.KindToken})
			return err
		}, `query/ denied {"principal_id":"id-planner","principal_kind":"workload","address":"192.0.2.1","request_id":"R",` +
			`"groups":[{"items":[{"kind":"token"}]}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, s := &service{}, &sink{}
			if err := c.call(as(c.role), guarded(next, s)); !errors.Is(err, backend.ErrDenied) || len(next.changes) != 0 {
				t.Errorf("error %v, %d changes", err, len(next.changes))
			}
			if got := lines(s); got != c.want {
				t.Errorf("records\n%s\nwant\n%s", got, c.want)
			}
			// The refusal stays a refusal if the log is full.
			if err := c.call(as(c.role), guarded(next, &sink{refuse: true})); !errors.Is(err, backend.ErrDenied) {
				t.Errorf("with a full log: %v", err)
			}
		})
	}
}

// lines returns the records, without their times and principals.
func lines(s *sink) string {
	var all []string
	for _, r := range s.all() {
		all = append(all, fmt.Sprintf("%s/%s %s %s", r.Verb, r.Phase, r.Code, r.Detail))
	}
	return strings.Join(all, "\n")
}

func TestASingleRefusedReferenceIsRecordedWithItsCode(t *testing.T) {
	s := &sink{}
	out, err := guarded(&service{}, s).Resolve(as(backend.RoleRuntime), []backend.Ref{
		{Kind: backend.KindSecret, Name: "a"}, {Kind: backend.KindSecret, Name: "b", Reveal: true}})
	if err != nil || out[1].Err == nil {
		t.Fatalf("%v, %v", out, err)
	}
	const want = `reveal/ denied {"principal_id":"id-runtime","principal_kind":"workload","address":"192.0.2.1",` +
		`"request_id":"R","groups":[{"items":[{"kind":"secret","name":"a","id":"id-a","version":7},` +
		`{"kind":"secret","name":"b","reveal":true,"code":"denied"}]}]}`
	if got := lines(s); got != want {
		t.Errorf("records\n%s\nwant\n%s", got, want)
	}
}

func TestChangesAreRecordedOnlyIfTheGuardAllowsThem(t *testing.T) {
	next, s := &service{}, &sink{}
	log := guarded(next, s)
	set := backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpDelete, Kind: backend.KindSecret, Name: "a"}}}
	if _, err := log.Apply(as(backend.RoleAdmin), set); err != nil || len(next.changes) != 1 {
		t.Fatal(err)
	}
	if len(s.records) != 0 {
		t.Errorf("the change is also among the reads:\n%s", lines(s))
	}
	if _, err := log.Apply(as(backend.RoleRuntime), set); !errors.Is(err, backend.ErrDenied) || len(next.changes) != 1 {
		t.Errorf("a refused change: %v, %d records of changes", err, len(next.changes))
	}
	if got := lines(s); !strings.HasPrefix(got, "apply/ denied ") || len(s.records) != 1 {
		t.Errorf("records\n%s", got)
	}
}

// A token may send thousands of items that it may not have.
func TestRecordsOfRefusedItemsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 1000)
	var refs, absent []backend.Ref
	var changes []backend.Change
	for n := range 10_000 {
		name := fmt.Sprintf("%s%d", long, n)
		refs = append(refs, backend.Ref{Kind: backend.KindSecret, Project: name, Name: name, Reveal: true})
		absent = append(absent, backend.Ref{Kind: backend.KindSecret, Project: name, Name: "gone"})
		changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindSecret, Project: name, Name: name})
	}
	for name, call := range map[string]func(*audit.Log) error{
		"a call that is refused": func(l *audit.Log) error { _, err := l.Resolve(as(backend.RoleViewer), refs); return err },
		"a change that is refused": func(l *audit.Log) error {
			_, err := l.Apply(as(backend.RoleViewer), backend.ChangeSet{Changes: changes})
			return err
		},
		"references that are refused": func(l *audit.Log) error {
			_, err := l.Resolve(as(backend.RoleRuntime), refs)
			return err
		},
		"references that do not exist": func(l *audit.Log) error {
			_, err := l.Resolve(as(backend.RoleRuntime), absent)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sink{}
			_ = call(guarded(&service{}, s))
			if len(s.records) != 1 {
				t.Fatalf("%d records, want 1", len(s.records))
			}
			var detail struct {
				Groups []struct {
					Items []any `json:"items"`
				} `json:"groups"`
				Omitted map[backend.Code]int `json:"omitted"`
			}
			if err := json.Unmarshal(s.records[0].Detail, &detail); err != nil {
				t.Fatal(err)
			}
			listed, omitted := 0, 0
			for _, g := range detail.Groups {
				listed += len(g.Items)
			}
			for _, n := range detail.Omitted {
				omitted += n
			}
			if size := len(s.records[0].Detail); listed != 100 || omitted != 9900 || size > 100_000 {
				t.Errorf("%d bytes list %d items and omit %v; want 100 and 9900", size, listed, detail.Omitted)
			}
		})
	}
}

// login refuses a token from an address.
func login(l *audit.Log, address string) {
	l.Refused(backend.WithOrigin(context.Background(), backend.Origin{Address: address}), backend.VerbQuery,
		backend.ErrUnauthenticated)
}

func TestRefusedLoginsAreCountedPerAddressAndMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		log := guarded(&service{}, s)
		ctx, stop := context.WithCancel(t.Context())
		go log.Keep(ctx, func(err error) { t.Error(err) })
		for range 1000 {
			login(log, "192.0.2.1")
		}
		time.Sleep(time.Second)
		for n := range 1000 {
			login(log, fmt.Sprintf("2001:db8::%x", n)) // one network
		}
		synctest.Wait()
		if len(s.all()) != 0 {
			t.Errorf("%d records in the first minute", len(s.all()))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		const first = `login/ unauthenticated {"address":"192.0.2.1","since":"2000-01-01T00:00:00Z","count":1000}
login/ unauthenticated {"address":"2001:db8::/64","since":"2000-01-01T00:00:01Z","count":1000}`
		if got := lines(s); got != first {
			t.Errorf("records\n%s\nwant\n%s", got, first)
		}
		time.Sleep(time.Hour)
		login(log, "192.0.2.1")
		stop()
		synctest.Wait()
		if len(s.all()) != 3 || !strings.Contains(string(s.all()[2].Detail), `"count":1}`) {
			t.Errorf("a stop leaves the records\n%s", lines(s))
		}
	})
}

// A client without a token chooses how many requests it sends, and maybe from how many addresses.
func TestRefusalsNeedBoundedSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		log := guarded(&service{}, s)
		go log.Keep(t.Context(), func(err error) { t.Error(err) })
		for n := range 100_000 {
			login(log, fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255))
		}
		for range 10_000 {
			log.Refused(as(backend.RoleViewer), backend.VerbResolve, backend.ErrDenied)
		}
		if len(s.all()) != 20 {
			t.Errorf("%d refusals of a principal have a record each, want 20", len(s.all()))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		got := lines(s)
		if len(s.all()) != 20+101+1 || !strings.Contains(got, `{"address":"other",`) ||
			!strings.Contains(got, `"count":99900}`) {
			t.Errorf("%d records, want 122:\n%s", len(s.all()), got)
		}
		last := s.all()[len(s.all())-1]
		if last.Verb != "refused" || last.Principal != "viewer" || !strings.Contains(string(last.Detail), `"count":9980`) {
			t.Errorf("the last record is %+v %s", last, last.Detail)
		}
		size := 0
		for _, r := range s.all() {
			size += len(r.Detail)
		}
		if size > 20_000 {
			t.Errorf("the records have %d bytes", size)
		}
		// The next minute counts from zero.
		log.Refused(as(backend.RoleViewer), backend.VerbResolve, backend.ErrDenied)
		if len(s.all()) != 123 {
			t.Errorf("%d records, want 123", len(s.all()))
		}
	})
}

// The subjects of a trust, and tokens that made one another, cause as many records as one token.
func TestRefusalsOfOneBudgetAreCountedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		log := guarded(&service{}, s)
		go log.Keep(t.Context(), func(err error) { t.Error(err) })
		for n := range 50 {
			for _, p := range []backend.Principal{
				{ID: fmt.Sprint("T/", n), Name: fmt.Sprint("ci/", n), Trust: "T", Role: backend.RoleNone},
				{ID: fmt.Sprint("made", n), Name: fmt.Sprint("made", n), MadeBy: "first", Role: backend.RoleNone},
			} {
				log.Refused(backend.WithPrincipal(t.Context(), p), backend.VerbResolve, backend.ErrDenied)
			}
		}
		if len(s.all()) != 2*20 {
			t.Errorf("%d refusals have a record each, want 40", len(s.all()))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		counts := s.all()[min(40, len(s.all())):]
		if len(counts) != 2 {
			t.Fatalf("%d counts, want 2", len(counts))
		}
		for i, want := range []string{"ci", "first"} {
			if c := counts[i]; c.Principal != want || !strings.Contains(string(c.Detail), `"count":30}`) {
				t.Errorf("the count is of %q: %s; want %q", c.Principal, c.Detail, want)
			}
		}
	})
}

func TestCountsWaitForAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{refuse: true}
		log := guarded(&service{}, s)
		var reported []error
		ctx, stop := context.WithCancel(t.Context())
		go log.Keep(ctx, func(err error) { reported = append(reported, err) })
		login(log, "192.0.2.1")
		log.Refused(as(backend.RoleViewer), backend.VerbResolve, backend.ErrDenied)
		time.Sleep(time.Minute + time.Second)
		login(log, "192.0.2.1")
		synctest.Wait()
		if len(reported) != 1 || !errors.Is(reported[0], errFull) {
			t.Errorf("reported %v", reported)
		}
		s.setFull(false)
		time.Sleep(time.Minute)
		stop()
		synctest.Wait()
		const want = `login/ unauthenticated {"address":"192.0.2.1","since":"2000-01-01T00:00:00Z","count":2}
refused/ denied {"principal_id":"id-viewer","principal_kind":"workload","since":"2000-01-01T00:00:00Z","count":1}`
		if got := lines(s); got != want {
			t.Errorf("records\n%s\nwant\n%s", got, want)
		}
	})
}

// Only a refusal counts: the disk of a busy server is not filled by its own errors.
func TestOtherErrorsAreNoRefusals(t *testing.T) {
	s := &sink{}
	guarded(&service{}, s).Refused(as(backend.RoleAdmin), backend.VerbQuery, backend.ErrUnavailable)
	if len(s.records) != 0 {
		t.Errorf("records\n%s", lines(s))
	}
}
