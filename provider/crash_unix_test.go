// SPDX-License-Identifier: MPL-2.0

//go:build unix

package provider_test

import (
	"os/exec"
	"syscall"
)

// startsTree lets killTree end the command together with what it starts. Call it before the command starts.
func startsTree(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killTree(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
