// SPDX-License-Identifier: MPL-2.0

package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

const (
	// maxExamined is how many records one page compares with its query, and pageTime for how long it does that. A page can
	// have fewer records than its limit, or none, and yet not be the last one.
	maxExamined = 5000
	pageTime    = 2 * time.Second
	// maxLogs is how many logs of a kind one query merges.
	maxLogs = 1000
	// clockSlack is how much the times of a log can disagree with its order: the clocks of servers differ, and a record
	// gets its time before it waits for its transaction.
	clockSlack = 10 * time.Minute
	// firstAtOnce, recordsAtOnce and bytesAtOnce limit what is read of one log at once. A record can have megabytes.
	firstAtOnce   = 10
	recordsAtOnce = 200
	bytesAtOnce   = 4 << 20
)

// Reader lists the records of an audit log: it merges several logs by the time of the records. Each log is read in the
// order of its numbers, through the index that it has for them, and a page reads a bounded number of records.
type Reader struct {
	kinds []store.LogKind
	logs  map[store.LogKind]store.RecordLog
	now   func() time.Time
}

var _ engine.Records = (*Reader)(nil)

// NewReader returns a Reader. A nil now means time.Now.
func NewReader(changes, reads store.RecordLog, now func() time.Time) *Reader {
	if now == nil {
		now = time.Now
	}
	return &Reader{[]store.LogKind{store.ChangeLog, store.ReadLog},
		map[store.LogKind]store.RecordLog{store.ChangeLog: changes, store.ReadLog: reads}, now}
}

// ListRecords implements engine.Records.
func (r *Reader) ListRecords(ctx context.Context, q backend.Query, from engine.AuditedLogs) (backend.Page, error) {
	return r.list(ctx, q, from, maxLogs)
}

// FollowAll lists the records of all logs, however many there are, for a program that follows them.
func (r *Reader) FollowAll(ctx context.Context, q backend.Query) (backend.Page, error) {
	return r.list(ctx, q, engine.AuditedLogs{All: true}, math.MaxInt)
}

func (r *Reader) list(
	ctx context.Context, q backend.Query, from engine.AuditedLogs, maxLogs int,
) (backend.Page, error) {
	m := merger{reader: r, q: q, from: from, forward: q.OldestFirst || q.Follow, limit: cmp.Or(q.Limit, backend.MaxPage),
		maxLogs: maxLogs, page: backend.Page{Objects: []backend.Object{}}}
	var err error
	if m.after, err = decodePositions(q.Cursor); err != nil {
		return backend.Page{}, err
	}
	for _, kind := range r.kinds {
		if err := r.logs[kind].ViewRecords(ctx, func(tx store.RecordTx) error { return m.open(ctx, kind, tx) }); err != nil {
			return backend.Page{}, err
		}
	}
	if err := m.merge(ctx); err != nil {
		return backend.Page{}, err
	}
	m.page.Next = m.next()
	return m.page, nil
}

// merger makes a page.
type merger struct {
	reader  *Reader
	q       backend.Query
	from    engine.AuditedLogs
	forward bool // oldest first
	limit   int
	maxLogs int                    // of a kind
	after   map[merkle.LogID]int64 // where each log goes on; nil for the first page
	logs    []*reading
	page    backend.Page
}

// reading is how far a log was read.
type reading struct {
	id    merkle.LogID
	at    int64            // the position behind what was read
	read  []store.Numbered // and not taken
	size  int              // of the next step
	ended bool             // no record follows
}

// open begins to read the logs of a kind.
func (m *merger) open(ctx context.Context, kind store.LogKind, tx store.RecordTx) error {
	logs, err := tx.Logs(ctx)
	if err != nil {
		return err
	}
	var opened []*reading
	for _, l := range logs {
		if at, ok := m.start(merkle.LogID{Records: kind, Log: l.Log}, l); ok && m.from.Has(l.Log) {
			opened = append(opened, &reading{id: merkle.LogID{Records: kind, Log: l.Log}, at: at})
		}
	}
	switch {
	case len(opened) == 0:
		return nil
	case len(opened) > m.maxLogs:
		return backend.Errorf(backend.CodeTooLarge, "the audit log has the logs of %d projects; the limit of a query is %d",
			len(opened), m.maxLogs).WithHint("name a project").At("project")
	}
	if m.after == nil {
		if err := m.seek(ctx, tx, opened, logs); err != nil {
			return err
		}
	}
	m.logs = append(m.logs, opened...)
	size := min(max(2*m.limit/len(opened), 1), firstAtOnce)
	return m.step(ctx, tx, size, opened...)
}

