// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
)

func (a *app) migrateCommand() *cobra.Command {
	var check, apply bool
	var role, firstTokenFile string
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database of servers to the schema of this version",
		Long: `Compares the tables of a PostgreSQL database with those that this version of
Pouncet needs. --check reports the difference, with exit code 5 if there is one.
--apply makes it, in one transaction. If several processes do that at once, one
makes it and the others wait. Servers of the earlier version go on, unless the
report says otherwise. There is no way back: restore a backup instead.

Use the URL of the role that owns the tables. With --serving-role, another role
gets what a server needs and nothing more: it cannot change the tables. For an
empty database, --apply does what the first server does, and needs --kms-key.`,
		Example: `  pouncet server migrate --check --database postgres://owner@db/pouncet
  pouncet server migrate --apply --serving-role pouncet_server`,
		Args: arguments(0, 0, "no arguments"),
	}
	a.addDatabaseFlag(c)
	c.Flags().BoolVar(&check, "check", false, "report what the migration would change")
	c.Flags().BoolVar(&apply, "apply", false, "make the migration")
	c.Flags().StringVar(&role, "serving-role", "",
		"`name` of the role of the servers, which gets the rights that they need")
	c.Flags().StringVar(&a.kmsKey, "kms-key", "",
		"`URI` of the KMS key, for an empty database: see pouncet server (POUNCET_KMS_KEY)")
	c.Flags().StringVar(&firstTokenFile, "first-token-file", "",
		"for an empty database: write the first admin token to a new `file` and do not print it")
	c.RunE = func(c *cobra.Command, _ []string) error {
		address, _ := a.setting(settingDatabase)
		switch {
		case check == apply:
			return usage(c, "give --check or --apply")
		case address == "":
			return usage(c, "--database is required")
		case check:
			return a.checkMigration(c.Context(), address, role)
		}
		return a.migrate(c.Context(), address, role, firstTokenFile)
	}
	return c
}

// checkMigration reports what a migration would do.
func (a *app) checkMigration(ctx context.Context, address, role string) error {
	m, err := postgres.CheckMigration(ctx, address, role)
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(m)
	}
	if !m.IsNeeded() {
		if !a.json {
			a.println(nothingToMigrate(m))
		}
		return nil
	}
	if !a.json {
		for _, g := range m.Grants {
			a.println(g)
		}
	}
	remedy := "run: pouncet server migrate --apply"
	if role != "" {
		remedy += " --serving-role " + role
	}
	if m.Stop {
		remedy = "stop the servers of the earlier version, then " + remedy
	}
	return differsError{backend.Errorf(backend.CodeConflict, "database %s needs %s", m.Database,
		strings.Join(needs(m), " and ")).WithHint("%s", remedy)}
}

// needs lists what a database needs.
func needs(m postgres.Migration) (out []string) {
	if m.Version == 0 {
		out = append(out, "its tables")
	}
	if len(m.Steps) > 0 {
		out = append(out, fmt.Sprintf("%s (%s), from version %d of the schema to %d",
			backend.Plural(len(m.Steps), "migration"), strings.Join(m.Steps, ", "), m.Version, m.Newest))
	}
	if len(m.Grants) > 0 {
		out = append(out, backend.Plural(len(m.Grants), "grant"))
	}
	return out
}

// migrate makes the migration. An empty database gets its tables first.
func (a *app) migrate(ctx context.Context, address, role, firstTokenFile string) error {
	m, err := postgres.Migrate(ctx, address, role)
	if errors.Is(err, backend.ErrNotFound) {
		config := a.serverConfig(address)
		config.FirstTokenFile = firstTokenFile
		parts, first, err := open.Server(ctx, config)
		if err != nil {
			return err
		}
		a.reportFirstToken(first)
		if err := parts.Close(); err != nil {
			return err
		}
		return a.migrate(ctx, address, role, firstTokenFile)
	}
	switch {
	case err != nil:
		return err
	case a.json:
		a.printJSON(m)
		return nil
	case !m.IsNeeded():
		a.println(nothingToMigrate(m))
		return nil
	}
	if len(m.Steps) > 0 {
		a.println(fmt.Sprintf("Migrated database %s from version %d of the schema to %d.", m.Database, m.Version, m.Newest))
	}
	for _, g := range m.Grants {
		a.println(g)
	}
	return nil
}

func nothingToMigrate(m postgres.Migration) string {
	return fmt.Sprintf("The schema of database %s has version %d; there is nothing to do.", m.Database, m.Version)
}
