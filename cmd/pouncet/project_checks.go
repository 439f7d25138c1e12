// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	return a.checkRetention(c, s, projects[0], change.Policy, yes)
}

// checkRetention asks before a policy removes versions that the present one keeps.
func (a *app) checkRetention(
	c *cobra.Command, s backend.Service, project backend.Object, change *backend.PolicyChange, yes bool,
) error {
	if change == nil || change.MaxVersions == nil && change.VersionDays == nil || project.Policy == nil {
		return nil
	}
	after := *project.Policy
	if _, err := after.Set(*change); err != nil {
		return nil //nolint:nilerr // the backend reports it
	}
	if after.MaxVersions == project.Policy.MaxVersions && after.VersionDays == project.Policy.VersionDays {
		return nil
	}
	versions, secrets, err := removedVersions(c.Context(), s, project, after)
	if err != nil || versions == 0 {
		return err
	}
	text := fmt.Sprintf("%s of %s", backend.Plural(versions, "version"), backend.Plural(secrets, "secret"))
	a.notef("pouncet: with this policy, %s will be removed", text)
	return a.sure(c, "Remove "+text+"?", yes, isFinal)
}

// checkNewProject says that the name of a new project is close to the name of an existing one. A terminal is asked.
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

// removedVersions returns how many versions of how many secrets go under a policy.
func removedVersions(
	ctx context.Context, s backend.Service, project backend.Object, policy backend.Policy,
) (versions, secrets int, err error) {
	for secret, err := range backend.List(ctx, s, backend.Query{Kind: backend.KindSecret, Project: project.ID}) {
		if err != nil {
			return 0, 0, err
		}
		if secret.Version <= backend.LeastKeptVersions {
			continue
		}
		n, err := removedVersionsOf(ctx, s, secret, policy)
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
	ctx context.Context, s backend.Service, secret backend.Object, policy backend.Policy,
) (removed int, err error) {
	rank, now := 0, time.Now()
	for v, err := range backend.List(ctx, s, backend.Query{Kind: backend.KindVersion, ID: secret.ID}) {
		if errors.Is(err, backend.ErrNotFound) {
			return 0, nil // the secret was deleted in the meantime
		}
		if err != nil {
			return 0, err
		}
		if rank++; !policy.KeepsVersion(rank, v.CreatedAt, now) && len(v.Tags) == 0 {
			removed++
		}
	}
	return removed, nil
}
