// SPDX-License-Identifier: MPL-2.0

// Command pouncet is the command line and the server: it makes backends, keeps
// what is in them, and renders configuration that refers to it.
//
// Every command is the same three steps: flags become a Query, a Change or a
// Ref; the one backend.Service that [open.Open] picks answers; the answer is
// printed, as a table for people or as JSON for scripts. The rules are in the
// backend, so that none of them can differ between here, Terraform and the
// server.
//
// No flag or argument takes a secret value, since argument lists are visible
// to every process on the machine and stay in the shell's history. Values come
// from a hidden prompt, standard input, a file, or the backend's own generator.
// For the same reason messages do not repeat an argument that stands where none
// belongs.
//
// # Limits
//
// A value from standard input or a file is held in memory, and may have 1 MiB.
// Deleting several things is several changes: those before a refused one stay
// deleted.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	// A command lives for milliseconds, and a server keeps little between
	// requests: at the default, a tenth of all work would be collecting garbage.
	debug.SetGCPercent(400)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks to stop; a second one need not ask.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}
