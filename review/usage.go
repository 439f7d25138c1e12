// SPDX-License-Identifier: MPL-2.0

package review

import (
	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Usages are the places that refer to entries, for each environment that they
// are rendered for, by the project that the entries are in: what a backend is told so that
// it knows who uses what. An environment that the catalog does not have is left
// out: nothing in it is used.
func Usages(sources []*Source, o CheckOptions) map[string][]backend.Usage {
	out := map[string][]backend.Usage{}
	for _, s := range sources {
		for _, r := range s.References {
			p := o.Catalog.Project(o.project(r))
			if p == nil || !isEntry(r) {
				continue
			}
			environments := o.Environments
			if r.Environment != "" {
				environments = []string{r.Environment}
			}
			for _, e := range environments {
				if name, ok := p.environment(e); ok {
					out[p.Name] = append(out[p.Name], backend.Usage{
						Kind: r.Kind, Name: r.Name, Environment: name, Scope: o.scope(r), File: r.Pos.File, Line: r.Pos.Line, Column: r.Pos.Column,
					})
				}
			}
		}
	}
	return out
}
