// Command terraform-provider-pouncet serves the Terraform provider. Terraform
// starts it; to try it by hand, see the README.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/pouncet/terraform-provider-pouncet/provider"
)

// version is set by the linker.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "serve to a debugger: see \"Debugging Providers\" in Terraform's documentation")
	flag.Parse()
	err := providerserver.Serve(context.Background(), provider.New(version), providerserver.ServeOpts{
		Address: "registry.terraform.io/pouncet/pouncet",
		Debug:   *debug,
	})
	if err != nil {
		log.Fatal(err)
	}
}
