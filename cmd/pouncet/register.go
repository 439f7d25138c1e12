// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os/exec"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

// register tells the backend which places refer to what, in place of all that
// the source has told it before.
func (a *app) register(ctx context.Context, f *findingFlags, sources []*review.Source, source string) error {
	if source == "" {
		if source = repository(ctx); source == "" {
			return backend.Errorf(backend.CodeInvalid, "who uses these secrets cannot be told: there is no git remote called origin").
				WithHint("name the repository by --source, as github.com/acme/pipelines")
		}
	}
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }()
	usages := review.Usages(sources, f.options)
	if err := addFormer(ctx, b, source, f.options.Project, usages); err != nil {
		return err
	}
	var changes []backend.Change
	n := 0
	for _, project := range slices.Sorted(maps.Keys(usages)) {
		changes = append(changes, backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: source, Usages: usages[project]})
		n += len(usages[project])
	}
	if _, err := b.Apply(ctx, backend.ChangeSet{Changes: changes}); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "pouncet: registered %s of %s\n", count(n, "usage"), source)
	return nil
}

// addFormer adds the projects that the source once used something of: they are
// told that it no longer does.
func addFormer(ctx context.Context, s backend.Service, source, own string, usages map[string][]backend.Usage) error {
	projects, err := all(ctx, s, backend.Query{Kind: backend.KindProject})
	if err != nil {
		return err
	}
	for _, p := range projects {
		if _, ok := usages[p.Name]; ok {
			continue
		}
		page, err := s.Query(ctx, backend.Query{Kind: backend.KindUsage, Project: p.Name, Type: source, Limit: 1})
		if err != nil {
			return err
		}
		if len(page.Objects) > 0 || p.Name == own {
			usages[p.Name] = nil
		}
	}
	return nil
}

// repository is the host and path of the git remote called origin, "" if there is none.
func repository(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "remote", "get-url", "origin").Output()
	if err != nil {
		return ""
	}
	return repositoryName(strings.TrimSpace(string(out)))
}

// repositoryName leaves scheme, user and password out of a remote's address.
func repositoryName(remote string) string {
	name := remote
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		name = u.Host + u.Path
	} else if _, rest, ok := strings.Cut(remote, "@"); ok { // git@host:path
		name = strings.Replace(rest, ":", "/", 1)
	}
	return strings.TrimSuffix(strings.TrimSuffix(name, "/"), ".git")
}
