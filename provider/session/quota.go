// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"math"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// checkQuota returns an error if the plan creates more secrets in a project than its quota allows. The first resource
// over the quota waits until the whole plan is counted, and reports the error for all.
func (p *Plan) checkQuota(ctx context.Context, project string) (*backend.Error, error) {
	over, err := p.quotaError(ctx, project)
	if over == nil || err != nil {
		return nil, err
	}
	p.mu.Lock()
	skip := p.quotaReporters[project] || p.incomplete[project]
	p.quotaReporters[project] = true
	p.mu.Unlock()
	if skip {
		return nil, nil
	}
	p.operations.waitUntilIdle(ctx)
	return p.quotaError(ctx, project)
}

// quotaError returns the error of a project that has more secrets than its quota after what is planned so far.
func (p *Plan) quotaError(ctx context.Context, project string) (*backend.Error, error) {
	current, err := p.currentProject(ctx, project)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	planned, growth := p.plannedProjects[project], p.growth[project]
	p.mu.Unlock()
	existing, quota := 0, math.MaxInt
	if current.ID != "" {
		existing, quota = *current.Secrets, current.Policy.MaxSecrets
	}
	if planned.Policy != nil {
		quota = planned.Policy.MaxSecrets
	}
	total := existing + growth
	if total <= quota {
		return nil, nil
	}
	return backend.Errorf(backend.CodeQuota,
		"project %s would have %d secrets: %d exist, and this plan adds %d; the quota (max_secrets) is %d",
		backend.Quote(project), total, existing, growth, quota).
		WithHint("raise max_secrets of the pouncet_project, or run: pouncet project set %s --max-secrets "+
			"%d", project, total).
		At("name"), nil
}

// currentProject returns the project that will have a name, as it is now, or the zero Object if the plan creates it.
func (p *Plan) currentProject(ctx context.Context, name string) (backend.Object, error) {
	p.mu.Lock()
	planned, current := p.plannedProjects[name], p.currentProjects[name]
	p.mu.Unlock()
	if current.ID != "" {
		return current, nil
	}
	q := backend.Query{Kind: backend.KindProject, Name: name}
	if planned.ID != "" {
		q = backend.Query{Kind: backend.KindProject, ID: planned.ID} // it may have another name now
	}
	page, err := p.service.Query(ctx, q)
	if err != nil || len(page.Objects) == 0 {
		return current, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.currentProjects[name] = page.Objects[0]
	return page.Objects[0], nil
}
