// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/servicetest"
)

func TestConformanceOfTheRecordsOfReads(t *testing.T) {
	servicetest.RunRecorded(t, func(t *testing.T) backend.Service {
		c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
		initialise(t, c)
		return opened(t, c)
	})
}

// BenchmarkLists lists 10,000 secrets that were all resolved, with and without the times of that.
func BenchmarkLists(b *testing.B) {
	c := open.Config{Path: filepath.Join(b.TempDir(), "data")}
	if _, err := open.Init(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	s, err := open.Open(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	quota := 10_000
	apply := func(changes ...backend.Change) {
		if _, err := s.Apply(b.Context(), backend.ChangeSet{Changes: changes}); err != nil {
			b.Fatal(err)
		}
	}
	apply(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
		Policy: &backend.PolicyChange{MaxSecrets: &quota}},
		backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "dev"})
	for i := range quota / 1000 {
		var changes []backend.Change
		var refs []backend.Ref
		for j := range 1000 {
			name := fmt.Sprint("s", i*1000+j)
			changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindSecret, Name: name,
				Project: backend.DefaultProject, Environment: "dev", Value: backend.PlaintextString("value")})
			refs = append(refs, backend.Ref{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev",
				Name: name})
		}
		apply(changes...)
		if _, err := s.Resolve(b.Context(), refs); err != nil {
			b.Fatal(err)
		}
	}
	for _, resolved := range []bool{false, true} {
		b.Run(fmt.Sprint("last resolved ", resolved), func(b *testing.B) {
			for b.Loop() {
				objects, err := backend.ListAll(b.Context(), s, backend.Query{Kind: backend.KindSecret,
					Project: backend.DefaultProject, LastResolved: resolved})
				if err != nil || len(objects) != quota {
					b.Fatal(len(objects), err)
				}
			}
		})
	}
}
