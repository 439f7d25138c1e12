// SPDX-License-Identifier: MPL-2.0

// Command terraform-provider-pouncet serves the Terraform provider. Terraform
// starts it; to try it by hand, see the README.
package main

import (
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/pouncet/terraform-provider-pouncet/provider"
)

// version is set by the linker.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "serve to a debugger: see \"Debugging Providers\" in Terraform's documentation")
	flag.Parse()
	var options []tf6server.ServeOpt
	if *debug {
		options = append(options, tf6server.WithManagedDebug())
	}
	if err := tf6server.Serve("registry.terraform.io/pouncet/pouncet", provider.NewServer(version), options...); err != nil {
		log.Fatal(err)
	}
}
