// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/push"
)

// auditServer are the flags of a server that keep its audit log elsewhere, and what they make.
type auditServer struct {
	to     string
	every  durationFlag
	target push.Target
	pusher *push.Pusher // nil if no checkpoints are sent
}

func (s *auditServer) add(c *cobra.Command) {
	s.every = durationFlag(time.Hour)
	c.Flags().StringVar(&s.to, "audit-checkpoint-to", "",
		"send checkpoints of the audit log to this `target`: a path, s3://BUCKET/KEY or the https:// address of a webhook")
	c.Flags().Var(&s.every, "audit-checkpoint-every", "time between two checkpoints; at least 1m")
}

// check parses the flags.
func (s *auditServer) check(c *cobra.Command) (err error) {
	switch {
	case s.to == "" && c.Flags().Changed("audit-checkpoint-every"):
		return usage(c, "--audit-checkpoint-every requires --audit-checkpoint-to")
	case time.Duration(s.every) < push.MinInterval:
		return usage(c, "--audit-checkpoint-every must be at least 1m")
	case s.to == "":
		return nil
	}
	if s.target, err = push.Parse(s.to); err != nil {
		return &usageError{backend.AsError(err)}
	}
	return nil
}

// start makes what the flags ask for. run runs a function until the server stops.
func (s *auditServer) start(ctx context.Context, parts *open.Parts, shown *observed, run func(func())) {
	if s.target == nil {
		return
	}
	s.pusher = push.NewPusher(parts, s.target, time.Duration(s.every))
	if shown.metrics != nil {
		shown.metrics.Counter(`pouncet_audit_checkpoints_total{outcome="pushed"}`, s.pusher.Pushed.Load)
		shown.metrics.Counter(`pouncet_audit_checkpoints_total{outcome="failed"}`, s.pusher.Failed.Load)
		shown.metrics.Gauge("pouncet_audit_checkpoint_timestamp_seconds", func() float64 {
			return float64(s.pusher.At.Load())
		})
	}
	run(func() { s.pusher.Keep(ctx) })
}

// withProblems adds the problems of the audit log elsewhere to those that a check finds. The server stays ready.
func (s *auditServer) withProblems(check httpapi.Check) httpapi.Check {
	return func(ctx context.Context) ([]error, error) {
		problems, err := check(ctx)
		if s.pusher != nil && s.pusher.Problem() != nil {
			problems = append(problems, s.pusher.Problem())
		}
		return problems, err
	}
}
