// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// BenchmarkStack1000 resolves 1,000 secrets through all layers: client, HTTP,
// guard, audit log, engine, SQLite.
func BenchmarkStack1000(b *testing.B) {
	c := stack(b)
	quota := 1000
	changes := []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxSecrets: &quota}},
		{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "prod"},
	}
	refs := make([]backend.Ref, quota)
	for i := range refs {
		refs[i] = backend.Ref{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "prod",
			Name: fmt.Sprint("secret_", i)}
		changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindSecret,
			Project: backend.DefaultProject, Environment: "prod", Name: refs[i].Name,
			Value: backend.PlaintextString("a value of average length")})
	}
	if _, err := c.Apply(context.Background(), backend.ChangeSet{Changes: changes}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if out, err := c.Resolve(context.Background(), refs); err != nil || out[999].Err != nil {
			b.Fatal(err)
		}
	}
}
