// SPDX-License-Identifier: MPL-2.0

package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// sink keeps records. If refuse is set, it fails after the first records.
type sink struct {
	mu      sync.Mutex
	records []store.Record
	refuse  bool
	after   int
}

var errFull = errors.New("no space")

// all returns the records, even while a Log keeps its counts.
func (s *sink) all() []store.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

func (s *sink) setFull(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = full
}

func (s *sink) AppendRecords(ctx context.Context, records ...store.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse && len(s.records) >= s.after {
		return errFull
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, r := range records {
		if err := backend.CheckRecordSelectors(backend.Query{Verb: r.Verb, Code: r.Code}); err != nil {
			panic(err) // nobody could select it
		}
	}
	s.records = append(s.records, records...)
	return nil
}

// service resolves every reference to a canary, and records changes as the engine does. The id of a project is its name
// with "id-".
type service struct {
	changes []store.Record
	repeats bool // changes nothing, as for an idempotency key that was used before
	failure error
}

func (s *service) ids(_ context.Context, used []string) map[string]string {
	ids := map[string]string{}
	for _, name := range used {
		ids[name] = projectID(name)
	}
	return ids
}

// projectID is the id of a project that a call names. A project with a long name does not exist.
func projectID(name string) string {
	if name == "" || name == "unknown" || len(name) > 10 {
		return ""
	}
	return "id-" + name
}

func newLog(s *service, reads *sink) *audit.Log {
	return audit.New(s, reads, audit.Options{Projects: s.ids})
}

func (s *service) Query(context.Context, backend.Query) (backend.Page, error) {
	return backend.Page{}, nil
}

func (s *service) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out := make([]backend.Resolution, len(refs))
	for i, r := range refs {
		out[i].ProjectID = projectID(r.Project)
		if r.Name == "gone" {
			out[i].Err = backend.Errorf(backend.CodeNotFound, "gone")
			continue
		}
		if r.Name == "refused" {
			out[i].Err = backend.Errorf(backend.CodeDenied, "denied")
			continue
		}
		out[i].Value, out[i].ID, out[i].Version = backend.PlaintextString("CANARY"), "id-"+r.Name, 7
	}
	return out, nil
}

func (s *service) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if s.failure != nil {
		return nil, s.failure
	}
	out := make([]backend.Outcome, len(set.Changes))
	for i, c := range set.Changes {
		out[i] = backend.Outcome{Action: backend.ActionUpdate, Changed: []string{"value"},
			Object:    backend.Object{Kind: c.Kind, ID: "id-" + c.Name, Name: c.Name, Project: c.Project, Version: 8},
			ProjectID: projectID(c.Project)}
		if c.Rename != nil {
			out[i].Object.Name = *c.Rename
		}
		switch c.Name {
		case "uncompared":
			out[i].Unchecked = "value"
		case "refused":
			out[i] = backend.Outcome{Err: backend.Errorf(backend.CodeDenied, "denied"), ProjectID: projectID(c.Project)}
		}
	}
	if set.DryRun || s.repeats {
		return out, nil
	}
	if err := backend.Rejected(out); err != nil {
		return out, err
	}
	s.changes = append(s.changes, audit.NewChanges(nil).Changed(ctx, set, out)...)
	return out, nil
}

var who = backend.WithPrincipal(context.Background(), backend.Principal{Name: "ci", Role: backend.RoleAdmin})

func TestResolveIsRecordedBeforeItReturns(t *testing.T) {
	s := &sink{}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	log := audit.New(&service{}, s, audit.Options{Now: func() time.Time { return at }})
	refs := []backend.Ref{
		{Kind: backend.KindSecret, Project: "p", Environment: "dev", Name: "a", Field: "f"},
		{Kind: backend.KindSecret, Project: "p", Environment: "dev", Name: "gone"},
		{Kind: backend.KindScopedValue, Project: "p", Environment: "prod", Name: "b"},
	}
	if _, err := log.Resolve(who, refs); err != nil {
		t.Fatal(err)
	}
	if len(s.records) != 1 {
		t.Fatalf("%d records", len(s.records))
	}
	r := s.records[0]
	if r.Principal != "ci" || r.Role != backend.RoleAdmin || r.Verb != "resolve" || r.Code != "ok" || !r.At.Equal(at) {
		t.Errorf("record %+v", r)
	}
	const want = `{"groups":[{"project":"p","environment":"dev","items":[` +
		`{"kind":"secret","name":"a","field":"f","id":"id-a","version":7},` +
		`{"kind":"secret","name":"gone","code":"not_found"}]},` +
		`{"project":"p","environment":"prod","items":[{"kind":"scoped_value","name":"b","id":"id-b","version":7}]}]}`
	if string(r.Detail) != want {
		t.Errorf("detail\n%s\nwant\n%s", r.Detail, want)
	}
	refs[0].Reveal = true
	if _, err := log.Resolve(who, refs); err != nil {
		t.Fatal(err)
	}
	if s.records[1].Verb != "reveal" || !strings.Contains(string(s.records[1].Detail), `"reveal":true`) {
		t.Errorf("a reveal is recorded as %s %s", s.records[1].Verb, s.records[1].Detail)
	}
}

