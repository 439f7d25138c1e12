// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package postgrestest

import (
	"context"
	"os"
	"os/exec"
)

// immediateShutdown is a kill: PostgreSQL recovers from it.
var immediateShutdown = os.Kill

func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, name, args...)
}

func giveAway(string) error { return nil }
