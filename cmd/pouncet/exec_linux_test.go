// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a new terminal.
func openTerminal(t *testing.T) (keyboard, screen *os.File) {
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED: no terminals: %v", err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	return keyboard, screen
}

// TestSignalsArriveOnce checks that a command gets each signal exactly once: one for this program only, and one that
// the whole process group gets, from the terminal or from another process.
func TestSignalsArriveOnce(t *testing.T) {
	// Under nohup, the programs that the test starts would ignore SIGHUP. They do not if this process catches it.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) })
	toProgram := func(s syscall.Signal) func(pid int, _ io.Writer) {
		return func(pid int, _ io.Writer) { _ = syscall.Kill(pid, s) }
	}
	toGroup := func(s syscall.Signal) func(pid int, _ io.Writer) {
		return func(pid int, _ io.Writer) { _ = syscall.Kill(-pid, s) }
	}
	const ctrlC, ctrlBackslash = 3, 28
	press := func(key byte) func(_ int, k io.Writer) {
		return func(_ int, k io.Writer) { _, _ = k.Write([]byte{key}) }
	}
	type test struct {
		terminal, piped bool
		send            func(pid int, keyboard io.Writer)
		want            string
		before          []string // the words before the command
	}
	cases := map[string]test{
		"Ctrl-C at a terminal":           {true, false, press(ctrlC), "interrupt", nil},
		"Ctrl-C with another input":      {true, true, press(ctrlC), "interrupt", nil},
		"Ctrl-\\ at a terminal":          {true, false, press(ctrlBackslash), "quit", nil},
		"kill -INT at a terminal":        {true, false, toProgram(syscall.SIGINT), "interrupt", nil},
		"kill -HUP at a terminal":        {true, true, toProgram(syscall.SIGHUP), "hangup", nil},
		"kill -INT without a terminal":   {false, true, toProgram(syscall.SIGINT), "interrupt", nil},
		"kill -TERM without a terminal":  {false, true, toProgram(syscall.SIGTERM), "terminated", nil},
		"kill -TERM for the whole group": {false, true, toGroup(syscall.SIGTERM), "terminated", nil},
		"kill -USR1 for the whole group": {true, true, toGroup(syscall.SIGUSR1), "user defined signal 1", nil},
		"kill -QUIT for the whole group": {false, true, toGroup(syscall.SIGQUIT), "quit", nil},
	}
	if _, err := exec.LookPath("setsid"); err == nil { // then the command gets no signal for the group
		cases["kill -TERM for the group without the command"] = test{false, true, toGroup(syscall.SIGTERM), "terminated",
			[]string{"setsid"}}
		cases["Ctrl-C with a command in another session"] = test{true, true,
			press(ctrlC), "interrupt", []string{"setsid"}}
	} else {
		t.Log("SKIPPED: a command in its own process group: no setsid on PATH")
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			// A lost signal must not keep this test waiting, or leave processes behind.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "pouncet",
				slices.Concat([]string{"run", "--env", "dev", "--"}, c.before, []string{"print-signals"})...)
			cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
			output, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			var keyboard *os.File
			if c.terminal {
				var screen *os.File
				keyboard, screen = openTerminal(t)
				cmd.Stdin, cmd.Stderr = screen, screen
				cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 2
			}
			if c.piped {
				cmd.Stdin = nil
				if _, err := cmd.StdinPipe(); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
			var got []string
			lines := bufio.NewScanner(output)
			for lines.Scan() {
				switch got = append(got, strings.TrimSpace(lines.Text())); len(got) {
				case 1:
					c.send(cmd.Process.Pid, keyboard)
				case 2:
					_ = cmd.Process.Signal(syscall.SIGUSR2) // the command ends after this one
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if want := []string{"ready", c.want, "user defined signal 2"}; !slices.Equal(got, want) {
				t.Errorf("the command printed %q, want %q", got, want)
			}
		})
	}
}

// TestWitnessThatDoesNotEndIsKilled checks that a signal does not wait for a witness that ignores the end of its input.
func TestWitnessThatDoesNotEndIsKilled(t *testing.T) {
	cmd := exec.Command("sleep", "20")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if s := (&witness{cmd, input}).end(); s != nil {
		t.Errorf("the witness reports %v", s)
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Errorf("the witness ended with %v", cmd.ProcessState)
	}
}

