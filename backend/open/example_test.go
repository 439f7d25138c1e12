// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// Open a backend and render with it. A program of its own would open what the
// environment says, open.FromEnvironment(open.Config{}): the server that
// POUNCET_ENDPOINT names, or the nearest .pouncet folder.
func Example() {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	ctx := context.Background()
	b, err := open.Open(ctx, open.Config{Path: filepath.Join(folder, ".pouncet"), CreateIfAbsent: true})
	if err != nil {
		panic(err)
	}
	defer b.Close()

	_, err = b.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "prod"},
		{Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "prod", Name: "db_password", Value: backend.PlaintextString("xXxSecreTxXx")},
	}})
	if err != nil {
		panic(err)
	}
	rendered, err := interpolate.Render(ctx, b, []interpolate.File{{Name: "a.yaml", Data: []byte("password: \"{{ get_secret_value('db_password') }}\" # for the loader\n")}},
		interpolate.Options{Project: backend.DefaultProject, Environment: "prod"})
	if err != nil {
		panic(err)
	}
	fmt.Print(string(rendered[0].Data))

	// One value, without a file.
	found, err := b.Resolve(ctx, []backend.Ref{{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "prod", Name: "db_password"}})
	if err != nil || found[0].Err != nil {
		panic("there is none")
	}
	fmt.Println(len(found[0].Value.Expose()), found[0].Value) // a Value shows itself to nobody who only prints it
	// Output:
	// password: "xXxSecreTxXx" # for the loader
	// 12 [redacted]
}
