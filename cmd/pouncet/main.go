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
	"slices"
	"syscall"

	_ "github.com/pouncet/terraform-provider-pouncet/cmd/gcpercent" // fewer garbage collections
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := context.WithCancel(context.Background())
	if signals := notIgnored(os.Interrupt, syscall.SIGTERM); len(signals) > 0 {
		ctx, stop = signal.NotifyContext(ctx, signals...)
	}
	// The first signal ends the context. After it, stop makes the second signal end the process.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// notIgnored returns the given signals that this process does not ignore. Notify for another one would end the
// ignoring, also for a command that this process starts: nohup, and a shell for a job in the background, rely on it.
// Notify for no signal means all signals.
func notIgnored(signals ...os.Signal) []os.Signal {
	return slices.DeleteFunc(slices.Clone(signals), signal.Ignored)
}