// A probe returns no value, so it is no read.
func TestProbesAreNoReads(t *testing.T) {
	s := &sink{}
	log := newLog(&service{}, s)
	probe := backend.Ref{Kind: backend.KindSecret, Project: "p", Environment: "dev", Name: "a", Probe: true}
	for _, c := range []struct {
		refs []backend.Ref
		want string
	}{
		{[]backend.Ref{probe, probe}, "probe"},
		{[]backend.Ref{probe, {Kind: backend.KindSecret, Project: "p", Environment: "dev", Name: "b"}}, "resolve"},
	} {
		if _, err := log.Resolve(who, c.refs); err != nil {
			t.Fatal(err)
		}
		if r := s.records[len(s.records)-1]; r.Verb != c.want || !strings.Contains(string(r.Detail), `"probe":true`) {
			t.Errorf("recorded as %s %s, want %s", r.Verb, r.Detail, c.want)
		}
	}
}

func TestCallThatCannotBeRecordedFails(t *testing.T) {
	log := newLog(&service{}, &sink{refuse: true})
	out, err := log.Resolve(who, []backend.Ref{{Name: "a"}})
	if out != nil || !errors.Is(err, backend.ErrUnavailable) || !errors.Is(err, errFull) {
		t.Errorf("resolving: %v, %v", out, err)
	}
	outcomes, err := log.Apply(who, backend.ChangeSet{DryRun: true, Changes: []backend.Change{{Name: "a"}}})
	if outcomes != nil || !errors.Is(err, backend.ErrUnavailable) || !errors.Is(err, errFull) {
		t.Errorf("comparing: %v, %v", outcomes, err)
	}
}

// A change has one record, which the engine adds in its transaction. A dry run has one that is written before it
// returns.
func TestChangesHaveOneRecord(t *testing.T) {
	reads, next := &sink{}, &service{}
	log := newLog(next, reads)
	set := backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpDelete, Kind: backend.KindSecret, Project: "p", Environment: "dev", Name: "a", Force: true,
			Value: backend.PlaintextString("CANARY")},
	}}
	if _, err := log.Apply(who, set); err != nil {
		t.Fatal(err)
	}
	if len(reads.records) != 0 {
		t.Errorf("the change is also among the reads: %+v", reads.records)
	}
	set.DryRun = true
	if _, err := log.Apply(who, set); err != nil {
		t.Fatal(err)
	}
	set.FingerprintKey = []byte("CANARY")
	if _, err := log.Apply(who, set); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range append(next.changes, reads.records...) {
		lines = append(lines, fmt.Sprintf("%s: %s %s %s/%s %s %s", r.Log, r.Principal, r.Role, r.Verb, r.Phase, r.Code,
			r.Detail))
	}
	got := strings.Join(lines, "\n")
	const made = `{"groups":[{"project":"p","items":[{"kind":"secret","name":"a","op":"delete","force":true,` +
		`"action":"update","changed":["value"],"id":"id-a","version":8}]}]}`
	const compared = `{"groups":[{"project":"p","environment":"dev","items":[{"kind":"secret","name":"a","op":"delete",` +
		`"force":true,"action":"update","id":"id-a"}]}]}`
	const want = `id-p: ci admin apply/ ok ` + made + `
id-p: ci admin compare/ ok ` + compared + `
id-p: ci admin fingerprint/ ok ` + compared
	if got != want {
		t.Errorf("records\n%s\nwant\n%s", got, want)
	}
}

// An object with a new name has both names in the record.
func TestRecordOfARenameHasBothNames(t *testing.T) {
	next, name := &service{}, "new"
	if _, err := newLog(next, &sink{}).Apply(who, backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: "p", Name: "old", Rename: &name},
	}}); err != nil {
		t.Fatal(err)
	}
	if got := string(next.changes[0].Detail); !strings.Contains(got, `"name":"new"`) ||
		!strings.Contains(got, `"was":"old"`) {
		t.Errorf("the record is %s", got)
	}
}

