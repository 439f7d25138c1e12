// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"os/exec"
	"strconv"
)

// startsTree has nothing to do: Windows knows the parent of each process.
func startsTree(*exec.Cmd) {}

// killTree ends the command together with what it started.
func killTree(cmd *exec.Cmd) {
	_ = exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run()
}
