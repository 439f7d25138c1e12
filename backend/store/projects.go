// SPDX-License-Identifier: MPL-2.0

package store

import "context"

type projectsKey struct{}

// WithProjects returns the context of a call that probably uses these projects. A Store may read their states with the
// first statement of a transaction. Wrong ids cost time only.
func WithProjects(ctx context.Context, ids ...string) context.Context {
	return context.WithValue(ctx, projectsKey{}, ids)
}

// ProjectsOf returns the ids that WithProjects has named.
func ProjectsOf(ctx context.Context) []string {
	ids, _ := ctx.Value(projectsKey{}).([]string)
	return ids
}
