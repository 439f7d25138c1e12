// SPDX-License-Identifier: MPL-2.0

// Package audit is the page with the records of the audit log.
package audit

import (
	"embed"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed audit.html
var files embed.FS

// Templates has the template "records", for pages that show a few.
//
//go:embed records.html
var Templates embed.FS

var page = site.NewTemplate(files, "audit.html").With(Templates, "records.html")

// Register adds the page.
func Register(s *site.Site) {
	s.Section("audit")
	s.Handle("GET "+site.Root+"audit", show)
}

const (
	// pageSize is how many records a page has.
	pageSize = 50
	// mostPages is how many pages of the log are read for one page with matches. Each is bounded by the engine.
	mostPages = 5
)

// verbs are what the filter offers. The log has rarer ones, which the address can name.
var verbs = []string{"resolve", "reveal", "apply", "compare", "stage", "sign-in", "login", "refused", "query", "probe",
	"fingerprint", "sweep", "verify", "expire"}

// periods are the times before now that the filter offers.
var periods = []struct {
	Name string
	For  time.Duration
}{{"1h", time.Hour}, {"24h", 24 * time.Hour}, {"7d", 7 * 24 * time.Hour}, {"30d", 30 * 24 * time.Hour}}

// filter is what the list is restricted to, as the address of the page says it.
type filter struct {
	Project, Environment, Name, ID, By, Verb, Outcome, Since, From, To, After string
}

func filterOf(v url.Values) filter {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	return filter{Project: get("project"), Environment: get("env"), Name: get("name"), ID: get("id"), By: get("by"),
		Verb: get("verb"), Outcome: get("outcome"), Since: get("since"), From: get("from"), To: get("to"),
		After: get("after")}
}

// Restricts reports whether the list can lack records.
func (f filter) Restricts() bool {
	f.After = ""
	return f != filter{}
}

// Older returns the address of the next page.
func (f filter) Older(next string) string {
	v := url.Values{}
	for name, text := range map[string]string{"project": f.Project, "env": f.Environment, "name": f.Name, "id": f.ID,
		"by": f.By, "verb": f.Verb, "outcome": f.Outcome, "since": f.Since, "from": f.From, "to": f.To, "after": next} {
		if text != "" {
			v.Set(name, text)
		}
	}
	return "?" + v.Encode()
}

func (f filter) query(now time.Time) (backend.Query, error) {
	q := backend.Query{Kind: backend.KindRecord, Project: f.Project, Environment: f.Environment, Name: f.Name, ID: f.ID,
		By: f.By, Verb: f.Verb, Code: f.Outcome, Cursor: f.After, Limit: pageSize}
	for _, p := range periods {
		if p.Name == f.Since {
			q.Since = now.Add(-p.For)
		}
	}
	var err error
	if f.From != "" {
		if q.Since, err = day(f.From); err != nil {
			return q, err
		}
	}
	if f.To != "" {
		q.Until, err = day(f.To)
		q.Until = q.Until.AddDate(0, 0, 1) // the whole day
	}
	return q, err
}

func day(text string) (time.Time, error) {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return at, backend.Errorf(backend.CodeInvalid, "the date is not valid").WithHint("write it as 2027-01-31")
	}
	return at, nil
}

// list is what the page shows.
type list struct {
	filter
	Records  []Line
	Next     string // the cursor of the next page
	Projects []backend.Object
	Verbs    []string
	Outcomes []string
	Periods  []string
	Error    *backend.Error
}

// Line is a record with the object that lists it.
type Line struct {
	backend.RecordLine
	Project string
}

// LinesOf returns what pages show of records.
func LinesOf(q *site.Request, objects []backend.Object) ([]Line, error) {
	out := make([]Line, len(objects))
	for i, o := range objects {
		out[i] = Line{o.Record.Parse(), o.Project}
	}
	return out, addNames(q, out)
}

func show(q *site.Request) error {
	l := list{filter: filterOf(q.R.URL.Query()), Verbs: verbs,
		Outcomes: []string{backend.CodeOK, string(backend.CodeDenied), string(backend.CodeUnauthenticated),
			string(backend.CodeNotFound), string(backend.CodeConflict), string(backend.CodeInvalid)}}
	for _, p := range periods {
		l.Periods = append(l.Periods, p.Name)
	}
	if l.Verb != "" && !slices.Contains(l.Verbs, l.Verb) {
		l.Verbs = append(slices.Clone(l.Verbs), l.Verb)
	}
	var err error
	if l.Projects, err = q.List(backend.Query{Kind: backend.KindProject}); err != nil {
		return err
	}
	status := 200
	if err := l.load(q); err != nil {
		if !site.IsUsers(err) || errors.Is(err, backend.ErrDenied) {
			return err
		}
		l.Error, status = backend.AsError(err), 422
	}
	return q.RenderStatus(status, page, site.Page{Title: site.Text("audit.title"), Section: "audit", Data: l})
}

// load reads the records of the page. A page of the log can have no match although others follow.
func (l *list) load(q *site.Request) error {
	query, err := l.query(q.Now())
	for n := 0; err == nil && n < mostPages && len(l.Records) < pageSize; n++ {
		var got backend.Page
		query.Limit = pageSize - len(l.Records)
		if got, err = q.Query(query); err != nil {
			break
		}
		var lines []Line
		if lines, err = LinesOf(q, got.Objects); err != nil {
			break
		}
		l.Records = append(l.Records, lines...)
		l.Next, query.Cursor = got.Next, got.Next
		if got.Next == "" {
			break
		}
	}
	return err
}
