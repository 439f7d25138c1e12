// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"os/exec"
	"syscall"
)

// endWithTest makes a process end with this one, even if this one is killed.
func endWithTest(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