// start returns where a log begins or goes on, and whether it does. A log without a position has ended or is new.
func (m *merger) start(id merkle.LogID, l store.Log) (int64, bool) {
	at, known := m.after[id]
	switch {
	case known:
		return at, true
	case m.after != nil && !m.q.Follow:
		return 0, false
	case m.forward:
		return 1, true
	}
	return l.Next, true
}

// seek moves to the time at which the list begins, without reading the records before it. All logs take each step of
// the search together, because a step can be a round trip to the database.
func (m *merger) seek(ctx context.Context, tx store.RecordTx, opened []*reading, logs []store.Log) error {
	limit := m.q.Until.Add(clockSlack) // records from then on are not selected, nor are those behind them
	if m.forward {
		limit = m.q.Since.Add(-clockSlack) // nor are records before then, and those before them
	}
	if m.forward && m.q.Since.IsZero() || !m.forward && m.q.Until.IsZero() {
		return nil
	}
	low, high := map[string]int64{}, map[string]int64{}
	for _, l := range logs {
		low[l.Log], high[l.Log] = 1, l.Next
	}
	for {
		var middles []store.Position
		isOld := map[string]bool{}
		for _, l := range opened {
			if low, high := low[l.id.Log], high[l.id.Log]; high-low > firstAtOnce {
				middles, isOld[l.id.Log] = append(middles, store.Position{Log: l.id.Log, Number: low + (high-low)/2}), true
			}
		}
		if len(middles) == 0 {
			break
		}
		below, err := tx.RecordsOfEach(ctx, middles, false, 1)
		if err != nil {
			return err
		}
		for _, r := range below {
			isOld[r.Log] = r.At.Before(limit)
		}
		for _, p := range middles {
			if isOld[p.Log] {
				low[p.Log] = p.Number
			} else {
				high[p.Log] = p.Number
			}
		}
	}
	for _, l := range opened {
		l.at = high[l.id.Log]
		if m.forward {
			l.at = low[l.id.Log]
		}
	}
	return nil
}

// step reads the next records of some logs.
func (m *merger) step(ctx context.Context, tx store.RecordTx, size int, logs ...*reading) error {
	positions := make([]store.Position, len(logs))
	byLog := map[string]*reading{}
	for i, l := range logs {
		positions[i], byLog[l.id.Log] = store.Position{Log: l.id.Log, Number: l.at}, l
	}
	found, err := tx.RecordsOfEach(ctx, positions, m.forward, size)
	if err != nil {
		return err
	}
	for _, r := range found {
		l := byLog[r.Log]
		l.read = append(l.read, r)
	}
	for _, l := range logs {
		m.stepped(l, size)
	}
	return nil
}

// stepped notes how far a log was read.
func (m *merger) stepped(l *reading, asked int) {
	l.ended = len(l.read) < asked
	bytes := 0
	for i, r := range l.read {
		if m.isBeyond(r) {
			l.read, l.ended = l.read[:i], true
			break
		}
		bytes += len(r.Detail)
		l.at = r.Number
		if m.forward {
			l.at++
		}
	}
	l.size = min(2*asked, recordsAtOnce, max(1, bytesAtOnce*len(l.read)/max(bytes, 1)))
}

// isBeyond reports whether neither a record nor any behind it is selected, because of its time.
func (m *merger) isBeyond(r store.Numbered) bool {
	if m.forward {
		return !m.q.Until.IsZero() && !r.At.Before(m.q.Until.Add(clockSlack))
	}
	return !m.q.Since.IsZero() && r.At.Before(m.q.Since.Add(-clockSlack))
}

// merge takes records until the page is full, all logs have ended, or the page has cost enough.
func (m *merger) merge(ctx context.Context) error {
	end, bytes := m.reader.now().Add(pageTime), 0
	for n := 0; n < maxExamined && len(m.page.Objects) < m.limit && bytes < backend.MaxPageBytes; n++ {
		l, err := m.first(ctx)
		if err != nil || l == nil {
			return err
		}
		r := l.read[0]
		if l.read = l.read[1:]; m.selects(r) {
			o := m.object(l.id.Records, r)
			bytes += len(o.Record.Line)
			m.page.Objects = append(m.page.Objects, o)
		}
		if n%recordsAtOnce == recordsAtOnce-1 && !m.reader.now().Before(end) {
			return nil
		}
	}
	return nil
}

