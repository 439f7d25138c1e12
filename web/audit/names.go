// SPDX-License-Identifier: MPL-2.0

package audit

import (
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// A record of a comparison has the ids that the call named. People know names.

const (
	// mostNamed is how many objects of a record get a name: those that the list shows.
	mostNamed = 3
	// mostLookups is how many ids are looked up for one page.
	mostLookups = 100
)

// named are the kinds of objects whose names are looked up.
var named = []backend.Kind{backend.KindSecret, backend.KindScopedValue, backend.KindDraft}

// object is what an id is looked up for.
type object struct {
	kind        backend.Kind
	project, id string
}

// addNames gives the objects that a record knows by their ids the names that they have now, if the person may see them.
func addNames(q *site.Request, lines []Line) error {
	names := map[object]string{}
	for _, l := range lines {
		if l.Log == "" || !q.MaySee(l.Log) {
			continue
		}
		shown := 0
		for _, g := range l.Detail.Groups {
			for i := range g.Items {
				item := &g.Items[i]
				if shown++; shown > mostNamed {
					break
				}
				o := object{item.Kind, l.Project, item.ID}
				if item.Name != "" || !backend.IsID(o.id) || !slices.Contains(named, o.kind) {
					continue
				}
				name, known := names[o]
				if !known && len(names) < mostLookups {
					got, err := q.Query(backend.Query{Kind: o.kind, ID: o.id, Project: o.project})
					if err != nil && !site.IsUsers(err) {
						return err
					}
					if len(got.Objects) == 1 {
						name = got.Objects[0].Name
					}
					names[o] = name
				}
				item.Name = name
			}
		}
	}
	return nil
}
