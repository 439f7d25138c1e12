// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// To write 10,000 secrets of one environment takes one KMS call, and to read them takes one. In each process, one more
// unwraps the deployment key.
func TestManySecretsTakeOneKMSCall(t *testing.T) {
	const n = 10_000
	server := kmstest.New(t)
	c := open.Config{Path: filepath.Join(t.TempDir(), "data"), KMSKey: server.URI(t)}
	initialise(t, c)
	quota := n
	changes := []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxSecrets: &quota}},
		{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "dev"},
	}
	b := opened(t, c)
	if _, err := b.Apply(context.Background(), backend.ChangeSet{Changes: changes}); err != nil {
		t.Fatal(err)
	}
	_ = b.Close()

	calls := func() int { return server.Calls("Decrypt") + server.Calls("GenerateDataKey") }
	changes = changes[:0]
	refs := make([]backend.Ref, n)
	for i := range n {
		name := fmt.Sprint("s", i)
		changes = append(changes, backend.Change{
			Op: backend.OpCreate, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev",
			Name: name, Value: backend.PlaintextString(name),
		})
		refs[i] = backend.Ref{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: name}
	}
	before := calls()
	b = opened(t, c)
	if _, err := b.Apply(context.Background(), backend.ChangeSet{Changes: changes}); err != nil {
		t.Fatal(err)
	}
	if used := calls() - before; used != 2 { // one for the environment, one in each process for the deployment
		t.Errorf("writing %d secrets took %d KMS calls", n, used)
	}
	_ = b.Close()

	before = calls()
	b = opened(t, c)
	out, err := b.Resolve(context.Background(), refs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		if out[i].Err != nil || string(out[i].Value.Expose()) != refs[i].Name {
			t.Fatalf("%s: %v", refs[i].Name, out[i].Err)
		}
	}
	if used := calls() - before; used != 2 {
		t.Errorf("reading %d secrets took %d KMS calls", n, used)
	}
}
