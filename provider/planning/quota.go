// SPDX-License-Identifier: MPL-2.0

package planning

import (
	"context"
	"fmt"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// projectQuota counts the secrets that a project will have. A secret of this configuration counts once it is planned,
// and a secret of others from the start. What this configuration has not planned yet does not count, because the plan
// may delete it. So the count only rises, and it is over the quota at the end or never, in whatever order Terraform
// plans.
type projectQuota struct {
	planned   map[string]bool // secrets that the plan leaves, by id; those that it creates have a separate key
	creations int             // of those in planned, how many the plan creates
	limit     *int            // max_secrets as the project's own resource plans it
	// duplicates is what the project's own resource plans for equal values, or nil if it has not been planned.
	duplicates *backend.Duplicates
	others     map[string]bool // ids of secrets that this configuration does not own, once they are listed
	reported   bool
}

// checkQuota adds a change to the count of its project. It returns an error if the plan creates more secrets than the
// quota allows, once for each project.
func (p *Plan) checkQuota(ctx context.Context, check Check, outcome backend.Outcome) (*backend.Error, error) {
	c, name := check.Change, projectNameAfter(check.Change, outcome.Object)
	attribute := "name"
	switch c.Kind {
	case backend.KindSecret:
	case backend.KindProject:
		attribute = "max_secrets"
	default:
		return nil, nil
	}
	if !p.count(name, check, outcome) {
		return nil, nil
	}
	project, err := p.currentProject(ctx, name, c)
	if err != nil {
		return nil, err
	}
	others, err := p.othersSecrets(ctx, project, name)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.quotas[name]
	total := len(q.planned)
	for id := range others {
		if !q.planned[id] {
			total++
		}
	}
	limit := q.limit
	if limit == nil && project.Policy != nil {
		if project.ManagedBy == p.owner || p.known[project.ID] {
			return nil, nil // the project's own resource is still to come, and may raise it
		}
		limit = &project.Policy.MaxSecrets
	}
	if limit == nil || total <= *limit || q.reported {
		return nil, nil
	}
	q.reported = true
	// The message does not say how many more: that depends on how far Terraform has come.
	return backend.Errorf(backend.CodeQuota,
		"project %s would have more secrets than its quota (max_secrets), which is %d", backend.Quote(name), *limit).
		WithHint("delete some, or raise max_secrets of the pouncet_project, or run: pouncet project set %s --max-secrets N",
			name).At(attribute), nil
}

// count adds a change to the count of its project, and reports whether the quota must be checked: only creations can
// exceed it.
func (p *Plan) count(project string, check Check, outcome backend.Outcome) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.quotas[project]
	if q == nil {
		q = &projectQuota{planned: map[string]bool{}}
		p.quotas[project] = q
	}
	c := check.Change
	switch {
	case c.Kind == backend.KindProject:
		p.projectIDs[project] = c.ID
		if outcome.Object.Policy != nil {
			q.limit, q.duplicates = &outcome.Object.Policy.MaxSecrets, &outcome.Object.Policy.Duplicates
		}
		return q.creations > 0 && !p.incomplete[project]
	case c.ID != "":
		q.planned[c.ID] = true
		return q.creations > 0 && !p.incomplete[project]
	case check.Replaces != "": // the new secret takes the place of the old one
		q.planned[check.Replaces] = true
	default:
		q.planned[fmt.Sprintf("creation %d", q.creations)] = true
	}
	q.creations++
	return !p.incomplete[project]
}

// othersSecrets returns the ids of the secrets in a project that this configuration does not own. It does not list them
// if the project has room for all that the plan creates.
func (p *Plan) othersSecrets(ctx context.Context, project backend.Object, name string) (map[string]bool, error) {
	if project.ID == "" || project.Secrets == nil {
		return nil, nil
	}
	p.mu.Lock()
	q := p.quotas[name]
	limit, creations := project.Policy.MaxSecrets, q.creations
	if q.limit != nil {
		limit = *q.limit
	}
	others := q.others
	p.mu.Unlock()
	if others != nil || *project.Secrets+creations <= limit {
		return others, nil
	}
	ids := map[string]bool{}
	for o, err := range backend.List(ctx, p.service, backend.Query{Kind: backend.KindSecret, Project: project.ID}) {
		if err != nil {
			return nil, err
		}
		if o.ManagedBy != p.owner && !p.isKnown(o.ID) {
			ids[o.ID] = true
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	q.others = ids
	return ids, nil
}

// currentProject returns the project that will have a name, as it is now, or the zero Object if the plan creates it.
func (p *Plan) currentProject(ctx context.Context, name string, c backend.Change) (backend.Object, error) {
	p.mu.Lock()
	project, known := p.projects[name]
	id := p.projectIDs[name]
	p.mu.Unlock()
	if known {
		return project, nil
	}
	current := backend.Query{Kind: backend.KindProject, Name: name}
	if c.Kind == backend.KindProject {
		id = c.ID
	}
	if id != "" {
		current = backend.Query{Kind: backend.KindProject, ID: id} // it may have another name now
	}
	page, err := p.service.Query(ctx, current)
	if err != nil {
		return project, err
	}
	if len(page.Objects) == 1 {
		project = page.Objects[0]
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.projects[name] = project
	return project, nil
}
