// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// recordFilter holds the flags that select records of the audit log.
type recordFilter struct {
	q            backend.Query
	since, until timeFlag
	all          bool
}

const recordFilterHelp = "Without a project, the list has the records of all projects that you may audit and, with " +
	"the right to audit everywhere, those of the deployment. A time is a duration before now, such as 2h or 7d, or a " +
	"time such as 2026-11-27T10:00:00Z. The right is \"audit\", which the roles auditor and admin have."

func (a *app) recordFlags(c *cobra.Command, f *recordFilter) {
	c.Flags().BoolVar(&f.all, "all", false, "all projects, whatever POUNCET_PROJECT or a profile says")
	c.Flags().StringVar(&f.q.By, "by", "", "only calls of this `principal`: its name or id")
	c.Flags().StringVar(&f.q.Environment, "env", "", "only calls about this `environment`, by the name that they used")
	c.Flags().StringVar(&f.q.ID, "id", "", "only calls about the object with this `id`")
	c.Flags().StringVar(&f.q.Name, "name", "", "only calls about an object of this `name`")
	c.Flags().StringVar(&f.q.Code, "outcome", "", "only this outcome: ok, or the `code` of an error, such as denied")
	c.Flags().StringVar(&f.q.Scope, "scope", "", "only calls about this `scope`")
	c.Flags().Var(&f.since, "since", "only records from this `time` on")
	c.Flags().Var(&f.until, "until", "only records before this `time`")
	c.Flags().StringVar(&f.q.Verb, "verb", "", "only this `verb`, such as reveal or apply")
}

// query returns the query of the flags.
func (f recordFilter) query(a *app, c *cobra.Command) (backend.Query, error) {
	q := f.q
	q.Kind, q.Since, q.Until = backend.KindRecord, f.since.at, f.until.at
	switch {
	case f.all && a.project != "":
		return q, exclusive(c, "--all and --project")
	case !f.all:
		q.Project, _ = a.setting(settingProject)
	}
	return q, nil
}

// timeFlag is a flag with a time, or with a duration before now.
type timeFlag struct {
	at   time.Time
	text string
}

func (t *timeFlag) Set(text string) error {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		d, err := backend.ParseDuration(text)
		if err != nil || d < 0 {
			return backend.Errorf(backend.CodeInvalid,
				"%s is neither a duration before now, such as 2h, nor a time, such as 2026-11-27T10:00:00Z", backend.Quote(text))
		}
		at = time.Now().Add(-d)
	}
	t.at, t.text = at.UTC(), text
	return nil
}

func (t *timeFlag) String() string { return t.text }

func (t *timeFlag) Type() string { return "time" }

func (a *app) auditListCommand() *cobra.Command {
	var f recordFilter
	limit := 100
	c := &cobra.Command{
		Use:   "list",
		Short: "List records of the audit log, newest first",
		Long: wrap("Lists records of the audit log: who did what, when, where, and with which outcome. " +
			recordFilterHelp),
		Example: "  pouncet audit list --project shop --env prod --since 7d\n" +
			"  pouncet audit list --verb reveal --name db_password --json=at,principal\n" +
			"  pouncet audit list --outcome denied --since 2h",
		Args: arguments(0, 0, "no arguments"),
	}
	a.recordFlags(c, &f)
	c.Flags().IntVar(&limit, "limit", limit, "list only the newest `number` of records; 0 lists all")
	c.RunE = func(c *cobra.Command, args []string) error {
		q, err := f.query(a, c)
		switch {
		case err != nil:
			return err
		case limit < 0:
			return usage(c, "--limit must not be negative")
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			found, err := a.newestRecords(ctx, s, q, limit)
			if err != nil {
				return err
			}
			a.printRecords(found)
			if limit > 0 && len(found) == limit && !a.json {
				a.notef("pouncet: the list ends after %s; for more, use --limit", backend.Plural(limit, "record"))
			}
			return nil
		})(c, args)
	}
	return c
}

// newestRecords lists at most limit records, newest first. 0 means all.
func (a *app) newestRecords(
	ctx context.Context, s backend.Service, q backend.Query, limit int,
) ([]backend.Object, error) {
	defer a.working("reading the records")()
	found := []backend.Object{}
	q.Limit = backend.MaxPage
	if limit > 0 {
		q.Limit = min(limit, backend.MaxPage)
	}
	for o, err := range backend.List(ctx, s, q) {
		if err != nil {
			return nil, err
		}
		if found = append(found, o); len(found) == limit {
			break
		}
	}
	return found, nil
}

// recordJSON is a record in the JSON of a list.
type recordJSON struct {
	ID        string          `json:"id"`
	Records   string          `json:"records"`
	Log       string          `json:"log"`
	Number    int64           `json:"number"`
	At        time.Time       `json:"at"`
	Principal string          `json:"principal"`
	Role      string          `json:"role"`
	Verb      string          `json:"verb"`
	Phase     string          `json:"phase,omitempty"`
	Code      string          `json:"code"`
	Outcome   string          `json:"outcome"`
	Project   string          `json:"project,omitempty"`
	Detail    json.RawMessage `json:"detail"`
}

func recordToJSON(o backend.Object) recordJSON {
	l := o.Record.Parse()
	out := recordJSON{ID: o.ID, Records: l.Records, Log: l.Log, Number: l.Number, At: l.At, Principal: l.Principal,
		Role: l.Role, Verb: l.Verb, Phase: l.Phase, Code: l.Code, Outcome: l.Outcome(), Project: o.Project,
		Detail: detailOf(o)}
	return out
}

// detailOf returns the detail of a record as it is, or null if somebody has changed it so that it cannot be parsed.
func detailOf(o backend.Object) json.RawMessage {
	var line struct {
		Detail json.RawMessage `json:"detail"`
	}
	if o.Record == nil || json.Unmarshal([]byte(o.Record.Line), &line) != nil || len(line.Detail) == 0 {
		return json.RawMessage("null")
	}
	return line.Detail
}

// recordTitles are the columns of a table of records.
var recordTitles = []string{"TIME", "WHO", "WHAT", "OUTCOME", "PROJECT", "ENVIRONMENT", "OBJECTS", "FROM", "RECORD"}

func recordRow(o backend.Object) []string {
	l := o.Record.Parse()
	objects := l.Objects()
	if l.Detail.Count > 0 {
		objects = backend.Plural(l.Detail.Count, "refusal")
	}
	return []string{recordTime(o.CreatedAt), o.CreatedBy, o.Name, l.Outcome(), o.Project, l.Environments(), objects,
		l.Detail.Address, l.Records + " " + strconv.FormatInt(l.Number, 10)}
}

// recordTime shows a time with seconds.
func recordTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

func (a *app) printRecords(records []backend.Object) {
	if a.json {
		out := make([]recordJSON, len(records))
		for i, o := range records {
			out[i] = recordToJSON(o)
		}
		a.printJSON(map[string]any{"records": out})
		return
	}
	t := table{titles: recordTitles}
	for _, o := range records {
		t.add(recordRow(o)...)
	}
	a.printTable(t)
}