// first returns the log whose next record comes first, or nil if all have ended.
func (m *merger) first(ctx context.Context) (first *reading, err error) {
	for _, l := range m.logs {
		if len(l.read) == 0 && !l.ended {
			err := m.reader.logs[l.id.Records].ViewRecords(ctx, func(tx store.RecordTx) error {
				return m.step(ctx, tx, l.size, l)
			})
			if err != nil {
				return nil, err
			}
		}
		if len(l.read) > 0 && (first == nil || m.comesFirst(l.read[0], first.read[0])) {
			first = l
		}
	}
	return first, nil
}

func (m *merger) comesFirst(a, b store.Numbered) bool {
	if m.forward {
		return a.At.Before(b.At)
	}
	return a.At.After(b.At)
}

// next returns the cursor of the next page.
func (m *merger) next() string {
	positions := map[merkle.LogID]int64{}
	for _, l := range m.logs {
		switch {
		case len(l.read) > 0 && m.forward:
			positions[l.id] = l.read[0].Number
		case len(l.read) > 0:
			positions[l.id] = l.read[0].Number + 1
		case !l.ended || m.q.Follow:
			positions[l.id] = l.at
		}
	}
	if len(positions) == 0 && !m.q.Follow {
		return ""
	}
	return encodePositions(positions)
}

// object returns a record as an object.
func (m *merger) object(kind store.LogKind, r store.Numbered) backend.Object {
	project := r.Log
	if name, ok := m.from.Projects[r.Log]; ok {
		project = name
	}
	return backend.Object{Kind: backend.KindRecord, Name: r.Verb, Project: project, CreatedAt: r.At,
		ID:        fmt.Sprintf("%s/%s/%d", kind, cmp.Or(r.Log, "deployment"), r.Number),
		CreatedBy: r.Principal, Role: r.Role,
		Record: &backend.Record{Line: string(merkle.Leaf(kind, r)), Hash: r.Hash}}
}

// selects reports whether the query selects a record.
func (m *merger) selects(r store.Numbered) bool {
	q := m.q
	switch {
	case q.Verb != "" && q.Verb != r.Verb, !q.Since.IsZero() && r.At.Before(q.Since),
		!q.Until.IsZero() && !r.At.Before(q.Until):
		return false
	case q.By == "" && q.Code == "" && q.Name == "" && q.ID == "" && q.Environment == "" && q.Scope == "":
		return true
	}
	var d detail
	_ = json.Unmarshal(r.Detail, &d) // a detail that somebody has changed selects nothing
	if q.By != "" && q.By != r.Principal && q.By != d.PrincipalID || q.Code != "" && !d.hasOutcome(r.Code, q.Code) {
		return false
	}
	return q.Name == "" && q.ID == "" && q.Environment == "" && q.Scope == "" || slices.ContainsFunc(d.Groups,
		func(g group) bool { return g.isAbout(q) })
}

// isAbout reports whether a group has the object or the place that a query names.
func (g group) isAbout(q backend.Query) bool {
	return (q.Scope == "" || q.Scope == g.Scope) && slices.ContainsFunc(g.Items, func(i item) bool {
		inEnvironment := q.Environment == "" || q.Environment == g.Environment ||
			i.Kind == backend.KindEnvironment && (q.Environment == i.Name || q.Environment == i.ID)
		return inEnvironment && (q.Name == "" || q.Name == i.Name || q.Name == i.Was) && (q.ID == "" || q.ID == i.ID)
	})
}

// hasOutcome reports whether a call, or one of its items, ended with a code. "ok" means the call and all of its items.
func (d detail) hasOutcome(ofCall, code string) bool {
	if ofCall == code && code != backend.CodeOK || d.Omitted[backend.Code(code)] > 0 {
		return true
	}
	failed := len(d.Omitted) > 0
	for _, g := range d.Groups {
		for _, i := range g.Items {
			if i.Code != "" && string(i.Code) == code {
				return true
			}
			failed = failed || i.Code != ""
		}
	}
	return code == backend.CodeOK && ofCall == backend.CodeOK && !failed
}
