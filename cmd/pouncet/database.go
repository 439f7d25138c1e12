// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/onpostgres"
)

// How a server uses a PostgreSQL database.

func (a *app) addDatabaseFlag(c *cobra.Command) {
	c.Flags().StringVar(&a.database, "database", "",
		"`URL` of the PostgreSQL database of the servers: postgres://USER@HOST/NAME (POUNCET_DATABASE)")
}

// databaseFlags are the flags of a server that need --database.
type databaseFlags struct{ deployment, firstTokenFile string }

func (f *databaseFlags) add(c *cobra.Command, a *app) {
	c.Flags().StringVar(&a.replica, "database-replica", "",
		"with --database: `URL` of a replica, which answers reads (POUNCET_DATABASE_REPLICA)")
	c.Flags().StringVar(&f.deployment, "deployment", "",
		"with --database: refuse a database whose deployment does not have this `id`")
	c.Flags().StringVar(&f.firstTokenFile, "first-token-file", "",
		"with --database: write the first admin token to a new `file`, and do not print it; if no admin token is valid, "+
			"write a new one")
}

// given returns the name of a flag that was given, or "".
func (f *databaseFlags) given(c *cobra.Command) string {
	for _, name := range []string{"database-replica", "deployment", "first-token-file"} {
		if c.Flags().Changed(name) {
			return "--" + name
		}
	}
	return ""
}

// serverConfig returns what all commands that open the database of servers need.
func (a *app) serverConfig(address string) open.ServerConfig {
	kmsKey, _ := a.setting(settingKMSKey)
	return open.ServerConfig{Database: onpostgres.Database(address, ""), KMSKey: kmsKey}
}

// openDatabase opens an existing database of servers.
func (a *app) openDatabase(ctx context.Context, address string) (*open.Parts, error) {
	c := a.serverConfig(address)
	c.Existing = true
	parts, _, err := open.Server(ctx, c)
	return parts, err
}

// serveDatabase serves a PostgreSQL database until ctx ends.
func (a *app) serveDatabase(
	ctx context.Context, address string, f databaseFlags, compareLimit int, s serverSettings,
) error {
	c := a.serverConfig(address)
	replica, _ := a.setting(settingReplica)
	c.Database = onpostgres.Database(address, replica)
	c.Allowed, c.Deployment, c.FirstTokenFile, c.CompareLimit = s.allowed, f.deployment, f.firstTokenFile, compareLimit
	c.KMSObserver = s.shown.kmsObserver()
	parts, first, err := open.Server(ctx, c)
	if err != nil {
		return err
	}
	a.reportFirstToken(first)
	log := s.observe.logger(a.err)
	if first == nil && f.firstTokenFile != "" {
		log.Info("no first token is written, because an admin token is valid", "file", f.firstTokenFile)
	}
	log.Info("the deployment", "id", parts.Store.Deployment())
	if parts.MayChangeSchema {
		log.Info("the role of the database URL can change the tables", "hint",
			"give the servers a role that cannot: pouncet server migrate --apply --serving-role NAME")
	}
	return a.serve(ctx, parts, s)
}

// reportFirstToken prints the first token of a database, or the name of its file. No later start does.
func (a *app) reportFirstToken(first *open.FirstToken) {
	switch {
	case first == nil:
		return
	case a.json:
		a.printJSON(map[string]any{"first_token": first.Token, "first_token_file": first.File, "created": first.New})
		return
	case first.New:
		a.println("Created the backend, with the project " + backend.Quote(backend.DefaultProject) + ".")
	}
	if first.File != "" {
		a.println("First admin token, valid for a day: in " + first.File)
		return
	}
	a.println("First admin token, valid for a day: " + first.Token)
}
