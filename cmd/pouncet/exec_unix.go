// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// passedOn are the signals that a command gets. This program ends when the command does.
var passedOn = []os.Signal{
	os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
}

// passOn sends a signal to a running command.
func (a *app) passOn(p *os.Process, s os.Signal) {
	// The terminal sends a typed interrupt to the whole process group.
	if s != os.Interrupt || !isTerminal(a.in) {
		_ = p.Signal(s) // the command may have ended already
	}
}

// bindChildren does nothing: this program passes a signal on before it ends.
func bindChildren() (release func()) { return func() {} }

// exitCodeOf returns the exit code of a command as a shell reports it: 128 plus
// the signal's number for a command that a signal ended.
func exitCodeOf(e *exec.ExitError) int {
	if status, ok := e.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return e.ExitCode()
}

// variableKey returns the same key for all names of one environment variable.
func variableKey(name string) string { return name }