// TestStoppedWitnessEnds checks that a witness that somebody has stopped does not keep run waiting.
func TestStoppedWitnessEnds(t *testing.T) {
	w := newWitness()
	if w == nil {
		t.Skip("SKIPPED: no cat")
	}
	if err := w.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(time.Minute, func() { _ = w.cmd.Process.Kill() })
	defer guard.Stop()
	if s := w.end(); s != nil {
		t.Errorf("the witness was ended by the signal %q", s)
	}
}

// TestFailedPipeLeavesNoneOpen checks that the pipe for the standard output is closed if there is none for the standard
// error.
func TestFailedPipeLeavesNoneOpen(t *testing.T) {
	r, w, err := os.Pipe() // the first pipe of a process also opens the files with which the runtime waits
	if err != nil {
		t.Fatal(err)
	}
	_, _ = r.Close(), w.Close()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) })
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 200, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	fill := func() (files []int) {
		for {
			fd, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
			if err != nil {
				return files
			}
			t.Cleanup(func() { _ = syscall.Close(fd) })
			files = append(files, fd)
		}
	}
	for _, fd := range fill()[:3] {
		_ = syscall.Close(fd)
	}
	if _, err := maskOutput(&exec.Cmd{}, closer{}, closer{}); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("maskOutput with 3 free files returns %v", err)
	}
	if n := len(fill()); n != 3 {
		t.Errorf("%d of 3 files are free after the error", n)
	}
}

type closer struct{}

func (closer) Write(b []byte) (int, error) { return len(b), nil }
func (closer) Close() error                { return nil }

func TestInterruptEndsTheWaitForAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"run", "--env", "dev", "--file", pipe, "--", "true"},
		{"secret", "list", "--endpoint", "http://127.0.0.1:1", "--token-file", pipe},
		{"secret", "set", "s", "--env", "dev", "--file", pipe},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var stderr bytes.Buffer
		code := run(ctx, args, streams{nil, io.Discard, &stderr})
		if code != exitInterrupted || stderr.String() != "pouncet: interrupted\n" {
			t.Errorf("%v: exit code %d, %q", args, code, stderr.String())
		}
	}
}

// ignoredAtStart says which signals this process ignores. It is read before the tests begin: after signal.Notify and
// signal.Stop, a signal is ignored again, but signal.Ignored does not say so any more.
var ignoredAtStart = map[syscall.Signal]bool{
	syscall.SIGTERM: signal.Ignored(syscall.SIGTERM),
	syscall.SIGHUP:  signal.Ignored(syscall.SIGHUP),
	syscall.SIGINT:  signal.Ignored(syscall.SIGINT),
}

// TestEarlySignals checks what the command gets of a signal to the group that came while it started. It may have missed
// the signal. A SIGTERM is passed on, and a Ctrl-C is not.
func TestEarlySignals(t *testing.T) {
	for _, c := range []struct {
		name        string
		first       syscall.Signal
		beforeStart int
		want        syscall.Signal
	}{
		{"SIGTERM that came early", syscall.SIGTERM, 1, syscall.SIGTERM},
		{"SIGHUP that came early", syscall.SIGHUP, 1, syscall.SIGHUP},
		{"SIGTERM that came later", syscall.SIGTERM, 0, syscall.SIGQUIT},
		{"Ctrl-C that came early", syscall.SIGINT, 1, syscall.SIGQUIT},
	} {
		t.Run(c.name, func(t *testing.T) {
			if ignoredAtStart[c.first] { // as SIGHUP is below nohup: the command ignores it too
				t.Skipf("SKIPPED: this process ignores %v", c.first)
			}
			command := exec.Command("cat") // it ends with its input, if no signal ends it
			input, err := command.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			defer input.Close()
			w := newWitness()
			if w == nil {
				t.Fatal("there is no cat")
			}
			if err := w.cmd.Process.Signal(c.first); err != nil { // as a signal to the group does
				t.Fatal(err)
			}
			signals, done, passed := make(chan os.Signal), make(chan struct{}), make(chan struct{})
			go func() {
				defer close(passed)
				passOn(command.Process, w, signals, signalsBefore{start: c.beforeStart}, done)
			}()
			signals <- c.first
			signals <- syscall.SIGQUIT // only for this program, so it is passed on
			close(done)
			<-passed
			_ = command.Wait()
			if got := command.ProcessState.Sys().(syscall.WaitStatus).Signal(); got != c.want {
				t.Errorf("the command was ended by %v, want %v", got, c.want)
			}
		})
	}
}
