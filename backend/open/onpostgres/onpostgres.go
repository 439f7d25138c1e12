// SPDX-License-Identifier: MPL-2.0

// Package onpostgres gives package open a PostgreSQL database. It is a separate package, so that the Terraform provider
// does not link the driver.
package onpostgres

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
)

// Database opens and creates the database of a URL. The URL of a replica may be empty.
func Database(address, replica string) open.ServerDatabase {
	return open.ServerDatabase{
		Open: func(ctx context.Context) (open.SharedStore, error) {
			s, err := postgres.Open(ctx, address)
			if err != nil {
				return open.SharedStore{}, err
			}
			out := open.SharedStore{Store: s, Reads: s.Reads(), Name: s.Name()}
			if out.MayChangeSchema, err = s.MayChangeSchema(ctx); err == nil && replica != "" {
				out.Replica, err = s.Replica(ctx, replica)
			}
			if err != nil {
				_ = s.Close() // nothing was written
				return open.SharedStore{}, err
			}
			return out, nil
		},
		Create: func(ctx context.Context, fill func(context.Context, store.Store) error) error {
			return postgres.Create(ctx, address, fill)
		},
	}
}
