// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"maps"
	"net/url"
	"os/exec"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

// register registers the references of the sources in the backend. They
// replace everything that the same repository has registered before.
func (a *app) register(ctx context.Context, f *findingFlags, sources []*review.Source, repository string) error {
	if repository == "" {
		if repository = gitOrigin(ctx); repository == "" {
			return backend.Errorf(backend.CodeInvalid,
				"the name of the repository is required; there is no git remote origin").
				WithHint("set --source, such as --source github.com/acme/pipelines")
		}
	}
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }()
	usages := review.Usages(sources, f.options)
	if err := addFormerProjects(ctx, b, repository, f.options.Project, usages); err != nil {
		return err
	}
	var changes []backend.Change
	n := 0
	for _, project := range slices.Sorted(maps.Keys(usages)) {
		changes = append(changes, backend.Change{
			Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: repository, Usages: usages[project],
		})
		n += len(usages[project])
	}
	stop := a.working("registering the usages")
	_, err = b.Apply(ctx, backend.ChangeSet{Changes: changes})
	if stop(); err != nil {
		return err
	}
	a.notef("pouncet: registered %s of %s", backend.Plural(n, "usage"), repository)
	return nil
}

// addFormerProjects adds the projects in which the repository has registered
// usages before, with no usages, so that the old ones are removed.
func addFormerProjects(
	ctx context.Context, s backend.Service, repository, project string, usages map[string][]backend.Usage,
) error {
	for p, err := range backend.List(ctx, s, backend.Query{Kind: backend.KindProject}) {
		if err != nil {
			return err
		}
		if _, ok := usages[p.Name]; ok {
			continue
		}
		page, err := s.Query(ctx, backend.Query{Kind: backend.KindUsage, Project: p.Name, Type: repository, Limit: 1})
		if err != nil {
			return err
		}
		if len(page.Objects) > 0 || p.Name == project {
			usages[p.Name] = nil
		}
	}
	return nil
}

// gitOrigin returns the host and path of the git remote origin, or "".
func gitOrigin(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "remote", "get-url", "origin").Output()
	if err != nil {
		return ""
	}
	return repositoryName(strings.TrimSpace(string(out)))
}

// repositoryName removes scheme, user and password from the URL of a remote.
func repositoryName(remote string) string {
	name := remote
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		name = u.Host + u.Path
	} else if _, rest, ok := strings.Cut(remote, "@"); ok { // git@host:path
		name = strings.Replace(rest, ":", "/", 1)
	}
	return strings.TrimSuffix(strings.TrimSuffix(name, "/"), ".git")
}