// A call that changes nothing is among the reads: one that fails, and one that repeats an idempotency key.
func TestCallsThatChangeNothingAreAmongTheReads(t *testing.T) {
	changes := []backend.Change{{Op: backend.OpDelete, Kind: backend.KindSecret, Project: "p", Name: "a"}}
	for name, c := range map[string]struct {
		next *service
		want string
	}{
		"failed": {&service{failure: backend.ErrConflict}, `id-p: apply conflict {"groups":[{"project":"p","items":[` +
			`{"kind":"secret","name":"a","op":"delete"}]}]}`},
		"repeated": {&service{repeats: true}, `id-p: apply ok {"repeated":true,"groups":[{"project":"p","items":[` +
			`{"kind":"secret","name":"a","op":"delete","action":"update","changed":["value"],"id":"id-a","version":8}]}]}`},
	} {
		reads := &sink{}
		_, err := newLog(c.next, reads).Apply(who, backend.ChangeSet{Changes: changes})
		if (err != nil) != (name == "failed") || len(reads.records) != 1 || len(c.next.changes) != 0 {
			t.Fatalf("%s: %v, %d records of reads, %d of changes", name, err, len(reads.records), len(c.next.changes))
		}
		r := reads.records[0]
		if got := fmt.Sprintf("%s: %s %s %s", r.Log, r.Verb, r.Code, r.Detail); got != c.want {
			t.Errorf("%s: the record is\n%s\nwant\n%s", name, got, c.want)
		}
	}
	out, err := newLog(&service{repeats: true}, &sink{refuse: true}).Apply(who, backend.ChangeSet{Changes: changes})
	if out != nil || !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("a repeated call without its record returns %v, %v", out, err)
	}
}

// A call that concerns several projects has a record in the log of each, with its part only.
func TestEachProjectHasItsPartOfACall(t *testing.T) {
	refs := []backend.Ref{
		{Kind: backend.KindSecret, Project: "p", Name: "a"}, {Kind: backend.KindSecret, Project: "q", Name: "refused"},
		{Kind: backend.KindSecret, Project: "p", Name: "b"}, {Kind: backend.KindSecret, Project: "unknown", Name: "c"},
	}
	reads := &sink{}
	if _, err := newLog(&service{}, reads).Resolve(who, refs); err != nil {
		t.Fatal(err)
	}
	changes := backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpSet, Kind: backend.KindSecret, Project: "p", Name: "a"},
		{Op: backend.OpSet, Kind: backend.KindSecret, Project: "q", Name: "b"},
		{Op: backend.OpDelete, Kind: backend.KindToken, ID: "t"},
	}}
	next := &service{}
	if _, err := newLog(next, reads).Apply(who, changes); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range append(reads.records, next.changes...) {
		var names []string
		for _, name := range []string{"a", "b", "c", "refused", ""} {
			if strings.Contains(string(r.Detail), `"name":"`+name+`"`) {
				names = append(names, name)
			}
		}
		got = append(got, fmt.Sprintf("%s %s %s %v", r.Verb, r.Log, r.Code, names))
	}
	want := []string{"resolve id-p ok [a b]", "resolve id-q denied [refused]", "resolve  ok [c]",
		"apply id-p ok [a]", "apply id-q ok [b]", "apply  ok []"}
	if !slices.Equal(got, want) {
		t.Errorf("the records are %q, want %q", got, want)
	}

	// A failed call has no results, so that its projects are looked up.
	next, reads = &service{}, &sink{}
	log := audit.New(next, reads, audit.Options{Projects: next.ids, Guard: access.Guard})
	for range 2 {
		if _, err := log.Resolve(as(backend.RoleViewer), refs); !errors.Is(err, backend.ErrDenied) {
			t.Fatal(err)
		}
	}
	if len(reads.records) != 6 || reads.records[1].Log != "id-q" || reads.records[2].Log != "" {
		t.Errorf("the records are %+v", reads.records)
	}
}

// A caller that names any number of projects does not cause a record in the log of each.
func TestFailedCallsHaveBoundedRecords(t *testing.T) {
	var refs []backend.Ref
	for n := range 1000 {
		refs = append(refs, backend.Ref{Kind: backend.KindSecret, Project: fmt.Sprint("p", n), Name: "gone"})
	}
	reads := &sink{}
	if _, err := newLog(&service{}, reads).Resolve(who, refs); err != nil {
		t.Fatal(err)
	}
	last := reads.records[len(reads.records)-1]
	if len(reads.records) != 101 || last.Log != "" || !strings.Contains(string(last.Detail), `{"not_found":900}`) {
		t.Errorf("%d records, the last one is %+v %s", len(reads.records), last, last.Detail)
	}
}

