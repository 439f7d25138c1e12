// Command pouncet is the command line and the server: it makes backends, keeps
// what is in them, and renders configuration that refers to it.
//
// No flag or argument takes a secret value, since argument lists are visible
// to every process on the machine and stay in the shell's history. Values come
// from a hidden prompt, standard input, a file, or the backend's own generator.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}
