// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// The edition leaves out the quiet changes of a row as the engine writes it, even if another field has the name.
func TestEditionLeavesOutQuietChanges(t *testing.T) {
	named := attributes{Attributes: backend.Attributes{Description: `"quiet"`, Labels: map[string]string{"quiet": "7"}}}
	quiet := named
	quiet.Quiet = 2
	for _, c := range []struct {
		a    attributes
		want int64
	}{{attributes{}, 5}, {named, 5}, {quiet, 3}, {attributes{held: held{Quiet: 1}}, 4}} {
		got, err := edition(store.Object{Revision: 5, Attributes: c.a.encode()})
		if err != nil || got != c.want {
			t.Errorf("the edition of %s is %d, %v, want %d", c.a.encode(), got, err, c.want)
		}
	}
}
