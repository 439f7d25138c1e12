// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// visitor is called for each row that a state sums up.
type visitor struct {
	object  func(store.Object) error
	version func(store.Version) error
	key     func(store.EnvironmentKey) error
	token   func(store.Token) error
}

// walkPage is the number of objects that are in memory at the same time.
const walkPage = 500

// walk visits all rows of a database. tx does not verify them.
func walk(ctx context.Context, tx store.Tx, v visitor) error {
	projects, err := tx.ProjectIDs(ctx)
	if err != nil {
		return err
	}
	for _, project := range projects {
		if err := walkObjects(ctx, tx, project, v); err != nil {
			return err
		}
		if project == stored.DeploymentKey {
			continue
		}
		keys, err := tx.EnvironmentKeys(ctx, project)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := v.key(k); err != nil {
				return err
			}
		}
	}
	tokens, err := tx.Tokens(ctx)
	if err != nil {
		return err
	}
	for _, k := range tokens {
		if err := v.token(k); err != nil {
			return err
		}
	}
	return nil
}

func walkObjects(ctx context.Context, tx store.Tx, project string, v visitor) error {
	after := ""
	for {
		rows, err := tx.ScanObjects(ctx, project, after, walkPage)
		if err != nil {
			return err
		}
		for _, o := range rows {
			if err := walkObject(ctx, tx, o, v); err != nil {
				return err
			}
			after = o.ID
		}
		if len(rows) < walkPage {
			return nil
		}
	}
}

func walkObject(ctx context.Context, tx store.Tx, o store.Object, v visitor) error {
	if err := v.object(o); err != nil {
		return err
	}
	if o.Kind == backend.KindProject || o.Kind == backend.KindUsage {
		return nil
	}
	versions, err := tx.VersionsOf(ctx, o.Project, o.ID, true)
	if err != nil {
		return err
	}
	for _, n := range versions {
		if err := v.version(n); err != nil {
			return err
		}
	}
	return nil
}
