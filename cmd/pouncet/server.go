// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

func (a *app) initCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "init",
		Short: "Create an embedded backend",
		Long: `Creates an embedded backend, with the project "default", in the folder
POUNCET_HOME or in .pouncet in the working folder. If the folder already holds a
backend, nothing changes.

By default, the KMS key is a file in the same folder. Anyone who can read the
folder can then read the values. Use --kms-key to keep the key elsewhere. A key
file that does not exist is created, for this user only.`,
		Example: `  pouncet init
  pouncet init --kms-key aws-kms:///alias/pouncet`,
		Args: arguments(0, 0, "no arguments"),
	}
	c.Flags().StringVar(&a.kmsKey, "kms-key", "",
		"`URI` of the KMS key: aws-kms:///alias/NAME or file:///PATH (POUNCET_KMS_KEY; default a file in the folder)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		config, err := a.embeddedConfig(c.Context(), "init creates an embedded backend")
		if err != nil {
			return err
		}
		made, err := open.Init(c.Context(), config)
		if err != nil {
			return err
		}
		switch {
		case a.json:
			a.printJSON(made)
		case made.Existing:
			a.println("A backend already exists in " + made.Path + "; nothing was changed.")
		default:
			a.println("Created a backend in " + made.Path + ", with the project " + backend.Quote(backend.DefaultProject) + ".")
			a.println("KMS key: " + made.KMSKey)
			a.println("First admin token, for pouncet server, valid for a day: in " + made.TokenFile)
		}
		return nil
	}
	return c
}

func (a *app) serverCommand() *cobra.Command {
	var listen listenFlags
	var observe observeFlags
	var kept auditServer
	var clients clientSecrets
	var quiet bool
	var allowed []string
	var retention durationFlag
	var compareLimit int
	var proxies []string
	var shared databaseFlags
	c := &cobra.Command{
		Use:   "server",
		Short: "Serve the embedded backend, or a PostgreSQL database, over HTTP",
		Long: `Serves the embedded backend in the folder POUNCET_HOME, or in the nearest
.pouncet folder, over HTTP. Callers need a token: see "pouncet token create".

With --database, the data is in PostgreSQL 15 or later instead, which any number
of servers share. The first server creates what an empty database needs, and
prints the first admin token, which is valid for a day. Every server needs the
same --kms-key. Put a password into POUNCET_DATABASE, not into an argument.

With --database-replica, a replica answers reads. The primary still records each
of them, and answers what the replica does not have yet.

With --tls-cert and --tls-key the server speaks TLS 1.3. It uses new files without
a restart. Without them it speaks plain HTTP, on a loopback address or on a Unix
socket, such as --listen unix:///run/pouncet/pouncet.sock.

GET /healthz reports that the process runs, and GET /readyz that the database
and the KMS can be used; "pouncet doctor" says what is wrong. An interrupt or
SIGTERM stops the server after the running requests have finished.

A caller may choose the KMS key of an environment among those in config.json and
those that a pattern of --allow-kms-key allows. In a pattern, * stands for any
characters other than ? and &. A caller can never name a key file.`,
		Example: `  pouncet server
  pouncet server --listen 127.0.0.1:9000 --quiet
  pouncet server --listen :8420 --tls-cert server.pem --tls-key server.key
  pouncet server --allow-kms-key 'aws-kms:///alias/shop-*'
  pouncet server --database postgres://db/pouncet --kms-key aws-kms:///alias/p`,
		Args: arguments(0, 0, "no arguments"),
	}
	listen.add(c)
	a.addDatabaseFlag(c)
	shared.add(c, a)
	c.Flags().StringVar(&a.kmsKey, "kms-key", "",
		"`URI` of the KMS key that wraps the keys of the backend: aws-kms:///alias/NAME or file:///PATH (POUNCET_KMS_KEY)")
	observe.add(c)
	kept.add(c)
	clients.add(c)
	c.Flags().IntVar(&compareLimit, "compare-limit", engine.DefaultMaxDifferences,
		"`number` of wrong guesses of a secret that a token without the right to its value has on a day (UTC)")
	c.Flags().BoolVar(&quiet, "quiet", false, "write no log line for a request")
	c.Flags().StringArrayVar(&allowed, "allow-kms-key", nil,
		"`pattern` of the KMS keys that callers may name for environments; repeat for more patterns")
	c.Flags().Var(&retention, "audit-retention",
		"how long records of the audit log are kept, such as 365d; at least 1d (default audit_retention in config.json)")
	c.Flags().StringArrayVar(&proxies, "trusted-proxy", nil,
		"`address` or network of a reverse proxy whose header X-Forwarded-For names the client; repeat for more")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if compareLimit < 1 {
			return usage(c, "--compare-limit must be 1 or more")
		}
		if err := listen.check(); err != nil {
			return err
		}
		if err := observe.check(); err != nil {
			return err
		}
		if err := kept.check(a, c); err != nil {
			return err
		}
		if err := clients.check(c); err != nil {
			return err
		}
		trusted, err := httpapi.ParseProxies(proxies)
		if err != nil {
			return &usageError{backend.AsError(err)}
		}
		if c.Flags().Changed("audit-retention") {
			if err := open.CheckAuditRetention(time.Duration(retention)); err != nil {
				return &usageError{backend.AsError(err)}
			}
		}
		patterns, err := kms.ParsePatterns(allowed)
		if err != nil {
			return &usageError{backend.AsError(err)}
		}
		shown, err := observe.observer(observe.logger(a.err))
		if err != nil {
			return err
		}
		s := serverSettings{listen, observe, shown, quiet, patterns, time.Duration(retention), trusted, &kept,
			&clients}
		if address, _ := a.setting(settingDatabase); address != "" {
			return a.serveDatabase(c.Context(), address, shared, compareLimit, s)
		}
		if flag := shared.given(c); flag != "" {
			return usage(c, "%s requires --database", flag)
		}
		config, err := a.embeddedConfig(c.Context(), "server serves an embedded backend")
		if err != nil {
			return err
		}
		config.CompareLimit = compareLimit
		config.KMSObserver = s.shown.kmsObserver()
		parts, err := open.Embedded(c.Context(), config)
		if err != nil {
			return err
		}
		parts.AllowKMSKeys(patterns)
		return a.serve(c.Context(), parts, s)
	}
	c.AddCommand(a.migrateCommand(), a.openAPICommand())
	return c
}

