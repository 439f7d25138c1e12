// SPDX-License-Identifier: MPL-2.0

package main

import (
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

// String is empty for the zero value, so that the help shows no default.
func (d *durationFlag) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

func (d *durationFlag) Type() string { return "duration" }
