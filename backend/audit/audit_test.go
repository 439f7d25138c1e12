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

// all returns the records, also while a Log keeps its counts.
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

func (s *sink) AppendRecord(ctx context.Context, r store.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse && len(s.records) >= s.after {
		return errFull
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.records = append(s.records, r)
	return nil
}

// service resolves every reference to a canary and counts the calls of Apply.
type service struct {
	applied int
	cancel  context.CancelFunc
}

func (s *service) Query(context.Context, backend.Query) (backend.Page, error) {
	return backend.Page{}, nil
}

func (s *service) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out := make([]backend.Resolution, len(refs))
	for i, r := range refs {
		if r.Name == "gone" {
			out[i].Err = backend.Errorf(backend.CodeNotFound, "gone")
			continue
		}
		out[i] = backend.Resolution{Value: backend.PlaintextString("CANARY"), ID: "id-" + r.Name, Version: 7}
	}
	return out, nil
}

func (s *service) Apply(_ context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	s.applied++
	if s.cancel != nil {
		s.cancel()
	}
	out := make([]backend.Outcome, len(set.Changes))
	for i, c := range set.Changes {
		out[i] = backend.Outcome{Action: backend.ActionUpdate, Changed: []string{"value"},
			Object: backend.Object{Kind: c.Kind, ID: "id-" + c.Name, Name: c.Name, Version: 8}}
		switch c.Name {
		case "uncompared":
			out[i].Unchecked = "value"
		case "refused":
			out[i] = backend.Outcome{Err: backend.Errorf(backend.CodeDenied, "denied")}
		}
	}
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

func TestCallThatCannotBeRecordedFails(t *testing.T) {
	next := &service{}
	log := audit.New(next, &sink{refuse: true}, audit.Options{})
	out, err := log.Resolve(who, []backend.Ref{{Name: "a"}})
	if out != nil || !errors.Is(err, backend.ErrUnavailable) || !errors.Is(err, errFull) {
		t.Errorf("resolving: %v, %v", out, err)
	}
	if _, err := log.Apply(who, backend.ChangeSet{Changes: []backend.Change{{Name: "a"}}}); !errors.Is(err,
		backend.ErrUnavailable) || next.applied != 0 {
		t.Errorf("applying: %v, applied %d times", err, next.applied)
	}
	outcomes, err := log.Apply(who, backend.ChangeSet{DryRun: true, Changes: []backend.Change{{Name: "a"}}})
	if outcomes != nil || !errors.Is(err, backend.ErrUnavailable) || !errors.Is(err, errFull) {
		t.Errorf("comparing: %v, %v", outcomes, err)
	}
}

func TestChangesAreRecordedBeforeAndAfter(t *testing.T) {
	s := &sink{}
	log := audit.New(&service{}, s, audit.Options{})
	set := backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpDelete, Kind: backend.KindSecret, Project: "p", Environment: "dev", Name: "a", Force: true,
			Value: backend.PlaintextString("CANARY")},
	}}
	if _, err := log.Apply(who, set); err != nil {
		t.Fatal(err)
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
	for _, r := range s.records {
		lines = append(lines, fmt.Sprintf("%s/%s %s", r.Verb, r.Phase, r.Detail))
	}
	got := strings.Join(lines, "\n")
	const deletion = `{"groups":[{"project":"p","environment":"dev","items":[{"kind":"secret","name":"a","op":"delete",` +
		`"force":true`
	const compared = deletion + `,"action":"update","id":"id-a"}]}]}`
	const want = `apply/intent ` + deletion + `}]}]}
apply/outcome {"groups":[{"items":[` +
		`{"kind":"secret","name":"a","action":"update","changed":["value"],"id":"id-a","version":8}]}]}
compare/ ` + compared + `
fingerprint/ ` + compared
	if got != want {
		t.Errorf("records\n%s\nwant\n%s", got, want)
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

// A refused change has no object, so that the record of its outcome has the names that the change gave.
func TestOutcomeOfARefusedChangeNamesIt(t *testing.T) {
	s := &sink{}
	_, _ = audit.New(&service{}, s, audit.Options{}).Apply(who, backend.ChangeSet{Changes: []backend.Change{
		{Kind: backend.KindSecret, Project: "p", Environment: "dev", Name: "refused"},
	}})
	if len(s.records) != 2 {
		t.Fatalf("%d records, want 2", len(s.records))
	}
	for _, want := range []string{
		`"project":"p"`, `"environment":"dev"`, `"kind":"secret"`, `"name":"refused"`, `"code":"denied"`,
	} {
		if !strings.Contains(string(s.records[1].Detail), want) {
			t.Errorf("the outcome lacks %s: %s", want, s.records[1].Detail)
		}
	}
}

func TestOutcomeIsRecordedAfterTheCallerCancels(t *testing.T) {
	ctx, cancel := context.WithCancel(who)
	s := &sink{}
	if _, err := audit.New(&service{cancel: cancel}, s, audit.Options{}).
		Apply(ctx, backend.ChangeSet{Changes: []backend.Change{{Name: "a"}}}); err != nil {
		t.Fatal(err)
	}
	if len(s.records) != 2 || s.records[1].Phase != "outcome" {
		t.Errorf("%d records", len(s.records))
	}
}

func TestOutcomeThatCannotBeRecordedIsReturned(t *testing.T) {
	out, err := audit.New(&service{}, &sink{refuse: true, after: 1}, audit.Options{}).
		Apply(who, backend.ChangeSet{Changes: []backend.Change{{Name: "a"}}})
	if err != nil || len(out) != 1 {
		t.Errorf("got %v, %v; want the outcome, because the change was made and its intent is on record", out, err)
	}
}

func TestRecordsHoldNoValues(t *testing.T) {
	s := &sink{}
	log := audit.New(&service{}, s, audit.Options{})
	if _, err := log.Resolve(who, []backend.Ref{{Name: "a"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Apply(who,
		backend.ChangeSet{Changes: []backend.Change{{Name: "a", Value: backend.PlaintextString("CANARY")}}}); err != nil {
		t.Fatal(err)
	}
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
	s := &sink{}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	audit.Swept(s, func() time.Time { return at })(who, []backend.Object{
		{Kind: backend.KindEnvironment, ID: "e", Name: "dev", Project: "p"},
		{Kind: backend.KindSecret, ID: "s", Name: "a", Project: "p"},
		{Kind: backend.KindProject, ID: "q", Name: "q"},
	})
	const want = `{"groups":[{"project":"p","items":[{"kind":"environment","name":"dev","action":"delete","id":"e"},` +
		`{"kind":"secret","name":"a","action":"delete","id":"s"}]},` +
		`{"items":[{"kind":"project","name":"q","action":"delete","id":"q"}]}]}`
	if len(s.records) != 1 || s.records[0].Verb != "sweep" || s.records[0].Principal != "pouncet" ||
		!s.records[0].At.Equal(at) || string(s.records[0].Detail) != want {
		t.Errorf("records %+v, want one with the detail\n%s", s.records, want)
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
	if err := audit.Found(context.Background(), s, nil, found); err != nil {
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
	s := &sink{}
	log := audit.New(&service{}, s, audit.Options{})
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
	if len(s.records) != 3 {
		t.Fatalf("%d records, want 3", len(s.records))
	}
	for _, r := range s.records {
		if len(r.Detail) > 4096 || !strings.Contains(string(r.Detail), "ää…") {
			t.Errorf("%s %s: a record of %d bytes: %.300s", r.Verb, r.Phase, len(r.Detail), r.Detail)
		}
	}
}
