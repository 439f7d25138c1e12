// SPDX-License-Identifier: MPL-2.0

// Command terraform-provider-pouncet is the Terraform provider as a plugin. Terraform starts it. The README shows how
// to use a provider that you built yourself.
package main

import (
	"flag"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/pouncet/terraform-provider-pouncet/provider"
)

// version is set by the linker.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, `start for a debugger: see "Debugging Providers" in Terraform's documentation`)
	flag.Parse()
	var options []tf6server.ServeOpt
	if *debug {
		options = append(options, tf6server.WithManagedDebug())
	} else {
		withoutDiscardedLogs()
	}
	err := tf6server.Serve("registry.terraform.io/pouncet/pouncet", provider.NewServer(version), options...)
	if err != nil {
		log.Fatal(err)
	}
}

// withoutDiscardedLogs switches off the trace of Terraform's libraries if nobody asked for a log. By default, they
// write a dozen lines for each call, and leave it to Terraform to discard them. Writing and parsing them takes a
// third of the time of a plan.
func withoutDiscardedLogs() {
	asked := slices.ContainsFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TF_LOG") })
	if !asked {
		_ = os.Setenv("TF_LOG_SDK", "off") // it fails for an invalid name only
	}
}
