// SPDX-License-Identifier: MPL-2.0

// Command pouncet is the command line and the server of Pouncet. It creates
// backends, manages their objects, and fills references in configuration.
//
// Every command has three steps. It makes a Query, a Change or a Ref from its
// flags. It calls the one backend.Service that [open.Open] returns for the
// settings. It prints the answer, as text or as JSON. All rules are in the
// backend, so that the command line, Terraform and the server cannot differ.
//
// No flag and no argument takes a secret value: every process on a machine can
// read the arguments of the others, and a shell keeps them in its history.
// Values come from a hidden prompt, standard input, a file, or the generator of
// the backend. For the same reason, no error repeats an unexpected argument.
//
// # Limits
//
// A value from standard input or a file is in memory, and has at most 1 MiB.
// A command that deletes several objects makes one change for each: if one
// fails, the others stay deleted.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	_ "github.com/pouncet/terraform-provider-pouncet/cmd/gcpercent" // fewer garbage collections
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the context. After it, stop makes the second signal end the process.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}