// sweepInterval is how often a server removes what can no longer be restored.
const sweepInterval = time.Hour

// serverSettings are the flags of a server.
type serverSettings struct {
	listen    listenFlags
	observe   observeFlags
	shown     *observed
	quiet     bool
	allowed   kms.Patterns
	retention time.Duration // 0 means the one in config.json
	proxies   httpapi.Proxies
	audit     *auditServer
	clients   *clientSecrets
}

// serverMemory is the size in bytes from which a server collects garbage more often, to stay below it: GOMEMLIMIT
// replaces it. Below, package gcpercent makes collections rare, which saves a tenth of the time of a call.
const serverMemory = 320 << 20

// serve serves a backend until ctx ends, and closes it.
func (a *app) serve(ctx context.Context, parts *open.Parts, s serverSettings) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(serverMemory)
	}
	parts.ReserveReads(ctx)
	if s.retention > 0 {
		parts.KeepRecords(s.retention)
	}
	log := s.observe.logger(a.err)
	at, err := s.listen.open(ctx, log)
	if err == nil {
		err = s.shown.listen(ctx, s.observe)
	}
	if err != nil {
		logUpgrade(log, parts.Upgrade) // no later start reports it
		at.close()
		_ = parts.Close()
		return err
	}
	health := httpapi.NewHealth(ctx, s.audit.withProblems(at.withProblems(parts.Problems)),
		func(appeared, gone []error) { logHealth(log, appeared, gone) })
	service := parts.Audited(s.shown.guard)
	o := httpapi.Options{Ready: health.Ready, Problems: health.Problems, Allow: access.Allow, Refused: service.Refused,
		Log: log, Quiet: s.quiet, TrustedProxies: s.proxies, Places: places(parts, log)}
	parts.ReportUntrusted(atMostOnceAMinute(func(err error) {
		log.Error("untrusted token", "error", err.Error())
	}, time.Now))
	logins := access.NewLogins(parts.Store, nil)
	logins.Uses = parts.Reads
	logins.Sessions = parts.TokenCipher
	identities := s.identityLogins(parts, log)
	o.Login, o.ClientCertificate = loginWith(identities), at.client
	o.Remembered, o.Begin = logins.Remembered, parts.Begin
	o.RateLimit = s.observe.limit
	o.Pages = s.pages(at, parts, logins, identities, service, health, o.Places, log)
	s.shown.observe(&o)
	s.shown.watch(parts, logins, health, at)
	a.notef("listening on %s, serving %s", at.url, parts.Location)
	logUpgrade(log, parts.Upgrade)
	serving, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { at.keep(serving) })
	s.audit.start(serving, parts, s.shown, log, background.Go)
	s.shown.serve(serving, a, health.Ready, background.Go)
	background.Go(func() { verifyRows(serving, parts, log) })
	background.Go(func() {
		parts.KeepSwept(serving, sweepInterval, func(err error) {
			log.Error("removing deleted objects and old records", "error", err.Error())
		})
	})
	background.Go(func() { parts.KeepReplica(serving) })
	background.Go(func() { health.Keep(serving, httpapi.HealthInterval) })
	background.Go(func() {
		service.Keep(serving, func(err error) { log.Error("recording refused requests", "error", err.Error()) })
	})
	err = httpapi.Serve(ctx, at, httpapi.NewServer(service, logins.Authenticate, o), o)
	stop()
	closed := make(chan error, 1)
	go func() {
		background.Wait()
		closed <- parts.Close()
	}()
	select {
	case closing := <-closed:
		return errors.Join(err, closing)
	case <-time.After(closeTime): // a call is stuck and has not returned its connection
		return errors.Join(err, backend.Errorf(backend.CodeUnavailable,
			"stopping the server: the database was still in use after %s", closeTime))
	}
}

