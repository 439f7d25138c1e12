// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/push"
	"github.com/pouncet/terraform-provider-pouncet/backend/sink"
)

// auditServer are the flags of a server that keep its audit log elsewhere, and what they make.
type auditServer struct {
	to     string
	last   string
	every  durationFlag
	target push.Target
	pusher *push.Pusher // nil if no checkpoints are sent

	sinkTexts []string
	sinks     []sink.Sink
	copiers   []*sink.Copier
}

func (s *auditServer) add(c *cobra.Command) {
	s.every = durationFlag(time.Hour)
	c.Flags().StringVar(&s.to, "audit-checkpoint-to", "",
		"send checkpoints of the audit log to this `target`: a path, s3://BUCKET/KEY or the https:// address of a webhook")
	c.Flags().StringArrayVar(&s.sinkTexts, "audit-sink", nil,
		"copy new records of the audit log to this `sink`: file:PATH, stdout or syslog:tcp://HOST:PORT; repeat for more")
	c.Flags().StringVar(&s.last, "audit-checkpoint-copy", "",
		"`file` with a copy of the last checkpoint that was sent, for a target that does not return it")
	c.Flags().Var(&s.every, "audit-checkpoint-every", "time between two checkpoints; at least 1m")
}

// check parses the flags.
func (s *auditServer) check(a *app, c *cobra.Command) (err error) {
	for _, text := range s.sinkTexts {
		to, err := sink.Parse(text, a.out)
		if err != nil {
			return &usageError{backend.AsError(err)}
		}
		s.sinks = append(s.sinks, to)
	}
	switch {
	case s.to == "" && c.Flags().Changed("audit-checkpoint-every"):
		return usage(c, "--audit-checkpoint-every requires --audit-checkpoint-to")
	case s.to == "" && s.last != "":
		return usage(c, "--audit-checkpoint-copy requires --audit-checkpoint-to")
	case strings.HasSuffix(s.last, "/") || strings.HasSuffix(s.last, string(filepath.Separator)):
		return usage(c, "--audit-checkpoint-copy %s is a folder", backend.Quote(s.last)).withHint("name a file")
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

// lastCheckpoint is how long a stopping server tries to send a last checkpoint. It is shorter than closeTime.
const lastCheckpoint = 1500 * time.Millisecond

// start makes what the flags ask for. run runs a function until the server stops.
func (s *auditServer) start(
	ctx context.Context, parts *open.Parts, shown *observed, log *slog.Logger,
	run func(func()),
) {
	s.copy(ctx, parts, shown, run)
	if s.target == nil {
		return
	}
	s.pusher = push.NewPusher(parts, s.target, time.Duration(s.every))
	s.pusher.Copy = s.last
	s.pusher.Warn = func(text string) { log.Warn(text, "hint", "keep a copy: --audit-checkpoint-copy FILE") }
	if shown.metrics != nil {
		shown.metrics.Counter(`pouncet_audit_checkpoints_total{outcome="pushed"}`, s.pusher.Pushed.Load)
		shown.metrics.Counter(`pouncet_audit_checkpoints_total{outcome="failed"}`, s.pusher.Failed.Load)
		shown.metrics.Gauge("pouncet_audit_checkpoint_timestamp_seconds", func() float64 {
			return float64(s.pusher.At.Load())
		})
	}
	run(func() {
		s.pusher.Keep(ctx)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCheckpoint)
		defer cancel()
		_, _ = s.pusher.Push(last) // with the records since the last one; nobody is left who could do something about it
	})
}

// copy copies new records to the sinks. SIGHUP opens them again, as after a rotation of a file.
func (s *auditServer) copy(ctx context.Context, parts *open.Parts, shown *observed, run func(func())) {
	for i, to := range s.sinks {
		c := sink.NewCopier(parts.FollowRecords, to)
		s.copiers = append(s.copiers, c)
		run(func() { c.Keep(ctx) })
		if shown.metrics == nil {
			continue
		}
		label := `{sink="` + strconv.Itoa(i+1) + `"` // a path or an address may be nobody else's business
		shown.metrics.Counter("pouncet_audit_sink_records_total"+label+`,outcome="written"}`, c.Written.Load)
		shown.metrics.Counter("pouncet_audit_sink_records_total"+label+`,outcome="failed"}`, c.Failed.Load)
		shown.metrics.Gauge("pouncet_audit_sink_behind_seconds"+label+"}", func() float64 {
			return float64(c.Behind.Load()) / 1000
		})
	}
	if len(s.copiers) == 0 {
		return
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	run(func() {
		defer signal.Stop(hangups)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				for _, c := range s.copiers {
					c.Reopen()
				}
			}
		}
	})
}

// withProblems adds the problems of the audit log elsewhere to those that a check finds. The server stays ready.
func (s *auditServer) withProblems(check httpapi.Check) httpapi.Check {
	return func(ctx context.Context) ([]error, error) {
		problems, err := check(ctx)
		if s.pusher != nil && s.pusher.Problem() != nil {
			problems = append(problems, s.pusher.Problem())
		}
		for _, c := range s.copiers {
			if c.Problem() != nil {
				problems = append(problems, c.Problem())
			}
		}
		return problems, err
	}
}
