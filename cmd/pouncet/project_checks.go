// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// checkProject asks before "project set" does what its user may not want: create a project whose name is close to
// that of another one, or remove versions of secrets.
func (a *app) checkProject(
	c *cobra.Command, s backend.Service, q backend.Query, change backend.Change, yes bool,
) error {
	ctx := c.Context()
	projects, err := backend.ListAll(ctx, s, q)
	if err != nil {
		return err
	}
	if len(projects) == 0 {
		return a.checkNewProject(c, s, q.Name, yes)
	}
	present := projects[0].Policy
	if change.Policy == nil || change.Policy.MaxVersions == nil || *change.Policy.MaxVersions <= 0 ||
		present != nil && present.MaxVersions == *change.Policy.MaxVersions {
		return nil
	}
	versions, secrets, err := removedVersions(ctx, s, projects[0], *change.Policy.MaxVersions)
	if err != nil || versions == 0 {
		return err
	}
	text := fmt.Sprintf("%s of %s", backend.Plural(versions, "version"), backend.Plural(secrets, "secret"))
	a.notef("pouncet: with --max-versions %d, %s will be removed", *change.Policy.MaxVersions, text)
	return a.sure(c, "Remove "+text+"?", yes, isFinal)
}

// checkNewProject says that the name of a new project is close to that of an existing one. A terminal is asked.
func (a *app) checkNewProject(c *cobra.Command, s backend.Service, name string, yes bool) error {
	if name == "" || yes {
		return nil // the backend reports an id that does not exist
	}
	projects, err := backend.ListAll(c.Context(), s, backend.Query{Kind: backend.KindProject})
	if err != nil {
		return err
	}
	near := suggest.Name(name, objectNames(projects))
	if near == "" {
		return nil
	}
	a.notef("pouncet: project %s does not exist, and is created; there is a project %s", backend.Quote(name),
		backend.Quote(near))
	return a.sure(c, "Create project "+backend.Quote(name)+"?", yes, notFinal)
}

// removedVersions returns how many versions of how many secrets go if a project keeps only some of each. The current
// and the previous version and those with a tag stay.
func removedVersions(
	ctx context.Context, s backend.Service, project backend.Object, keep int,
) (versions, secrets int, err error) {
	const leastKept = 2
	for secret, err := range backend.List(ctx, s, backend.Query{Kind: backend.KindSecret, Project: project.ID}) {
		if err != nil {
			return 0, 0, err
		}
		if secret.Version <= int64(max(keep, leastKept)) {
			continue
		}
		n, err := removedVersionsOf(ctx, s, secret, keep, leastKept)
		if err != nil {
			return 0, 0, err
		}
		if versions += n; n > 0 {
			secrets++
		}
	}
	return versions, secrets, nil
}

func removedVersionsOf(
	ctx context.Context, s backend.Service, secret backend.Object, keep, leastKept int,
) (removed int, err error) {
	kept := 0
	for v, err := range backend.List(ctx, s, backend.Query{Kind: backend.KindVersion, ID: secret.ID}) {
		if errors.Is(err, backend.ErrNotFound) {
			return 0, nil // the secret was deleted in the meantime
		}
		if err != nil {
			return 0, err
		}
		if kept++; kept > keep && kept > leastKept && len(v.Tags) == 0 {
			removed++
		}
	}
	return removed, nil
}
