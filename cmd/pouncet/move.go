// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/transfer"
)

// moveFlags are the flags of the command move.
type moveFlags struct {
	from, to, kmsKey string
	allowed          []string
	undo, force      bool
}

func (a *app) moveCommand() *cobra.Command {
	var f moveFlags
	c := &cobra.Command{
		Use:   "move --to PLACE",
		Short: "Move a backend to another database",
		Long: wrap("Moves the embedded backend to a PostgreSQL database, or with --from a backend from there into a new "+
			"folder. It keeps its deployment id, tokens, versions and audit log.") + "\n\n" +
			wrap("The target must be empty. From the start of the move nobody can use the source, and until its end nobody can "+
				"use the target: stop servers first. If the move is interrupted, repeat the same command: it continues. Before "+
				"its end, --undo makes the source usable again and empties the target. --undo --force does so if the target was "+
				"deleted. The source is not deleted.") + "\n\n" +
			wrap("All rows are compared and verified with their MACs, and each current value is decrypted. --kms-key wraps "+
				"again the keys that the default KMS key of the folder has wrapped: servers do not have a key file in a "+
				"folder.") + "\n\n" +
			wrap("Other users of the machine can read the command line. So leave the password out of the URL, and set "+
				"PGPASSFILE or PGPASSWORD."),
		Example: `  pouncet move --to postgres://pouncet@db.example.com/pouncet --kms-key aws-kms:///alias/pouncet
  pouncet move --from postgres://pouncet@db.example.com/pouncet --to backend --kms-key aws-kms:///alias/pouncet`,
		Args: arguments(0, 0, "no arguments"),
	}
	c.Flags().StringVar(&f.from, "from", "",
		"`URL` of the PostgreSQL database to move from; without it, the embedded backend")
	c.Flags().StringVar(&f.to, "to", "", "`URL` of a PostgreSQL database, or a new folder with --from")
	c.Flags().StringVar(&f.kmsKey, "kms-key", "", "`URI` of the KMS key of the servers")
	c.Flags().StringArrayVar(&f.allowed, "allow-kms-key", nil,
		"with --from: `pattern` of the other KMS keys that the backend may use; repeat for more patterns")
	c.Flags().BoolVar(&f.undo, "undo", false, "undo a move that is not complete")
	c.Flags().BoolVar(&f.force, "force", false, "with --undo: the target was deleted")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.check(c); err != nil {
			return err
		}
		patterns, err := kms.ParsePatterns(f.allowed)
		if err != nil {
			return &usageError{backend.AsError(err)}
		}
		if f.undo {
			return a.undoMove(c.Context(), f)
		}
		return a.move(c.Context(), f, patterns)
	}
	return c
}

// check refuses flags that do not fit each other.
func (f moveFlags) check(c *cobra.Command) error {
	switch {
	case f.force && !f.undo:
		return usage(c, "--force requires --undo")
	case f.to == "":
		return usage(c, "--to is required")
	case f.from == "" && !isDatabaseURL(f.to):
		return usage(c, "--to must be the URL of a PostgreSQL database, such as postgres://HOST/NAME")
	case f.from != "" && isDatabaseURL(f.to):
		return usage(c, "--to must be a folder if --from is set")
	case f.from != "" && f.kmsKey == "" && !f.undo:
		return usage(c, "--kms-key is required with --from")
	case f.from == "" && len(f.allowed) > 0:
		return usage(c, "--allow-kms-key requires --from")
	}
	return nil
}

func isDatabaseURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// movePurpose says why a server cannot be named.
const movePurpose = "move reads the database itself"

func (a *app) move(ctx context.Context, f moveFlags, allowed kms.Patterns) error {
	p := a.progress()
	defer p.working("moving the backend")()
	o := open.MoveOptions{KMSKey: f.kmsKey, OtherKMSKeys: allowed, Report: func(table string, rows int) {
		p.clear()
		a.notef("copied table %s: %s", table, backend.Plural(rows, "row"))
	}}
	var moved open.Moved
	var err error
	if f.from == "" {
		config, configErr := a.embeddedConfig(ctx, movePurpose)
		if configErr != nil {
			return configErr
		}
		moved, err = open.MoveFolder(ctx, config, databaseTarget(f.to), o)
	} else {
		moved, err = moveFromDatabase(ctx, f, o)
	}
	switch {
	case err != nil:
		return err
	case a.json:
		a.printJSON(moved)
	default:
		a.println(fmt.Sprintf("Moved the backend from %s to %s. Its deployment id is %s.", moved.From, moved.To,
			moved.Deployment))
		if f.from == "" {
			a.println("Start each server with --kms-key " + moved.KMSKey + " and --deployment " + moved.Deployment +
				". When they work, delete the folder: it still has the values.")
		}
	}
	return nil
}

// databaseTarget opens a PostgreSQL database that is empty, or has a part of the backend already.
func databaseTarget(address string) open.OpenTarget {
	return func(ctx context.Context, deployment string, create bool) (transfer.Target, error) {
		s, _, err := postgres.OpenForTransfer(ctx, address)
		if create && errors.Is(err, backend.ErrNotFound) {
			s, err = postgres.CreateForTransfer(ctx, address, deployment)
		}
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

func moveFromDatabase(ctx context.Context, f moveFlags, o open.MoveOptions) (open.Moved, error) {
	source, left, err := postgres.OpenForTransfer(ctx, f.from)
	if err != nil {
		return open.Moved{}, err
	}
	defer source.Close() //nolint:errcheck // it always returns nil
	return open.MoveToFolder(ctx, source, left, f.to, o)
}

func (a *app) undoMove(ctx context.Context, f moveFlags) error {
	u, err := a.openMove(ctx, f)
	if err != nil {
		return err
	}
	defer u.From.Close() //nolint:errcheck // everything was committed
	if u.To != nil {
		defer u.To.Close() //nolint:errcheck // everything was committed
	}
	if err := open.UndoMove(ctx, u); err != nil {
		return err
	}
	if a.json {
		a.printJSON(map[string]string{"from": u.From.Location()})
	} else {
		a.println("The backend in " + u.From.Location() + " can be used again.")
	}
	return nil
}

// openMove opens the source and the target of a move that began.
func (a *app) openMove(ctx context.Context, f moveFlags) (u open.Undo, err error) {
	u.Gone = f.force
	if f.from == "" {
		config, err := a.embeddedConfig(ctx, movePurpose)
		if err != nil {
			return u, err
		}
		if u.From, u.Left, err = open.MoveSource(ctx, config); err != nil {
			return u, err
		}
		database, _, err := postgres.OpenForTransfer(ctx, f.to)
		return withTarget(u, database, err)
	}
	if u.From, u.Left, err = postgres.OpenForTransfer(ctx, f.from); err != nil {
		return u, err
	}
	target, err := open.MoveTarget(ctx, f.to)
	return withTarget(u, target, err)
}

// withTarget adds the target. If err says that the location holds nothing, it adds none. After another error, it closes
// the source.
func withTarget(u open.Undo, target transfer.Target, err error) (open.Undo, error) {
	switch {
	case err == nil:
		u.To = target
	case !errors.Is(err, backend.ErrNotFound):
		_ = u.From.Close() // nothing was written
		return u, err
	}
	return u, nil
}
