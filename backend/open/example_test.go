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

// This example opens a backend and renders a file. Your own program would rather use
// open.FromEnvironment(open.Config{}), which opens the server that POUNCET_ENDPOINT names, or the nearest .pouncet
// folder.
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

	const project = backend.DefaultProject
	_, err = b.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: project, Name: "prod"},
		{Op: backend.OpSet, Kind: backend.KindSecret, Project: project, Environment: "prod", Name: "db_password",
			Value: backend.PlaintextString("xXxSecreTxXx")},
	}})
	if err != nil {
		panic(err)
	}
	file := interpolate.File{
		Name: "a.yaml",
		Data: []byte("password: \"{{ get_secret_value('db_password') }}\" # for the loader\n"),
	}
	options := interpolate.Options{Project: project, Environment: "prod"}
	rendered, err := interpolate.Render(ctx, b, []interpolate.File{file}, options)
	if err != nil {
		panic(err)
	}
	fmt.Print(string(rendered[0].Data))

	// Read one value without a file.
	ref := backend.Ref{Kind: backend.KindSecret, Project: project, Environment: "prod", Name: "db_password"}
	resolutions, err := b.Resolve(ctx, []backend.Ref{ref})
	if err != nil || resolutions[0].Err != nil {
		panic("the secret cannot be read")
	}
	fmt.Println(len(resolutions[0].Value.Expose()), resolutions[0].Value) // printing a plaintext hides it
	// Output:
	// password: "xXxSecreTxXx" # for the loader
	// 12 [redacted]
}
