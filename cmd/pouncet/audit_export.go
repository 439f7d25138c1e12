// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func (a *app) auditExportCommand() *cobra.Command {
	var f recordFilter
	format := "jsonl"
	c := &cobra.Command{
		Use:   "export",
		Short: "Print records of the audit log as JSON lines or CSV, oldest first",
		Long: wrap("Prints records of the audit log, oldest first, one in a line, as they are read. A line of JSON is what "+
			"the hash of the record covers: the SHA-256 of a zero byte and the line without its line break. In CSV, a text "+
			"that a spreadsheet would take for a formula begins with an apostrophe. Characters that control a terminal are "+
			"escaped in both.") + "\n\n" + wrap(recordFilterHelp),
		Example: "  pouncet audit export --project shop > audit.jsonl\n" +
			"  pouncet audit export --format csv --since 2026-11-01T00:00:00Z > audit.csv",
		Args: arguments(0, 0, "no arguments"),
	}
	a.recordFlags(c, &f)
	c.Flags().StringVar(&format, "format", format, "`jsonl` or csv")
	c.RunE = func(c *cobra.Command, args []string) error {
		q, err := f.query(a, c)
		switch {
		case err != nil:
			return err
		case format != "jsonl" && format != "csv":
			return usage(c, "--format takes jsonl or csv")
		case a.json && format == "csv":
			return exclusive(c, "--json and --format csv")
		}
		q.OldestFirst = true
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			if format == "csv" {
				a.println(csvLine(csvTitles))
			}
			for o, err := range backend.List(ctx, s, q) {
				switch {
				case err != nil:
					return err
				case a.out.err != nil:
					return a.out.failure()
				case format == "csv":
					a.println(csvLine(csvFields(o)))
				default:
					a.printRecordLine(o)
				}
			}
			return nil
		})(c, args)
	}
	return c
}

// printRecordLine prints the line of a record. If somebody has changed the record so that it is not JSON any more, the
// line is a text in another line of JSON.
func (a *app) printRecordLine(o backend.Object) {
	line := ""
	if o.Record != nil {
		line = o.Record.Line
	}
	if !json.Valid([]byte(line)) || strings.ContainsAny(line, "\r\n") {
		text, err := json.Marshal(map[string]string{"id": o.ID, "changed_line": line})
		if err != nil {
			panic(err) // two texts
		}
		line = string(text)
	}
	a.printJSONLine(line)
}

// csvTitles are the columns of an export as CSV.
var csvTitles = []string{"at", "principal", "principal_id", "role", "verb", "outcome", "project", "environments",
	"objects", "address", "request_id", "records", "log", "number", "phase", "code", "detail"}

func csvFields(o backend.Object) []string {
	l := o.Record.Parse()
	return []string{o.CreatedAt.UTC().Format(time.RFC3339Nano), l.Principal, l.Detail.PrincipalID, l.Role, l.Verb,
		l.Outcome(), o.Project, l.Environments(), l.Objects(), l.Detail.Address, l.Detail.RequestID, l.Records, l.Log,
		strconv.FormatInt(l.Number, 10), l.Phase, l.Code, string(detailOf(o))}
}

// csvFormula are the characters with which a spreadsheet begins a formula.
const csvFormula = "=+-@\t\r\n＝＋－＠"

// csvLine returns a line of CSV without its line break.
func csvLine(fields []string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	columns := slices.Clone(fields)
	for i, text := range columns {
		for _, first := range text {
			if strings.ContainsRune(csvFormula, first) {
				text = "'" + text
			}
			break
		}
		columns[i] = backend.PrintableLine(text)
	}
	_ = w.Write(columns) // a strings.Builder returns no error
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// tailPause is the time between two queries for new records.
const tailPause = time.Second

func (a *app) auditTailCommand() *cobra.Command {
	var f recordFilter
	limit, follow := 10, false
	c := &cobra.Command{
		Use:   "tail",
		Short: "Print the newest records of the audit log, and new ones as they come",
		Long: wrap("Prints the newest records of the audit log, oldest first, one in a line. With --follow, it goes on with "+
			"each new record until Ctrl-C. With --json, the lines are those of \"pouncet audit export\".") + "\n\n" +
			wrap(recordFilterHelp),
		Example: "  pouncet audit tail --project shop\n  pouncet audit tail --follow --outcome denied --json",
		Args:    arguments(0, 0, "no arguments"),
	}
	a.recordFlags(c, &f)
	c.Flags().BoolVar(&follow, "follow", false, "go on with new records")
	c.Flags().IntVar(&limit, "limit", limit, "begin with the newest `number` of records; 0 begins with new ones")
	c.RunE = func(c *cobra.Command, args []string) error {
		q, err := f.query(a, c)
		switch {
		case err != nil:
			return err
		case limit < 0:
			return usage(c, "--limit must not be negative")
		case follow && !q.Until.IsZero():
			return exclusive(c, "--follow and --until")
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			return a.tail(ctx, s, q, limit, follow)
		})(c, args)
	}
	return c
}

func (a *app) tail(ctx context.Context, s backend.Service, q backend.Query, limit int, follow bool) error {
	from, shown := time.Now().UTC(), map[string]bool{}
	if limit > 0 {
		newest, err := a.newestRecords(ctx, s, q, limit)
		if err != nil {
			return err
		}
		for _, o := range slices.Backward(newest) {
			a.printTail(o)
			shown[o.ID] = true
			if o.CreatedAt.Before(from) {
				from = o.CreatedAt
			}
		}
	}
	if !follow {
		return nil
	}
	q.Since, q.Follow = from, true
	return a.follow(ctx, s, q, shown)
}

// follow prints new records until ctx ends. It goes on after a failure of the backend, such as a restart of its server.
func (a *app) follow(ctx context.Context, s backend.Service, q backend.Query, shown map[string]bool) error {
	failed := false
	for a.out.err == nil {
		page, err := s.Query(ctx, q)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, backend.ErrUnavailable):
			if !failed {
				a.notef("pouncet: %s; trying again", backend.AsError(err).Message)
			}
			failed = true
		case err != nil:
			return err
		default:
			q.Cursor, failed = page.Next, false
		}
		for _, o := range page.Objects {
			if !shown[o.ID] {
				a.printTail(o)
			}
			delete(shown, o.ID) // each record comes once
		}
		if len(page.Objects) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tailPause):
		}
	}
	return a.out.failure()
}

// printTail prints a record in one line.
func (a *app) printTail(o backend.Object) {
	if a.json {
		a.printRecordLine(o)
		return
	}
	var columns []string
	for _, text := range recordRow(o) {
		if text == "" {
			text = "-"
		}
		columns = append(columns, text)
	}
	a.println(strings.Join(columns, "  "))
}
