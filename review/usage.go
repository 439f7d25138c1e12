// SPDX-License-Identifier: MPL-2.0

package review

import (
	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Usages returns the positions that refer to entries, by the project of the entries, for a backend to register. Each
// position is listed for every environment that the file is rendered for. Environments that the catalog does not have
// are left out.
func Usages(sources []*Source, o CheckOptions) map[string][]backend.Usage {
	out := map[string][]backend.Usage{}
	for _, s := range sources {
		for _, r := range s.References {
			p := o.Catalog.Project(o.project(r.Reference))
			if p == nil || !isEntry(r.Reference) {
				continue
			}
			environments := o.Environments
			if r.Environment != "" {
				environments = []string{r.Environment}
			}
			for _, e := range environments {
				if name, exists := p.environment(e); exists {
					out[p.Name] = append(out[p.Name], backend.Usage{
						Kind: r.Kind, Name: r.Name, Environment: name, Scope: o.scope(r.Reference),
						File: backend.PrintableLine(r.Pos.File), Line: r.Pos.Line, Column: r.Pos.Column,
					})
				}
			}
		}
	}
	return out
}