// places returns the folders and hosts that no answer of the server names. The log has the errors as they were.
func places(parts *open.Parts, log *slog.Logger) *httpapi.Places {
	report := atMostOnceAMinute(func(err error) {
		log.Error("a call failed", "error", err.Error())
	}, time.Now)
	hidden := httpapi.NewPlaces(report, parts.Folders()...)
	for name, short := range parts.DatabaseNames() {
		hidden.Rename(name, short)
	}
	return hidden
}

// logHealth logs a change of the health.
func logHealth(log *slog.Logger, appeared, gone []error) {
	for _, err := range gone {
		log.Info("a problem is gone", "problem", backend.AsError(err).Message)
	}
	for _, err := range appeared {
		log.Error("a problem", "problem", backend.AsError(err).Message, "hint", backend.AsError(err).Hint)
	}
}

// closeTime is how long a stopping server waits for the end of all work after the last request.
const closeTime = 2 * time.Second

// logUpgrade logs the notice that other commands print.
func logUpgrade(log *slog.Logger, u *open.Upgrade) {
	if u == nil {
		return
	}
	log.Warn("the database was upgraded, and its rows are signed from now on", "copy", u.Copy,
		"copy_kept_days", int(open.CopyKept/(24*time.Hour)), "delete_copy", open.DeleteCopyCommand)
	for _, t := range upgradeTokens(u) {
		log.Warn("the upgrade signed a token; delete it if nobody knows it: pouncet token delete ID", "id", t.ID,
			"name", t.Name, "role", t.Role)
	}
}

// verifyRows reports rows that another program changed, removed or restored from an older copy. Such a row does not
// stop the server: each call that reads one fails.
func verifyRows(ctx context.Context, parts *open.Parts, log *slog.Logger) {
	found, err := parts.Verify(ctx)
	for _, f := range found {
		log.Error("untrusted row", "kind", f.Kind, "name", f.Name, "id", f.ID, "project", f.Project, "problem", f.Problem)
	}
	if len(found) > 0 {
		err = parts.RecordFindings(ctx, found)
	}
	if err != nil && ctx.Err() == nil {
		log.Error("verifying the rows", "error", err.Error())
	}
}

// maxUntrusted is how many errors atMostOnceAMinute remembers.
const maxUntrusted = 1000

// atMostOnceAMinute returns a function that reports an error, unless it has reported the same one in the last minute:
// every request can meet it.
func atMostOnceAMinute(report func(error), now func() time.Time) func(error) {
	var mu sync.Mutex
	reported := map[string]time.Time{}
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		text, at := err.Error(), now()
		if last, ok := reported[text]; ok && at.Sub(last) < time.Minute {
			return
		}
		if len(reported) >= maxUntrusted {
			clear(reported)
		}
		reported[text] = at
		report(err)
	}
}
