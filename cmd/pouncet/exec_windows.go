// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// passedOn are the console events that do not end this program while a command runs: Ctrl-C and Ctrl-Break
// (os.Interrupt), and closing the console, logging off and shutting down (SIGTERM). The program ends when the command
// does.
var passedOn = []os.Signal{os.Interrupt, syscall.SIGTERM}

// passOn does nothing until the command has ended: Windows sends a console event to every process of the console, and
// so to the command too.
func passOn(_ *os.Process, _ *witness, _ <-chan os.Signal, _ signalsBefore, done <-chan struct{}) {
	<-done
}

// witness does nothing.
type witness struct{}

func startWitness(<-chan os.Signal) (w *witness, before int) { return nil, 0 }

func (*witness) end() os.Signal { return nil }

// restOfOutput is how long the output of a command that has ended is read if a process in the background keeps it open.
const restOfOutput = 2 * time.Second

// maskOutput lets a command write into two writers. Call the returned function when the command has ended: it closes
// the writers, and returns the first error.
func maskOutput(cmd *exec.Cmd, stdout, stderr io.WriteCloser) (finish func() error, err error) {
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = stdout, stderr, restOfOutput
	return func() error { return cmp.Or(stdout.Close(), stderr.Close()) }, nil
}

// bindChildren puts this process, and with it every process that it starts,
// into a job object. Windows has no signal that asks a process to end, so a CI
// runner or a service manager terminates this program. The job then ends the
// command, which would otherwise run on with its secrets.
//
// Call release when the command has ended. A process that the command has left
// running then outlives this program, as on other systems.
//
// The process joins the job before it starts a command, because a command that
// is put into a job after its start may have started others already.
//
// If a sandbox forbids job objects, the command runs without one.
func bindChildren() (release func()) {
	none := func() {}
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return none
	}
	limit := func(flags uint32) error {
		var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
		info.BasicLimitInformation.LimitFlags = flags
		_, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
			uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
		return err
	}
	if windows.AssignProcessToJobObject(job, windows.CurrentProcess()) != nil ||
		limit(windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE) != nil {
		_ = windows.CloseHandle(job)
		return none
	}
	return func() {
		if limit(0) == nil {
			_ = windows.CloseHandle(job)
		}
		// Otherwise the handle stays open: closing it would end this process
		// before it has reported the command's exit code.
	}
}

// exitCodeOf returns the exit code of a command. Windows has no signals: after
// Ctrl-C the code is 0xC000013A.
func exitCodeOf(e *exec.ExitError) int { return e.ExitCode() }

// variableKey returns the same key for all names of one environment variable.
// Windows ignores the case of these names.
func variableKey(name string) string { return strings.ToUpper(name) }

// fileSizeLimit returns false: Windows has no limit for the files of a process.
func fileSizeLimit() (bytes uint64, limited bool) { return 0, false }