// A value that was not compared is a refusal, in the record of its dry run.
func TestRefusedComparisonsAreRecorded(t *testing.T) {
	s := &sink{}
	set := backend.ChangeSet{DryRun: true, Changes: []backend.Change{{Name: "a"}, {Name: "uncompared"}}}
	if _, err := audit.New(&service{}, s, audit.Options{}).Apply(who, set); err != nil {
		t.Fatal(err)
	}
	if len(s.records) != 1 {
		t.Fatalf("%d records, want 1", len(s.records))
	}
	before, after, _ := strings.Cut(string(s.records[0].Detail), `"uncompared"`)
	if s.records[0].Verb != "compare" || strings.Contains(before, "denied") ||
		!strings.Contains(after, `"code":"denied"`) {
		t.Errorf("the record is %s %s", s.records[0].Verb, s.records[0].Detail)
	}
}

// A refused change has no object, so that its record has the names that the change gave.
func TestRecordOfARefusedChangeNamesIt(t *testing.T) {
	s := &sink{}
	_, _ = newLog(&service{}, s).Apply(who, backend.ChangeSet{Changes: []backend.Change{
		{Kind: backend.KindSecret, Project: "p", Environment: "dev", Name: "refused"},
	}})
	if len(s.records) != 1 || s.records[0].Code != "denied" || s.records[0].Log != "id-p" {
		t.Fatalf("records %+v", s.records)
	}
	for _, want := range []string{
		`"project":"p"`, `"environment":"dev"`, `"kind":"secret"`, `"name":"refused"`, `"code":"denied"`,
	} {
		if !strings.Contains(string(s.records[0].Detail), want) {
			t.Errorf("the record lacks %s: %s", want, s.records[0].Detail)
		}
	}
}

func TestFailureIsRecordedAfterTheCallerCancels(t *testing.T) {
	ctx, cancel := context.WithCancel(who)
	cancel()
	s := &sink{}
	_, _ = newLog(&service{failure: context.Canceled}, s).Apply(ctx,
		backend.ChangeSet{Changes: []backend.Change{{Name: "a"}}})
	if len(s.records) != 1 || s.records[0].Verb != "apply" {
		t.Errorf("records %+v", s.records)
	}
}

