// SPDX-License-Identifier: MPL-2.0

// Command terraform installs a Terraform release into a folder, for machines
// that have neither terraform nor tofu on PATH. It downloads the release from
// HashiCorp and verifies its signature.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hc-install/product"
	"github.com/hashicorp/hc-install/releases"
)

// release is the version that the tests expect.
const release = "1.11.4"

func main() {
	into := flag.String("into", "", "the folder to install into")
	flag.Parse()
	if err := install(*into); err != nil {
		fmt.Fprintf(os.Stderr, "installing Terraform %s: %v\n", release, err)
		fmt.Fprintln(os.Stderr, "hint: install terraform or tofu yourself, and put it on PATH")
		os.Exit(1)
	}
}

func install(into string) error {
	folder, err := filepath.Abs(into)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	path, err := (&releases.ExactVersion{
		Product:    product.Terraform,
		Version:    version.Must(version.NewVersion(release)),
		InstallDir: folder,
	}).Install(context.Background())
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}
