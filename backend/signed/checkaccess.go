// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// What the check of the storage says about the rows of the deployment. An owner who accepts one gives its rights, so
// the check says which they are.

// accessFits compares the rows of the deployment with the sum of their state. Up to maxReturned rows that are too many
// were deleted and put back, and each is reported itself.
func (c *checker) accessFits(want sum) bool {
	sums := c.signers.objectSums(c.access)
	if sums.fit(want) {
		return true
	}
	returned := c.signers.objectSummands(c.access).returned(sums, want)
	for _, o := range c.access {
		if slices.Contains(returned, o.ID) {
			c.found = append(c.found, Finding{Kind: string(o.Kind), Name: o.Name, ID: o.ID, Project: o.Project,
				Problem: rowReturned})
		}
	}
	return len(returned) > 0
}

// tellAccess says in the findings about rows of the deployment what the rows give.
func (c *checker) tellAccess() {
	names := c.namesOfAccess()
	for _, o := range c.access {
		for i := range c.found {
			if f := &c.found[i]; f.ID == o.ID && f.Kind == string(o.Kind) {
				f.Detail = names.Replace(string(o.Attributes))
			}
		}
	}
}

// accessList names the rows that Accept signs, because nobody can know from a sum which of them was put back.
func (c *checker) accessList() string {
	if len(c.access) == 0 {
		return "no row is left"
	}
	names, rows := c.namesOfAccess(), make([]string, len(c.access))
	for i, o := range c.access {
		rows[i] = fmt.Sprintf("%s %s, id %s, %s", o.Kind, backend.Quote(o.Name), o.ID, names.Replace(string(o.Attributes)))
	}
	return "accepting signs " + strings.Join(rows, "; ")
}

// namesOfAccess replaces the ids in the attributes of a row by names.
func (c *checker) namesOfAccess() *strings.Replacer {
	var pairs []string
	add := func(id, name string) {
		if backend.IsID(id) && name != "" {
			pairs = append(pairs, id, name)
		}
	}
	for id, name := range c.names {
		add(id, name)
	}
	for _, k := range c.tokens {
		add(k.ID, k.Name)
	}
	for _, o := range c.access {
		add(o.ID, o.Name)
	}
	return strings.NewReplacer(pairs...)
}