func TestRecordsHoldNoValues(t *testing.T) {
	s, next := &sink{}, &service{}
	log := newLog(next, s)
	if _, err := log.Resolve(who, []backend.Ref{{Name: "a"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Apply(who,
		backend.ChangeSet{Changes: []backend.Change{{Name: "a", Value: backend.PlaintextString("CANARY")}}}); err != nil {
		t.Fatal(err)
	}
	s.records = append(s.records, next.changes...)
	text, err := json.Marshal(s.records)
	if err != nil || strings.Contains(string(text), "CANARY") {
		t.Errorf("records: %s, %v", text, err)
	}
	for _, r := range s.records {
		if strings.Contains(string(r.Detail), "CANARY") {
			t.Errorf("detail %s", r.Detail)
		}
	}
}

func TestASweepIsRecorded(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	records := audit.NewChanges(func() time.Time { return at }).Swept(who, []backend.Outcome{
		{Action: backend.ActionDelete, ProjectID: "p-id",
			Object: backend.Object{Kind: backend.KindEnvironment, ID: "e", Name: "dev", Project: "p"}},
		{Action: backend.ActionDelete, ProjectID: "p-id",
			Object: backend.Object{Kind: backend.KindSecret, ID: "s", Name: "a", Project: "p"}},
		{Action: backend.ActionDelete, ProjectID: "q-id", Object: backend.Object{Kind: backend.KindProject, ID: "q-id",
			Name: "q"}},
	})
	want := []string{
		`p-id {"groups":[{"project":"p","items":[{"kind":"environment","name":"dev","action":"delete","id":"e"},` +
			`{"kind":"secret","name":"a","action":"delete","id":"s"}]}]}`,
		`q-id {"groups":[{"items":[{"kind":"project","name":"q","action":"delete","id":"q-id"}]}]}`,
	}
	for n, r := range records {
		if got := r.Log + " " + string(r.Detail); got != want[n] || r.Verb != "sweep" || r.Principal != "pouncet" ||
			!r.At.Equal(at) {
			t.Errorf("record %+v\n%s\nwant\n%s", r, got, want[n])
		}
	}
	if len(records) != 2 {
		t.Errorf("%d records, want 2", len(records))
	}
}

func TestAnAcceptanceIsRecordedBeforeAnythingIsSigned(t *testing.T) {
	found := []signed.Finding{{Kind: "token", Name: "a", ID: "1", Problem: "changed"}}
	more := append(slices.Clone(found),
		signed.Finding{Kind: "secret", Name: "b", ID: "2", Project: "p", Problem: "changed"})
	s := &sink{}
	accepted, err := audit.Accept(who, s, nil, found, func(context.Context) ([]signed.Finding, error) {
		if len(s.records) != 1 {
			t.Errorf("%d records before the rows are signed", len(s.records))
		}
		return more, nil
	})
	if err != nil || len(accepted) != 2 {
		t.Fatal(accepted, err)
	}
	const intent = `{"groups":[{"items":[{"kind":"token","name":"a","id":"1","problem":"changed"}]}]}`
	const outcome = `{"groups":[{"items":[{"kind":"token","name":"a","id":"1","problem":"changed"}]},` +
		`{"project":"p","items":[{"kind":"secret","name":"b","id":"2","problem":"changed"}]}]}`
	if len(s.records) != 2 || s.records[0].Verb != "accept" || s.records[0].Phase != "intent" ||
		string(s.records[0].Detail) != intent || s.records[1].Phase != "outcome" || string(s.records[1].Detail) != outcome {
		t.Errorf("records %+v", s.records)
	}
	s = &sink{refuse: true}
	_, err = audit.Accept(who, s, nil, found, func(context.Context) ([]signed.Finding, error) {
		t.Error("rows were signed without a record")
		return nil, nil
	})
	if !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("without the record: %v", err)
	}
}

func TestFindingsAreRecorded(t *testing.T) {
	s := &sink{}
	found := []signed.Finding{{Kind: "state", Name: "p", Project: "p", Problem: "removed"}}
	if err := audit.ChangedOutside(context.Background(), s, nil, found); err != nil {
		t.Fatal(err)
	}
	const want = `{"groups":[{"project":"p","items":[{"kind":"state","name":"p","problem":"removed"}]}]}`
	if len(s.records) != 1 || s.records[0].Verb != "verify" || s.records[0].Code != "corrupt" ||
		s.records[0].Principal != "pouncet" || string(s.records[0].Detail) != want {
		t.Errorf("records %+v, want one with the detail\n%s", s.records, want)
	}
}

// TestLongTextsAreCutInRecords sends texts of a megabyte in every field that a caller chooses.
func TestLongTextsAreCutInRecords(t *testing.T) {
	s, next := &sink{}, &service{}
	log := newLog(next, s)
	long := strings.Repeat("ä", 1<<19)
	if _, err := log.Resolve(who, []backend.Ref{{Kind: backend.Kind(long), Project: long, Environment: long, Scope: long,
		Name: long, Field: long, Version: long}}); err != nil {
		t.Fatal(err)
	}
	change := backend.Change{Op: backend.Op(long), Kind: backend.Kind(long), Project: long, Environment: long, Scope: long,
		Name: long, ID: long}
	if _, err := log.Apply(who, backend.ChangeSet{Changes: []backend.Change{change}}); err != nil {
		t.Fatal(err)
	}
	s.records = append(s.records, next.changes...)
	if len(s.records) != 2 {
		t.Fatalf("%d records, want 2", len(s.records))
	}
	for _, r := range s.records {
		if len(r.Detail) > 4096 || !strings.Contains(string(r.Detail), "ää…") {
			t.Errorf("%s %s: a record of %d bytes: %.300s", r.Verb, r.Phase, len(r.Detail), r.Detail)
		}
	}
}

// A client that goes away is not an error of the server.
func TestCallOfAClientThatGoesAwayIsCanceled(t *testing.T) {
	s := &sink{}
	log := audit.New(&canceledService{}, s, audit.Options{})
	if _, err := log.Resolve(who, []backend.Ref{{Name: "a"}}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if all := s.all(); len(all) != 1 || all[0].Code != "canceled" {
		t.Errorf("records %+v", all)
	}
}

type canceledService struct{ service }

func (*canceledService) Resolve(context.Context, []backend.Ref) ([]backend.Resolution, error) {
	return nil, backend.Errorf(backend.CodeUnavailable, "waiting: %w", context.Canceled)
}
