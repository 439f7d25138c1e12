// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// durationFlag is a flag with a duration. The library's own knows no days.
type durationFlag time.Duration

func (d *durationFlag) Set(text string) error {
	parsed, err := backend.ParseDuration(text)
	*d = durationFlag(parsed)
	return err
}

// String is empty for the zero value, so that the help shows no default. Whole days are written as days.
func (d *durationFlag) String() string {
	const day = durationFlag(24 * time.Hour)
	switch {
	case *d == 0:
		return ""
	case *d%day == 0:
		return fmt.Sprintf("%dd", *d/day)
	}
	return time.Duration(*d).String()
}

func (d *durationFlag) Type() string { return "duration" }

// daysFlag is a flag with a number of days: 90, 90d, or a duration of whole days such as 2160h.
type daysFlag struct {
	days int
	set  bool
}

func (d *daysFlag) Set(text string) error {
	days, err := strconv.Atoi(text)
	if err != nil {
		var parsed time.Duration
		parsed, err = backend.ParseDuration(text)
		if err == nil && parsed%(24*time.Hour) != 0 {
			err = backend.Errorf(backend.CodeInvalid, "%s is not a whole number of days", backend.Quote(text))
		}
		days = int(parsed / (24 * time.Hour))
	}
	d.days, d.set = days, err == nil
	return err
}

// String is empty for a flag that was not given, so that the help shows no default.
func (d *daysFlag) String() string {
	if !d.set {
		return ""
	}
	return strconv.Itoa(d.days)
}

func (d *daysFlag) Type() string { return "days" }

// expiryFlag is a flag with the time when something expires. The zero time means never.
type expiryFlag struct {
	at   time.Time
	text string
}

func (e *expiryFlag) Set(text string) error {
	at, ok := parseExpiry(text, time.Now())
	if !ok {
		return backend.Errorf(backend.CodeInvalid, "%s is not a valid time", backend.Quote(text))
	}
	e.at, e.text = at, text
	return nil
}

func (e *expiryFlag) String() string { return e.text }

func (e *expiryFlag) Type() string { return "expiry" }

// parseExpiry parses the time when something expires: a date, a time, a duration from now on, or "never".
func parseExpiry(s string, now time.Time) (time.Time, bool) {
	if s == "never" {
		return time.Time{}, true
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC(), true
		}
	}
	d, err := backend.ParseDuration(s)
	return now.UTC().Add(d).Truncate(time.Second), err == nil && d != 0 // 0 could mean "now" or "never"
}
